//! The ledger: the append-only account of each event and its outcome, as JSON lines that Athena or DuckDB can query in
//! place.
//!
//! An object of the ledger is written before the board is replaced. The compare-and-swap of the board commits the
//! object, because the new board names its key. Each object names the one before it. An object that is not on this
//! chain was never committed, and readers ignore it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    DatasetName, JobName, NodeId, NodeStatus, Nonce, OperatorAction, ReleaseId, RunId, StopClass, TaskArn, Trigger,
};

/// The version of the ledger's format that this code reads and writes.
pub const LEDGER_VERSION: u32 = 4;

/// One object of the ledger: a header line, then one line per event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerObject {
    /// The header, which is the first line.
    pub header: LedgerHeader,
    /// The events of one decision, in order.
    pub lines: Vec<LedgerLine>,
}

/// The first line of a ledger object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHeader {
    /// The format version, [`LEDGER_VERSION`].
    pub ledger: u32,
    /// The board's sequence number after the compare-and-swap that commits this object.
    pub seq: u64,
    /// The random mark of the compare-and-swap.
    pub nonce: Nonce,
    /// The time of the decision.
    pub at: Timestamp,
    /// The key of the object before this one. Absent in the first object of a ledger.
    pub previous: Option<String>,
}

/// One event and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// The event's id: that of `EventBridge`, or a name that is unique by itself (`run/<run_id>/planned`).
    pub event: String,
    /// The time at which the planner handled the event.
    pub at: Timestamp,
    /// The subject of the event.
    pub about: LedgerSubject,
    /// The outcome of the event.
    pub outcome: LedgerOutcome,
    /// Why the event had this outcome, as a sentence for operators.
    pub detail: String,
}

/// The subject of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LedgerSubject {
    /// An object landed.
    Object {
        /// The bucket's name.
        bucket: String,
        /// The object's key, decoded. It is untrusted text.
        key: String,
        /// The object's version. Present in a versioned bucket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
        /// The object's size in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// Whether the object was deleted, and not written.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deleted: bool,
        /// The datasets whose location matches the object, sorted by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        datasets: Vec<ObjectLoad>,
    },
    /// A loader sent `Dataset Loaded`.
    Loaded {
        /// The dataset's name as the loader wrote it.
        dataset: String,
        /// The loader's own id of the batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_id: Option<String>,
        /// The time at which the loader finished, by the loader's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loaded_at: Option<Timestamp>,
        /// The generation of the dataset's backlog entry that the event opened or joined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<u64>,
    },
    /// A job's schedule came due.
    Schedule {
        /// The job's name.
        job: JobName,
        /// The scheduled time, as `EventBridge` Scheduler wrote it.
        scheduled_time: String,
    },
    /// `landfall release` uploaded a release.
    Release {
        /// The release's id.
        release: ReleaseId,
    },
    /// A run was planned, started, retried or settled.
    Run {
        /// The run's id.
        run: RunId,
        /// The attempt's number, from 1.
        attempt: u32,
        /// The release that the run executes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// The ARN of the attempt's task, once known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task_arn: Option<TaskArn>,
        /// Why the attempt's task stopped, if it stopped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<StopClass>,
        /// The triggers whose nodes the run completes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        triggers: Vec<RunTrigger>,
        /// The number of nodes that are planned (in the line `planned`) or that succeeded so far (in all others).
        #[serde(default)]
        nodes: usize,
        /// Nodes that failed, at most 20.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<FailedNode>,
        /// Nodes that dbt executed although the plan does not name them, at most 20.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unplanned_nodes: Vec<NodeId>,
    },
    /// An operator sent a command.
    OperatorCommand {
        /// What the operator asked the stack to do.
        command: OperatorAction,
        /// The time at which the command was sent.
        sent_at: Timestamp,
    },
    /// The board was restored.
    Board {
        /// The board's epoch since then.
        epoch: u64,
    },
    /// `limits.runs_per_day` was reached.
    Limit {
        /// The number of runs planned within 24 hours.
        runs: u32,
    },
    /// A message that is not an event.
    Other {
        /// The first characters of the message.
        text: String,
    },
}

/// What an object is to one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLoad {
    /// The dataset whose location matches the object.
    pub dataset: DatasetName,
    /// The generation of the dataset's backlog entry that the event opened or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

/// A trigger of a run, and the generation of its backlog entry that the run completes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTrigger {
    /// The trigger whose nodes are pending.
    pub trigger: Trigger,
    /// The generation of the trigger's backlog entry.
    pub generation: u64,
    /// Whether this run is the first that planned the generation. Only the first run's read point covers later events.
    #[serde(default)]
    pub first: bool,
}

/// A node that failed, as dbt reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedNode {
    /// The node's unique id.
    pub id: NodeId,
    /// The status that dbt reported.
    pub status: NodeStatus,
    /// The message that dbt reported. Empty if it reported none.
    #[serde(default)]
    pub message: String,
}

/// The outcome of an event. An event of a load has one of the first five (invariant L1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerOutcome {
    /// The event opened or joined a backlog entry.
    Mapped,
    /// The event is a duplicate, or a run has read its data already.
    Covered,
    /// The object is under no dataset's location, or the dataset is unknown.
    Unmapped,
    /// The event is not a load by the dataset's settings.
    Ignored,
    /// The message is malformed, and went to the dead-letter queue.
    Malformed,
    /// The release is in place, the operator command took effect, or the board is restored.
    Accepted,
    /// The release, the schedule or the operator command was refused.
    Refused,
    /// A run was planned.
    Planned,
    /// The task of an attempt was started.
    Started,
    /// An attempt ended and another one follows.
    Retried,
    /// The run ended and every planned node succeeded.
    Succeeded,
    /// The run ended and some of its nodes are still pending.
    Failed,
    /// A backlog entry or a run ended without a result, because a newer release replaced or removed what it was for.
    Dropped,
}

impl LedgerSubject {
    /// Returns the generation of a dataset's backlog entry that an event of a load opened or joined.
    pub fn generation_of(&self, name: &DatasetName) -> Option<u64> {
        match self {
            Self::Object { datasets, .. } => datasets.iter().find(|load| load.dataset == *name)?.generation,
            Self::Loaded { dataset, generation, .. } if dataset == name.as_str() => *generation,
            _ => None,
        }
    }
}

/// Returns the key of the ledger object that the compare-and-swap to the board's `seq` with this nonce commits.
pub fn ledger_key(at: Timestamp, seq: u64, nonce: &Nonce) -> String {
    format!("ledger/{}/{seq:012}-{nonce}.jsonl", at.strftime("%Y/%m/%d"))
}

impl LedgerObject {
    /// Writes the object as JSON lines.
    ///
    /// # Errors
    ///
    /// Fails if a line cannot be serialized, which no value of these types causes.
    pub fn to_jsonl(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(&self.header)?;
        text.push('\n');
        for line in &self.lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads an object from JSON lines.
    ///
    /// # Errors
    ///
    /// Fails if the first line is not a header, or another line is not an event and its outcome.
    pub fn from_jsonl(text: &str) -> Result<Self, serde_json::Error> {
        let mut rows = text.lines().filter(|row| !row.is_empty());
        let header = serde_json::from_str(rows.next().unwrap_or_default())?;
        let lines = rows.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { header, lines })
    }
}
