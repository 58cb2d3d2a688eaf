//! What a decision is made of: the event, and what is known of the world.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::rules::Rules;
use crate::{
    Claim, DatasetLoaded, DatasetName, JobName, LedgerLine, Nonce, ObjectEvent, OperatorCommand, PendingDocs, Plan,
    Release, RunId, RunResult, StopClass, TaskSettings,
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

/// What the restorer of a board found in the state bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecoveryInput {
    /// Every run whose plan may still matter.
    pub runs: Vec<RecoveredRun>,
    /// Datasets of which the ledger tells since the restored board, whether or not a board named the page.
    pub datasets: BTreeSet<DatasetName>,
    /// The highest number of a board that the ledger tells of.
    pub newest: u64,
    /// Operator commands that were followed since, oldest first.
    pub words: Vec<OperatorCommand>,
    /// The newest object of the ledger's chain, as far as it can be followed beyond the restored board.
    pub ledger: Option<String>,
    /// What objects beyond that tell of events that the chain does not tell of: one of them may be what a lost board said.
    pub unrecorded: Vec<LedgerLine>,
}

/// A run whose plan lies in the state bucket, as the restorer found it.
///
/// Before it tells the planner, the restorer looks at every plan that may still matter (all of the last days, and of every run on the restored
/// board), and puts `revoked` (`If-None-Match: *`) to the claim of each of the run's attempts up to [`super::MOST_ATTEMPTS`]. Where a task's claim
/// was there first, it stands here; where every attempt is revoked, no task can ever run the plan (L7).
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveredRun {
    /// Its plan.
    pub plan: Plan,
    /// The newest of its attempts that a task has claimed, unless that task is known to have stopped.
    pub claimed: Option<RecoveredClaim>,
}

/// A claim that was there first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredClaim {
    /// Which attempt.
    pub attempt: u32,
    /// The task.
    pub task_arn: String,
    /// S3's time of the claim.
    pub claimed_at: Timestamp,
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
    /// The rules to decide by: [`ProtocolRules`](super::ProtocolRules) but in the simulation.
    pub rules: &'a dyn Rules,
}
