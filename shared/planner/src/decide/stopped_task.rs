//! A task that stopped, or that ECS no longer knows.

use jiff::{SignedDuration, Timestamp};

use super::limits::{MISSING_AFTER, MISSING_FOR, MISSING_TIMES, OVERDUE_AFTER};
use crate::{ClaimRecord, MissingTask, Run, RunId, RunResult, StopClass, TaskArn};

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

/// Whether a task that ECS does not know counts as stopped.
pub(super) fn missing_counts_as_stopped(
    run: &Run,
    missing: MissingTask,
    claimed_at: Timestamp,
    now: Timestamp,
) -> bool {
    // landfall-task ends the attempt at its time limit, and the sweep stops a task that is overdue.
    let may_run_for = SignedDuration::from_secs(run.timeout_seconds.into()) + OVERDUE_AFTER;
    missing.times >= MISSING_TIMES
        && now.duration_since(missing.since) >= MISSING_FOR
        && now.duration_since(claimed_at) >= MISSING_AFTER.max(may_run_for)
}
