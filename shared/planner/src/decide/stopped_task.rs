//! A task that stopped, or that ECS no longer knows.

use jiff::Timestamp;

use crate::{ClaimRecord, RunId, RunResult, StopClass, TaskArn};

/// What is known of a stopped task.
#[derive(Debug, Clone, PartialEq)]
pub struct StoppedTask {
    /// The run that the task was started for (`startedBy`).
    pub run: RunId,
    /// The attempt, from the task's environment override.
    pub attempt: u32,
    /// The ARN of the task.
    pub task_arn: TaskArn,
    /// The stop code, the reason and the exit code as text.
    pub reason: String,
    /// The class of the stop, by what can be done about it.
    pub class: StopClass,
    /// The container's exit code, where there is one.
    pub exit_code: Option<i32>,
    /// The claim of the attempt, if it has one.
    pub claim: Option<ClaimRecord>,
    /// The result.json of the attempt, if the task wrote one.
    pub result: Option<RunResult>,
}

/// Whether a task that ECS does not know counts as stopped: once its claim is an hour old. ECS forgets a stopped task
/// after about an hour, and may not know a new one yet.
pub fn missing_task_counts_as_stopped(claimed_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(claimed_at) >= jiff::SignedDuration::from_hours(1)
}
