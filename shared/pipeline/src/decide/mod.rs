//! The decider: `decide(board, input, context) -> decision`. It cannot wait, log in or read a clock, so a million histories of it run in
//! seconds, and each of its rules can be tried alone.
//!
//! - [`land`]: events of loads become debts, or are covered, unmapped, ignored (L1, L5). [`gather`]: how long they wait for more.
//! - [`admit`]: debts that are ready become runs, as leases allow (L3, L4, L9). [`queue`]: what keeps them; [`explain`]: in words. [`waiting`]: nodes whose
//!   parents were never built. [`taken`]: the same quickly, for thousands. [`mod@overtaken`]: whether the order was kept.
//! - [`attempts`]: a task started, was refused, was voided. [`settle`]: a task stopped; debts are paid or tried again (L2, L6, L7).
//!   [`refresh`]: or built anew from nothing.
//! - [`releases`], [`jobs`]: the other causes. [`asked`]: a person's word. [`recover`]: a board that was restored.

mod admit;
mod asked;
mod attempts;
mod explain;
mod gather;
mod jobs;
mod land;
mod leases;
mod overtaken;
mod plans;
mod queue;
mod recover;
mod refresh;
mod releases;
mod settle;
mod taken;
#[cfg(test)]
mod tests;
mod waiting;

pub(crate) use admit::due;
pub use asked::ASKS_KEPT;
pub use explain::{Waiting, Why, waits};
pub use gather::{COUNTED_KEPT, GROUPS_CLOSED, GROUPS_OPEN};
pub(crate) use leases::Leases;
pub(crate) use overtaken::overtaken;
pub use recover::{EPOCH_JUMP, Found, FoundClaim, FoundRun};
pub use settle::long_gone;
pub use waiting::waits_for;

use jiff::{SignedDuration, Timestamp};

use crate::{
    About, Asked, Board, Claim, DatasetLoaded, DocsOwed, JobName, LedgerLine, LedgerOutcome, NONCES_KEPT, Nonce,
    ObjectEvent, Plan, Release, RunId, RunResult, StopClass, TaskSettings, invariants, ledger_key, safeguards,
};

/// An event is covered only if it is older than the read point by more than this: S3's event times have whole seconds, and clocks differ.
pub const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// How many hashes of recent events the board keeps; beyond that a repeated event may cost one needless run.
pub const RECENT_KEPT: usize = 4096;
/// A debt that waits longer than this for leases reserves its relations: nothing younger that meets them is admitted.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// How often an attempt that never ran is tried again before the debt is left to people.
pub const MOST_ATTEMPTS: u32 = 4;

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Objects landed, loaders said so, or persons want something; in one batch.
    Loads(&'a [Load]),
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
        /// A person wants it although it is older.
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
        hopeful: bool,
    },
    /// The attempt was made void: it can never run.
    Voided {
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
    Stopped(Box<Stop>),
    /// The board was restored from an older version of it.
    Recover(Box<Found>),
    /// Off the ledger's chain nothing is left up to this object of it.
    Tidied {
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
        /// What was owed and is published. A run may owe the docs of a later attempt by now: those stay owed.
        docs: Vec<DocsOwed>,
    },
}

/// News of one load.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// An object was created.
    Object(ObjectEvent),
    /// An object was deleted.
    Deleted(ObjectEvent),
    /// A loader says that a dataset is loaded.
    Loaded(DatasetLoaded),
    /// A person wants something.
    Asked(Asked),
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
pub struct Stop {
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

/// What is to be written, in this order: the plans, the ledger object, the board.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The board after it.
    pub board: Board,
    /// New plans.
    pub plans: Vec<Plan>,
    /// New lines of the ledger.
    pub lines: Vec<LedgerLine>,
    /// Whether anything changed; if not, nothing is to be written.
    pub changed: bool,
}

/// Decides. Pure; the same arguments give the same decision.
pub fn decide(board: &Board, input: &Input<'_>, context: &Context<'_>) -> Decision {
    // The board's times have milliseconds.
    let now = Timestamp::from_millisecond(context.now.as_millisecond()).unwrap_or(context.now).max(board.now);
    let mut state =
        Deciding { board: board.clone(), lines: Vec::new(), plans: Vec::new(), now, context, release: context.release };
    match input {
        Input::Loads(loads) => state.land(loads),
        Input::Tick => {}
        Input::Schedule { job, scheduled_time } => state.schedule(job, scheduled_time),
        Input::Offer { release, force } => state.offer(release, *force),
        Input::Refuse { release, reason } => state.refuse(release, reason),
        Input::Started { run, attempt, task_arn } => state.started(run, *attempt, task_arn),
        Input::NotStarted { run, attempt, reason, hopeful } => state.not_started(run, *attempt, reason, *hopeful),
        Input::Voided { run, attempt } => state.voided(run, *attempt),
        Input::Claimed { run, attempt, task_arn } => state.claimed(run, *attempt, task_arn),
        Input::Stopped(stop) => state.stopped(stop),
        Input::Recover(found) => state.recover(found),
        Input::Tidied { ledger } => state.board.tidied = state.board.tidied.take().max(Some(ledger.clone())),
        Input::DeadLetters { loads, functions } => state.dead_letters(*loads, *functions),
        Input::LimitAnnounced => {
            if let Some(limit) = &mut state.board.limit_reached {
                limit.told = true;
            }
        }
        Input::Announced { runs } => state.board.announce.retain(|told| !runs.contains(&told.run)),
        Input::Published { docs } => state.published(docs),
    }
    state.expire();
    state.admit();
    state.finish(board)
}

/// A decision in the making.
struct Deciding<'a> {
    board: Board,
    lines: Vec<LedgerLine>,
    plans: Vec<Plan>,
    now: Timestamp,
    context: &'a Context<'a>,
    release: Option<&'a Release>,
}

impl Deciding<'_> {
    fn line(&mut self, event: impl Into<String>, about: About, outcome: LedgerOutcome, detail: impl Into<String>) {
        self.lines.push(LedgerLine { event: event.into(), at: self.now, about, outcome, detail: detail.into() });
    }

    /// Adds the swap's own marks, if there is anything to swap.
    fn finish(mut self, before: &Board) -> Decision {
        let changed = !self.lines.is_empty() || self.board != *before;
        if changed {
            self.board.shorten(self.release);
            self.board.now = self.now;
            self.board.seq = self.board.seq.max(before.seq) + 1;
            self.board.nonces.push_back(self.context.nonce.clone());
            while self.board.nonces.len() > NONCES_KEPT {
                self.board.nonces.pop_front();
            }
            if !self.lines.is_empty() {
                self.board.ledger = Some(ledger_key(self.now, self.board.seq, self.context.nonce));
            }
        }
        debug_assert!(
            !changed
                || !safeguards::keeps_all()
                || invariants::of_step(Some(before), &self.board, self.release).is_empty(),
            "{:?}",
            invariants::of_step(Some(before), &self.board, self.release)
        );
        Decision { board: self.board, plans: self.plans, lines: self.lines, changed }
    }
}
