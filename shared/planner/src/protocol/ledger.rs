//! The ledger: every event and what became of it, as JSON lines that Athena or DuckDB read as they lie.
//!
//! An object of the ledger is written before the board is replaced; the compare-and-swap commits it by naming its key. Each object names the one before
//! it, so the chain from the board backwards is the truth and anything off the chain is a stray.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DatasetName, JobName, NodeId, NodeStatus, Nonce, OperatorAction, ReleaseId, RunId, StopClass, Trigger};

/// The version of the ledger's format that this code writes.
pub const LEDGER_VERSION: u32 = 2;

/// One object of the ledger: a header line, then one line an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerObject {
    /// The first line.
    pub header: LedgerHeader,
    /// The rest.
    pub lines: Vec<LedgerLine>,
}

/// The first line of a ledger object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHeader {
    /// [`LEDGER_VERSION`].
    pub ledger: u32,
    /// The board's number after the compare-and-swap that commits this object.
    pub seq: u64,
    /// The writer's mark.
    pub nonce: Nonce,
    /// When.
    pub at: Timestamp,
    /// The key of the object before it on the chain.
    pub previous: Option<String>,
}

/// One event and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// The event's own id: `EventBridge`'s `id`, or one that its source makes unique (`run/<run_id>/planned`).
    pub event: String,
    /// When the planner took it up.
    pub at: Timestamp,
    /// What it was about.
    pub about: LedgerSubject,
    /// What became of it.
    pub outcome: LedgerOutcome,
    /// For people: why.
    pub detail: String,
}

/// What an event was about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LedgerSubject {
    /// An object landed.
    Object {
        /// Bucket.
        bucket: String,
        /// Key, as it is: hostile text.
        key: String,
        /// Present in a versioned bucket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
        /// Bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// It was deleted, not written.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deleted: bool,
        /// The dataset it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<DatasetName>,
        /// The generation of the dataset's backlog entry that it opened or joined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<u64>,
    },
    /// A loader said "loaded".
    Loaded {
        /// The name as the loader gave it.
        dataset: String,
        /// The loader's own mark of the batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_id: Option<String>,
        /// The generation of the dataset's backlog entry that it opened or joined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<u64>,
    },
    /// A job's schedule came due.
    Schedule {
        /// The job.
        job: JobName,
        /// Its scheduled time.
        scheduled_time: String,
    },
    /// A release was offered.
    Release {
        /// The release.
        release: ReleaseId,
    },
    /// Something happened to a run.
    Run {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// The release it runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// The task, once known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task_arn: Option<String>,
        /// How the attempt's task stopped, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<StopClass>,
        /// What it completes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        triggers: Vec<RunTrigger>,
        /// How many nodes were planned (when planned) or succeeded so far (when settled).
        #[serde(default)]
        nodes: usize,
        /// What went wrong, at most 20 nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<FailedNode>,
        /// What dbt executed outside the plan, at most 20 nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unplanned_nodes: Vec<NodeId>,
    },
    /// An operator asked for something.
    OperatorCommand {
        /// For what.
        command: OperatorAction,
        /// When it was said, by the event.
        sent_at: Timestamp,
    },
    /// The board itself was restored.
    Board {
        /// Its epoch since.
        epoch: u64,
    },
    /// `limits.runs_per_day` keeps something from running.
    Limit {
        /// How many runs were planned in the window.
        runs: u32,
    },
    /// A text that is no event.
    Other {
        /// Its first characters.
        text: String,
    },
}

/// A trigger and the generation of its backlog entry that a run completes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTrigger {
    /// Who has pending.
    pub trigger: Trigger,
    /// Which generation.
    pub generation: u64,
    /// Whether this run is the first to plan the generation: only its read point covers later events.
    #[serde(default)]
    pub first: bool,
}

/// A node that failed, in dbt's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedNode {
    /// dbt's unique id.
    pub id: NodeId,
    /// dbt's status.
    pub status: NodeStatus,
    /// dbt's message.
    #[serde(default)]
    pub message: String,
}

/// What became of an event. The first five are the only ends of a load's event (L1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerOutcome {
    /// It opened or joined a backlog entry.
    Mapped,
    /// What it tells is known, or was read already.
    Covered,
    /// It lies under no known location.
    Unmapped,
    /// It is of a kind that is no load.
    Ignored,
    /// It could not be read, and went to the dead-letter queue.
    Malformed,
    /// A release was put into place, an operator command was followed, or a board was restored.
    Accepted,
    /// A release, a schedule or an operator command was turned down.
    Refused,
    /// A run was planned.
    Planned,
    /// An attempt's task is started.
    Started,
    /// An attempt is over and another follows.
    Retried,
    /// A run is over, and all it planned succeeded.
    Succeeded,
    /// A run is over, and something is still pending.
    Failed,
    /// A backlog entry ended otherwise: its dataset or its nodes are gone.
    Dropped,
}

/// The key of the ledger object that the writer with this nonce commits as the board's `seq`.
pub fn ledger_key(at: Timestamp, seq: u64, nonce: &Nonce) -> String {
    format!("ledger/{}/{seq:012}-{nonce}.jsonl", at.strftime("%Y/%m/%d"))
}

impl LedgerObject {
    /// As JSON lines.
    pub fn to_jsonl(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(&self.header)?;
        text.push('\n');
        for line in &self.lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// From JSON lines.
    pub fn from_jsonl(text: &str) -> Result<Self, serde_json::Error> {
        let mut rows = text.lines().filter(|row| !row.is_empty());
        let header = serde_json::from_str(rows.next().unwrap_or_default())?;
        let lines = rows.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { header, lines })
    }
}
