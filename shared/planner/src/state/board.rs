//! board.json: the one document that holds the live state, changed only by compare-and-compare-and-swap.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Attempt, BacklogEntry, DatasetName, JobName, LedgerOutcome, NodeId, Nonce, OrdinalSet, RecentEvents, ReleaseId,
    RunId, RunTrigger, StopClass, Trigger, protocol::compact_triggers,
};

/// The version of board.json that this code reads and writes.
pub const BOARD_VERSION: u32 = 2;
/// The board's key in the state bucket.
pub const BOARD_KEY: &str = "board.json";
/// How many writers' marks the board keeps, so that a writer whose reply was lost can see that it won.
pub const NONCES_KEPT: usize = 64;

/// The live state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// [`BOARD_VERSION`].
    pub version: u32,
    /// One more each time an older board is restored.
    pub epoch: u64,
    /// One more at each compare-and-swap.
    pub seq: u64,
    /// Never runs backwards: the latest time any writer saw.
    pub now: Timestamp,
    /// The last [`NONCES_KEPT`] writers, newest last.
    pub nonces: VecDeque<Nonce>,
    /// The key of the newest ledger object.
    pub ledger: Option<String>,
    /// The key of the newest ledger object up to which the sweep has deleted strays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_cleaned_to: Option<String>,
    /// The release in place.
    pub release: Option<ReleaseId>,
    /// Each dataset that was ever loaded or adopted.
    pub datasets: BTreeMap<DatasetName, DatasetState>,
    /// An operator paused everything: what is pending is kept, and no run is planned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused_all: bool,
    /// Operator commands that came of late.
    #[serde(default, skip_serializing_if = "CommandHistory::is_empty")]
    pub commands: CommandHistory,
    /// What is pending, by who has pending it.
    pub backlog: BTreeMap<Trigger, BacklogEntry>,
    /// Live runs.
    pub runs: BTreeMap<RunId, Run>,
    /// What runs held whose task has stopped, for `runs.drain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<Draining>,
    /// Nodes that were ever built (ordinals of the release's dictionary).
    pub built: OrdinalSet,
    /// Each job's newest scheduled time: one that is not newer is a repetition.
    pub jobs: BTreeMap<JobName, String>,
    /// What the docs site is behind by.
    pub docs: DocsState,
    /// Runs that are over, and not yet told to the event bus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<Announcement>,
    /// Runs planned of late, for `limits.runs_per_day`.
    pub budget: Budget,
    /// Present while that limit keeps something from running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reached: Option<LimitReached>,
    /// Present while messages lie in dead-letter queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,
}

/// A run that is over: the event `Run Settled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The run.
    pub run: RunId,
    /// Its last attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: LedgerOutcome,
    /// For people.
    pub detail: String,
    /// How its last attempt's task stopped, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<StopClass>,
    /// What it was for.
    #[serde(with = "compact_triggers")]
    pub triggers: Vec<RunTrigger>,
    /// What dbt executed in it outside the plan, at most 20 nodes: none, or there is something to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
}

impl Announcement {
    /// The event's `detail`: as the board has it, but with each trigger by its fields.
    pub fn detail(&self) -> Result<Value, serde_json::Error> {
        let mut detail = serde_json::to_value(self)?;
        if let Some(triggers) = detail.get_mut("triggers") {
            *triggers = serde_json::to_value(&self.triggers)?;
        }
        Ok(detail)
    }
}

/// What the board remembers of operator commands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandHistory {
    /// Hashes of the ids of the last events, newest last.
    pub recent: VecDeque<String>,
    /// When the newest word about the pause of everything was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

impl CommandHistory {
    fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.sent_at.is_none()
    }
}

/// Runs planned in a window of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// When the window began.
    pub since: Timestamp,
    /// Runs planned in it.
    pub runs: u32,
}

/// `limits.runs_per_day` is a breaker, and a loud one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    /// Since when it keeps something from running.
    pub since: Timestamp,
    /// How many runs were planned in the window.
    pub runs: u32,
    /// When runs are planned again.
    pub until: Timestamp,
    /// Whether the event bus knows.
    #[serde(default)]
    pub told: bool,
}

/// Messages that nobody could handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// In the queue of what could not be read as a load.
    pub loads: u64,
    /// In the queue of the functions' failed calls.
    pub functions: u64,
    /// Since when there are any.
    pub since: Timestamp,
}

