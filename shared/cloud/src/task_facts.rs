//! What is known of one ECS task, be it told by an event or by `DescribeTasks`.

use jiff::Timestamp;
use landfall_pipeline::{ATTEMPT_VARIABLE, PLAN_VARIABLE};
use serde::Deserialize;

use crate::clock;

/// One ECS task. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
///
/// A task has succeeded if it is `STOPPED`, its stop code `EssentialContainerExited`, and its exit code 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFacts {
    /// The task's ARN.
    pub task_arn: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `DEPROVISIONING`, `STOPPED` and others on the way.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: Option<String>,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `UserInitiated`, `SpotInterruption` and others.
    pub stop_code: Option<String>,
    /// For people.
    pub stopped_reason: Option<String>,
    /// Of the container that runs dbt. Absent while it runs, if it never started, and sometimes when its host was lost.
    pub exit_code: Option<i32>,
    /// ECS's word about that container, such as `CannotPullContainerError: ...` or `OutOfMemoryError: ...`.
    pub container_reason: Option<String>,
    /// The run id, if Landfall started it.
    pub started_by: Option<String>,
    /// The attempt, from the task's overrides.
    pub attempt: Option<u32>,
    /// The plan's address, from the task's overrides.
    pub plan: Option<String>,
    /// When ECS took the task up.
    pub created_at: Option<Timestamp>,
    /// When it was over.
    pub stopped_at: Option<Timestamp>,
    /// One more at each change: events come in any order, and the highest version is the newest.
    pub version: i64,
}

impl TaskFacts {
    /// Whether the task is over for good.
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// From `DescribeTasks`. None if the answer names no task.
    pub(crate) fn of_task(task: &aws_sdk_ecs::types::Task, container: &str) -> Option<Self> {
        let ours = task.containers().iter().find(|it| it.name() == Some(container));
        let environment = |name: &str| {
            let overrides = task.overrides()?.container_overrides();
            let ours = overrides.iter().find(|it| it.name() == Some(container))?;
            ours.environment().iter().find(|pair| pair.name() == Some(name))?.value().map(str::to_owned)
        };
        Some(Self {
            task_arn: task.task_arn()?.to_owned(),
            last_status: task.last_status()?.to_owned(),
            desired_status: task.desired_status().map(str::to_owned),
            stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason().map(str::to_owned),
            exit_code: ours.and_then(aws_sdk_ecs::types::Container::exit_code),
            container_reason: ours.and_then(|it| it.reason()).map(str::to_owned),
            started_by: task.started_by().map(str::to_owned),
            attempt: environment(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()),
            plan: environment(PLAN_VARIABLE),
            created_at: task.created_at().and_then(clock::from_sdk),
            stopped_at: task.stopped_at().and_then(clock::from_sdk),
            version: task.version(),
        })
    }

    /// From the `detail` of an `ECS Task State Change`.
    pub(crate) fn of_event(detail: TaskDetail, container: &str) -> Self {
        let ours = detail.containers.into_iter().find(|it| it.name == container);
        let overrides = detail.overrides.unwrap_or_default().container_overrides;
        let environment = overrides.into_iter().find(|it| it.name == container).unwrap_or_default().environment;
        let value = |name: &str| environment.iter().find(|pair| pair.name == name).map(|pair| pair.value.clone());
        Self {
            task_arn: detail.task_arn,
            last_status: detail.last_status,
            desired_status: detail.desired_status,
            stop_code: detail.stop_code,
            stopped_reason: detail.stopped_reason,
            exit_code: ours.as_ref().and_then(|it| it.exit_code),
            container_reason: ours.and_then(|it| it.reason),
            started_by: detail.started_by,
            attempt: value(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()),
            plan: value(PLAN_VARIABLE),
            created_at: detail.created_at,
            stopped_at: detail.stopped_at,
            version: detail.version,
        }
    }
}

/// The fields used of the event's `detail`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskDetail {
    task_arn: String,
    last_status: String,
    desired_status: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    started_by: Option<String>,
    created_at: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
    version: i64,
    #[serde(default)]
    containers: Vec<ContainerDetail>,
    overrides: Option<Overrides>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerDetail {
    #[serde(default)]
    name: String,
    exit_code: Option<i32>,
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<ContainerOverride>,
}

#[derive(Debug, Default, Deserialize)]
struct ContainerOverride {
    #[serde(default)]
    name: String,
    #[serde(default)]
    environment: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}
