//! The board: the single document (board.json) with the live state, changed only by compare-and-swap.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Attempt, BacklogEntry, BatchWindows, DatasetName, JobName, LedgerOutcome, NodeId, Nonce, OrdinalSet, RecentEvents,
    ReleaseId, RunId, RunTrigger, SchedulesState, StopClass, Trigger, protocol::compact_triggers,
};

/// The version of board.json that this code reads and writes.
pub const BOARD_VERSION: u32 = 3;
/// The board's key in the state bucket.
pub const BOARD_KEY: &str = "board.json";
/// How many writers' nonces the board keeps. A writer whose reply was lost finds its own there if its write succeeded.
pub const NONCES_KEPT: usize = 64;

/// The live state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// The format's version, [`BOARD_VERSION`].
    pub version: u32,
    /// The number of boards in a row, from 1. A recovery raises it.
    pub epoch: u64,
    /// The number of this board. Each compare-and-swap raises it.
    pub seq: u64,
    /// The latest time that any writer saw. It never decreases.
    pub now: Timestamp,
    /// The nonces of the last [`NONCES_KEPT`] writers, newest last.
    pub nonces: VecDeque<Nonce>,
    /// The key of the newest ledger object.
    pub ledger: Option<String>,
    /// The key of the ledger object up to which the sweep has deleted objects off the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_cleaned_to: Option<String>,
    /// The release in place.
    pub release: Option<ReleaseId>,
    /// The datasets that were ever loaded or adopted.
    pub datasets: BTreeMap<DatasetName, DatasetState>,
    /// Whether an operator paused everything. New data stays pending, and no run is planned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused_all: bool,
    /// Recent operator commands, kept to detect duplicates.
    #[serde(default, skip_serializing_if = "CommandHistory::is_empty")]
    pub commands: CommandHistory,
    /// Recent malformed messages. Each is received several times, and recorded once.
    #[serde(default, skip_serializing_if = "RecentEvents::is_empty")]
    pub malformed: RecentEvents,
    /// The pending nodes by trigger.
    pub backlog: BTreeMap<Trigger, BacklogEntry>,
    /// The live runs.
    pub runs: BTreeMap<RunId, Run>,
    /// Relations that stay held after their run, for `runs.drain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<Draining>,
    /// The nodes that were ever built (ordinals of the release's dictionary).
    pub built: OrdinalSet,
    /// Windows of microbatch models that a run left unfinished. The next run of the model builds them, whatever it is
    /// planned for.
    #[serde(default, skip_serializing_if = "BatchWindows::is_empty")]
    pub unfinished_batches: BatchWindows,
    /// The newest scheduled time of each job. An event with an older one is a duplicate.
    pub jobs: BTreeMap<JobName, String>,
    /// The job schedules: those that are wanted, and those that exist.
    #[serde(default, skip_serializing_if = "SchedulesState::is_empty")]
    pub schedules: SchedulesState,
    /// What the docs site lacks.
    pub docs: DocsState,
    /// Ended runs whose `Run Settled` event was not sent yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<Announcement>,
    /// Runs planned in the current window of `limits.runs_per_day`.
    pub budget: Budget,
    /// Present while that limit keeps a run from being planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reached: Option<LimitReached>,
    /// Present while dead-letter queues hold messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,
}

/// An ended run, as the event `Run Settled` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The id of the run.
    pub run: RunId,
    /// The number of its last attempt.
    pub attempt: u32,
    /// The outcome of the run.
    pub outcome: LedgerOutcome,
    /// The outcome as text for operators.
    pub detail: String,
    /// How the task of its last attempt stopped, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<StopClass>,
    /// The triggers that it was planned for.
    #[serde(with = "compact_triggers")]
    pub triggers: Vec<RunTrigger>,
    /// Nodes that dbt executed although the plan does not name them, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
}

impl Announcement {
    /// Returns the event's `detail`: as the board has it, but with the fields of each trigger.
    ///
    /// # Errors
    ///
    /// Fails if a value cannot be written as JSON.
    pub fn detail(&self) -> Result<Value, serde_json::Error> {
        let mut detail = serde_json::to_value(self)?;
        if let Some(triggers) = detail.get_mut("triggers") {
            *triggers = serde_json::to_value(&self.triggers)?;
        }
        Ok(detail)
    }
}

/// Recent operator commands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandHistory {
    /// Hashes of the event ids of the last commands, newest last.
    pub recent: VecDeque<String>,
    /// When the newest command to pause or resume everything was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

impl CommandHistory {
    fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.sent_at.is_none()
    }
}

/// The runs planned in a window of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// When the window began.
    pub since: Timestamp,
    /// How many runs were planned in it.
    pub runs: u32,
}

/// The state of `limits.runs_per_day` while it keeps runs from being planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    /// Since when it keeps a run from being planned.
    pub since: Timestamp,
    /// How many runs were planned in the window.
    pub runs: u32,
    /// When runs are planned again.
    pub until: Timestamp,
    /// Whether the event about it was sent.
    #[serde(default)]
    pub announced: bool,
}

