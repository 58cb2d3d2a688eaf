//! The state of an ECS task, from an event or from `DescribeTasks`.

use jiff::Timestamp;
use landfall_planner::TaskArn;

/// One ECS task. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
///
/// A task has succeeded if it is `STOPPED`, its stop code `EssentialContainerExited`, and its exit code 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The task's ARN.
    pub task_arn: TaskArn,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `DEPROVISIONING`, `STOPPED` and others on the way.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: Option<String>,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `UserInitiated`, `SpotInterruption` and others.
    pub stop_code: Option<String>,
    /// The reason in ECS's text.
    pub stopped_reason: Option<String>,
    /// The exit code of the container that runs dbt. Absent while it runs, if it never started, and sometimes when its host was lost.
    pub exit_code: Option<i32>,
    /// ECS's error about that container, such as `CannotPullContainerError: ...` or `OutOfMemoryError: ...`.
    pub container_reason: Option<String>,
    /// The run id, if Landfall started it.
    pub started_by: Option<String>,
    /// The attempt, from the task's overrides.
    pub attempt: Option<u32>,
    /// The plan's address, from the task's overrides.
    pub plan: Option<String>,
    /// When ECS accepted the task.
    pub created_at: Option<Timestamp>,
    /// When the task stopped.
    pub stopped_at: Option<Timestamp>,
    /// The version of this state. Events arrive in any order, and the highest version is the newest.
    pub version: i64,
}

impl TaskState {
    /// Whether the task has stopped.
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }
}
