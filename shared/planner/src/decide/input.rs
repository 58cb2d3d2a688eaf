//! The arguments of a decision: the event, and what is known besides the board.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::rules::Rules;
use super::stopped_task::StoppedTask;
use crate::{
    DatasetLoaded, DatasetName, JobName, LedgerLine, Nonce, ObjectEvent, OperatorCommand, PendingDocs, Plan, Release,
    RunId, TaskArn, TaskSettings,
};

/// What a decision reacts to.
#[derive(Debug)]
pub enum Input<'a> {
    /// One batch of the queue of loads: objects, loaders' reports and operator commands.
    Events(&'a [InboundEvent]),
    /// Time passed, and nothing else happened.
    Tick,
    /// A job's schedule came due.
    Schedule {
        /// The name of the job.
        job: JobName,
        /// The scheduled time as EventBridge Scheduler wrote it. It identifies duplicates.
        scheduled_time: String,
    },
    /// A compiled release is to be put in place.
    Offer {
        /// The compiled release.
        release: &'a Release,
        /// Whether an operator wants it although it is older than the one in place.
        force: bool,
    },
    /// A release was refused before it was compiled.
    Refuse {
        /// The id of the release.
        release: crate::ReleaseId,
        /// The reason, for the ledger.
        reason: String,
    },
    /// `RunTask` started a task.
    Started {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
        /// The ARN of the task.
        task_arn: TaskArn,
    },
    /// `RunTask` answered that it started no task.
    NotStarted {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
        /// The service's message.
        reason: String,
        /// Whether trying again may help.
        retryable: bool,
    },
    /// The attempt was revoked, so that no task can run it.
    Revoked {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
    },
    /// A task turned out to have claimed the attempt.
    Claimed {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
        /// The ARN of that task.
        task_arn: TaskArn,
    },
    /// A task stopped.
    Stopped(Box<StoppedTask>),
    /// ECS does not know the task of a running attempt. What is known of it is as if it had stopped.
    Missing(Box<StoppedTask>),
    /// ECS knows the tasks of these runs, although it did not before.
    Known {
        /// The ids of the runs.
        runs: Vec<RunId>,
    },
    /// The board was restored from an older version.
    Recover(Box<RecoveryInput>),
    /// Ledger objects off the chain were deleted up to this object.
    LedgerCleaned {
        /// The key of the object.
        ledger: String,
    },
    /// How many messages the dead-letter queues hold.
    DeadLetters {
        /// Messages in the queue of loads' dead-letter queue.
        loads: u64,
        /// Failed calls of functions.
        functions: u64,
    },
    /// A function asks to change the job schedules.
    SchedulesBegun {
        /// The random mark of this call of the function.
        nonce: Nonce,
    },
    /// A function changed the job schedules, or failed to.
    SchedulesSettled {
        /// The mark with which it began.
        nonce: Nonce,
        /// The hash of the schedules that exist now, or the failure as text.
        outcome: Result<String, String>,
    },
    /// The event `limits.runs_per_day is reached` was sent.
    LimitAnnounced,
    /// The event `Run Settled` was sent for these runs.
    Announced {
        /// The ids of the runs.
        runs: Vec<RunId>,
    },
    /// Docs were published.
    Published {
        /// The docs that were pending when they were read. Docs of a later attempt stay pending.
        docs: Vec<PendingDocs>,
    },
}

/// One message of the queue of loads.
#[derive(Debug, Clone, PartialEq)]
pub enum InboundEvent {
    /// An object was created.
    ObjectCreated(ObjectEvent),
    /// An object was deleted.
    ObjectDeleted(ObjectEvent),
    /// A loader reports that a dataset is loaded.
    DatasetLoaded(DatasetLoaded),
    /// An operator sent a command.
    Command(OperatorCommand),
    /// A text that is none of these. The message goes to the dead-letter queue.
    Malformed {
        /// The id of the message.
        event_id: String,
        /// Why it cannot be read.
        reason: String,
        /// The first characters of the text.
        text: String,
    },
    /// An event of another kind.
    Other {
        /// The id of the event.
        event_id: String,
        /// The kind of the event.
        what: String,
    },
}

/// What `landfall recover` found in the state bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecoveryInput {
    /// Every run whose plan may still be executed.
    pub runs: Vec<RecoveredRun>,
    /// Datasets that the ledger mentions since the restored board, on its chain or not.
    pub datasets: BTreeSet<DatasetName>,
    /// The highest `seq` of a board in the ledger.
    pub newest: u64,
    /// Operator commands that were executed since, oldest first.
    pub commands: Vec<OperatorCommand>,
    /// The key of the newest object on the ledger's chain, as far as the chain continues beyond the restored board.
    pub ledger: Option<String>,
    /// Ledger lines beyond that about events that the chain does not have. A lost board may have named their object.
    pub unrecorded: Vec<LedgerLine>,
}

/// A run whose plan was found in the state bucket.
///
/// Before it asks the planner, `landfall recover` looks at every plan that may still be executed: all of the last
/// days, and of every run on the restored board. It tries to revoke each attempt of the run up to
/// [`super::MAX_ATTEMPTS`]. Where a task's claim was there first, that claim is here. Where every attempt is revoked,
/// no task can run the plan (L7).
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveredRun {
    /// The plan of the run.
    pub plan: Plan,
    /// The newest attempt that a task has claimed. `None` if that task is known to have stopped.
    pub claimed: Option<RecoveredClaim>,
}

/// A task's claim that was written before the attempt could be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredClaim {
    /// The number of the attempt.
    pub attempt: u32,
    /// The ARN of the task.
    pub task_arn: TaskArn,
    /// When the claim was written, by S3's clock.
    pub claimed_at: Timestamp,
}

/// What a decision depends on besides the board and the input.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The random mark of the writer.
    pub nonce: &'a Nonce,
    /// The release that the board names, if any.
    pub release: Option<&'a Release>,
    /// Where and how tasks run. A function that does not know it plans no run.
    pub task: Option<&'a TaskSettings>,
    /// The rules to decide by. Only the simulation passes others than [`ProtocolRules`](super::ProtocolRules).
    pub rules: &'a dyn Rules,
}