/// Messages in the dead-letter queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Messages that could not be read as a load, or failed too often.
    pub loads: u64,
    /// Failed calls of functions.
    pub functions: u64,
    /// Since when there are any.
    pub since: Timestamp,
}

/// What the board remembers of a dataset. In JSON its times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DatasetState {
    /// The newest generation of its backlog entry. 0 before the first.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Whether it exists in the warehouse: it was loaded, or adopted with the first release. True is left out of the
    /// JSON, because it is the usual value.
    #[serde(default = "loaded", skip_serializing_if = "Clone::clone")]
    pub loaded: bool,
    /// Small single PUTs before this time are covered: the read point of the last run that planned a whole generation,
    /// less the margin.
    #[serde(rename = "covered", default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub covered_to: Option<Timestamp>,
    /// When its last run was planned.
    #[serde(rename = "ran", default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub last_run: Option<Timestamp>,
    /// Its groups, with the policy `count`.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub groups: Groups,
    /// Whether an operator paused it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// When the newest command to pause or resume it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_changed_at: Option<Timestamp>,
    /// Recent events that `covered_to` does not cover, to recognise duplicates.
    #[serde(default, skip_serializing_if = "RecentEvents::is_empty")]
    pub recent: RecentEvents,
}

fn loaded() -> bool {
    true
}

/// The groups of a dataset with the policy `count`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Groups {
    /// Incomplete groups by name.
    pub open: BTreeMap<String, OpenGroup>,
    /// Names of the last complete groups, newest last. Their further objects are late.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub closed: VecDeque<String>,
}

impl Groups {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }
}

/// An incomplete group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGroup {
    /// When its first object came.
    pub since: Timestamp,
    /// Short hashes of the keys of its objects.
    pub keys: BTreeSet<String>,
}

/// A live run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it was planned.
    pub planned_at: Timestamp,
    /// The release that it runs. It does not change until the run ends.
    pub release: ReleaseId,
    /// The triggers whose nodes it completes.
    #[serde(with = "compact_triggers")]
    pub triggers: Vec<RunTrigger>,
    /// The planned nodes (ordinals).
    pub nodes: OrdinalSet,
    /// Nodes that succeeded in earlier attempts.
    pub done: OrdinalSet,
    /// Relations (ordinals) that only this run may write.
    pub writes: OrdinalSet,
    /// Relations (ordinals) that it reads, and that no run may write meanwhile.
    pub reads: OrdinalSet,
    /// Whether it holds the whole warehouse.
    pub exclusive: bool,
    /// Whether it holds relations that the release in place cannot name. No run is planned while it is live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_unknown: bool,
    /// The read point: the time of the first attempt's claim by S3's clock, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_point: Option<Timestamp>,
    /// Nodes that dbt executed in earlier attempts although the plan does not name them, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
    /// The time limit of dbt in the container, in seconds.
    pub timeout_seconds: u32,
    /// The live attempt.
    pub attempt: Attempt,
}

/// Relations that stay held after their run, because its statements may still execute in the warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draining {
    /// The id of the run.
    pub run: RunId,
    /// When the hold ends.
    pub until: Timestamp,
    /// Relations (ordinals) that it wrote.
    pub writes: OrdinalSet,
    /// Relations (ordinals) that it read.
    pub reads: OrdinalSet,
    /// Whether it held the whole warehouse.
    pub exclusive: bool,
}

/// What the docs site lacks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DocsState {
    /// Docs of runs that are not published yet, oldest first.
    pub pending: Vec<PendingDocs>,
    /// When docs were last published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// The earliest time of the next publication (`docs.every`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// A run whose docs are pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDocs {
    /// The id of the run.
    pub run: RunId,
    /// The attempt whose artifacts are published.
    pub attempt: u32,
    /// The release of the run.
    pub release: ReleaseId,
    /// The read point of the run. The docs of a node come from the run with the newest one.
    pub read_point: Timestamp,
}

impl Board {
    /// The first board of a stack.
    pub fn new(now: Timestamp) -> Self {
        Self {
            version: BOARD_VERSION,
            epoch: 1,
            seq: 0,
            // Entries store their times in milliseconds, and must not begin before the board.
            now: super::whole_milliseconds(now),
            nonces: VecDeque::new(),
            ledger: None,
            ledger_cleaned_to: None,
            release: None,
            datasets: BTreeMap::new(),
            paused_all: false,
            commands: CommandHistory::default(),
            malformed: RecentEvents::default(),
            backlog: BTreeMap::new(),
            runs: BTreeMap::new(),
            draining: Vec::new(),
            built: OrdinalSet::new(),
            unfinished_batches: BatchWindows::new(),
            jobs: BTreeMap::new(),
            schedules: SchedulesState::default(),
            docs: DocsState::default(),
            announce: Vec::new(),
            budget: Budget { since: now, runs: 0 },
            limit_reached: None,
            dead_letters: None,
        }
    }
}
