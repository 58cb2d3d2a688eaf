//! What a decision is made of: the event, and what is known of the world.

use jiff::Timestamp;

use super::recovery::RecoveryInput;
use crate::{
    Claim, DatasetLoaded, JobName, Nonce, ObjectEvent, OperatorCommand, PendingDocs, Release, RunId, RunResult,
    StopClass, TaskSettings,
};

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Objects landed, loaders said so, or persons want something; in one batch.
    Events(&'a [InboundEvent]),
    /// Nothing but time passed.
    Tick,
    /// A job's schedule came due.
    Schedule {
        /// The job.
        job: JobName,
        /// The scheduled time as the scheduler wrote it: the mark by which a repetition is known.
        scheduled_time: String,
    },
    /// A release is compiled and offers itself.
    Offer {
        /// It.
        release: &'a Release,
        /// An operator wants it although it is older.
        force: bool,
    },
    /// A release was refused before it could be compiled.
    Refuse {
        /// It.
        release: crate::ReleaseId,
        /// Why.
        reason: String,
    },
    /// `RunTask` answered with a task.
    Started {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// The task.
        task_arn: String,
    },
    /// `RunTask` answered that it starts nothing.
    NotStarted {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// In the service's words.
        reason: String,
        /// Whether trying again may help.
        retryable: bool,
    },
    /// The attempt was revoked: it can never run.
    Revoked {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
    },
    /// The attempt turned out to be claimed by a task.
    Claimed {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// By whom.
        task_arn: String,
    },
    /// A task stopped.
    Stopped(Box<StoppedTask>),
    /// The board was restored from an older version of it.
    Recover(Box<RecoveryInput>),
    /// Off the ledger's chain nothing is left up to this object of it.
    LedgerCleaned {
        /// Its key.
        ledger: String,
    },
    /// How many messages lie in the dead-letter queues.
    DeadLetters {
        /// In that of the queue of loads.
        loads: u64,
        /// In that of the functions' failed calls.
        functions: u64,
    },
    /// The event bus was told that `limits.runs_per_day` is reached.
    LimitAnnounced,
    /// The event bus was told of these runs.
    Announced {
        /// Runs.
        runs: Vec<RunId>,
    },
    /// Docs were published.
    Published {
        /// What was pending and is published. A run may owe the docs of a later attempt by now: those stay pending.
        docs: Vec<PendingDocs>,
    },
}

/// News of one load.
#[derive(Debug, Clone, PartialEq)]
pub enum InboundEvent {
    /// An object was created.
    ObjectCreated(ObjectEvent),
    /// An object was deleted.
    ObjectDeleted(ObjectEvent),
    /// A loader says that a dataset is loaded.
    DatasetLoaded(DatasetLoaded),
    /// An operator wants something.
    Command(OperatorCommand),
    /// A text that could not be read as any of these; it goes to the dead-letter queue.
    Malformed {
        /// The message's id.
        event_id: String,
        /// What is wrong with it.
        reason: String,
        /// Its first characters.
        text: String,
    },
    /// An event of another kind.
    Other {
        /// Its id.
        event_id: String,
        /// What it is.
        what: String,
    },
}

/// What is known of a task that stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct StoppedTask {
    /// The run that it was started for (`startedBy`).
    pub run: RunId,
    /// The attempt, from the task's own override.
    pub attempt: u32,
    /// The task.
    pub task_arn: String,
    /// In words, from the stop code, the reason and the exit code.
    pub reason: String,
    /// The same, told apart by what can be done about it.
    pub class: StopClass,
    /// The container's exit code, where there is one.
    pub exit_code: Option<i32>,
    /// The claim of the attempt and S3's time of it.
    pub claim: Option<(Claim, Timestamp)>,
    /// result.json of the attempt.
    pub result: Option<RunResult>,
}

/// What else a decision is made of.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// The writer's mark.
    pub nonce: &'a Nonce,
    /// The release that the board names.
    pub release: Option<&'a Release>,
    /// Where and how tasks run; a function that does not know it starts none.
    pub task: Option<&'a TaskSettings>,
}