/// A dataset's memory. In JSON its times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DatasetState {
    /// The newest generation of its backlog entry; 0: none yet.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// It exists in the warehouse: it was loaded, or adopted with the first release. Of thousands most are.
    #[serde(default = "loaded", skip_serializing_if = "Clone::clone")]
    pub loaded: bool,
    /// Events before this are covered: the read point, less the margin, of the last run that planned a whole generation.
    #[serde(rename = "covered", default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub covered_to: Option<Timestamp>,
    /// When its last run was planned.
    #[serde(rename = "ran", default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub last_run: Option<Timestamp>,
    /// With the policy `count`: its groups.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub groups: Groups,
    /// An operator paused it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// When the newest word about its pause was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_changed_at: Option<Timestamp>,
    /// Events on the board that `covered_to` does not reach.
    #[serde(default, skip_serializing_if = "RecentEvents::is_empty")]
    pub recent: RecentEvents,
}

fn loaded() -> bool {
    true
}

/// The groups of a dataset whose objects are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Groups {
    /// Incomplete ones, by name.
    pub open: BTreeMap<String, OpenGroup>,
    /// Names of those that were complete, newest last: what still comes of them is late.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub closed: VecDeque<String>,
}

impl Groups {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }
}

/// A group that is being counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGroup {
    /// When its first object came.
    pub since: Timestamp,
    /// Short hashes of the keys that came.
    pub keys: BTreeSet<String>,
}

/// A live run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it was planned.
    pub planned_at: Timestamp,
    /// The release it runs, to its end.
    pub release: ReleaseId,
    /// What it completes.
    #[serde(with = "compact_triggers")]
    pub triggers: Vec<RunTrigger>,
    /// Nodes planned (ordinals).
    pub nodes: OrdinalSet,
    /// Nodes that succeeded in attempts already over.
    pub done: OrdinalSet,
    /// Relations (ordinals) it may write: nobody else may.
    pub writes: OrdinalSet,
    /// Relations (ordinals) it reads: nobody may write them.
    pub reads: OrdinalSet,
    /// It holds the whole warehouse.
    pub exclusive: bool,
    /// It holds relations that the release in place cannot name: nothing is planned while it lives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_unknown: bool,
    /// The read point: S3's time of the first attempt's claim, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_point: Option<Timestamp>,
    /// What dbt executed outside the plan in attempts already over, at most 20 nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
    /// Seconds that the container gives dbt.
    pub timeout_seconds: u32,
    /// The live attempt.
    pub attempt: Attempt,
}

/// What a run held that is over: its statements may outlive it in the warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draining {
    /// The run.
    pub run: RunId,
    /// Held until then.
    pub until: Timestamp,
    /// Relations (ordinals) it wrote.
    pub writes: OrdinalSet,
    /// Relations (ordinals) it read.
    pub reads: OrdinalSet,
    /// It held the whole warehouse.
    pub exclusive: bool,
}

/// What the docs site is behind by.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DocsState {
    /// Runs whose docs are not published yet, oldest first.
    pub pending: Vec<PendingDocs>,
    /// When docs were last published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Not to be published before (`docs.every`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// A run whose docs are pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDocs {
    /// The run.
    pub run: RunId,
    /// The attempt whose artifacts count.
    pub attempt: u32,
    /// Its release.
    pub release: ReleaseId,
    /// Its read point: newer wins.
    pub read_point: Timestamp,
}

impl Board {
    /// The first board of a stack.
    pub fn new(now: Timestamp) -> Self {
        Self {
            version: BOARD_VERSION,
            epoch: 1,
            seq: 0,
            now,
            nonces: VecDeque::new(),
            ledger: None,
            ledger_cleaned_to: None,
            release: None,
            datasets: BTreeMap::new(),
            paused_all: false,
            commands: CommandHistory::default(),
            backlog: BTreeMap::new(),
            runs: BTreeMap::new(),
            draining: Vec::new(),
            built: OrdinalSet::new(),
            jobs: BTreeMap::new(),
            docs: DocsState::default(),
            announce: Vec::new(),
            budget: Budget { since: now, runs: 0 },
            limit_reached: None,
            dead_letters: None,
        }
    }
}
