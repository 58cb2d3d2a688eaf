//! result.json: how an attempt ended and what dbt reported. The task writes it last, under `runs/<run_id>/<attempt>/`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batches::UnfinishedBatches;
use super::versioned_json::{DocumentError, Format};
use crate::{NodeId, RunId, TaskArn};

/// The version of result.json that this code reads and writes.
pub const RESULT_VERSION: u32 = 3;

const FORMAT: Format = Format {
    document: "result.json",
    version: RESULT_VERSION,
    remedy: "deploy the functions and the image of one Landfall version, then run `landfall retry`",
};

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The format version, [`RESULT_VERSION`].
    pub version: u32,
    /// The run's id.
    pub run_id: RunId,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The ARN of the task that claimed the attempt.
    pub task_arn: TaskArn,
    /// The time at which landfall-task started.
    pub started_at: Timestamp,
    /// The time at which landfall-task wrote this file.
    pub finished_at: Timestamp,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// Why the attempt did not succeed, in one or a few lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The steps that were started, in order.
    pub steps: Vec<StepResult>,
    /// The planned nodes for which dbt reported a status in this attempt.
    pub nodes: Vec<NodeResult>,
    /// Nodes that dbt executed although the plan does not name them. Any such node raises an alarm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
    /// What the run has left undone of microbatch models so far, in this attempt and earlier ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfinished_batches: BTreeMap<NodeId, UnfinishedBatches>,
    /// File names of the dbt artifacts beside this file, such as `catalog.json`.
    pub artifacts: Vec<String>,
}

impl RunResult {
    /// Reads result.json.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not the JSON of a result, or are one of another format version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        FORMAT.read(bytes)
    }

    /// Returns the result's key in the state bucket.
    pub fn key(run: &RunId, attempt: u32) -> String {
        format!("{}result.json", crate::Plan::attempt_prefix(run, attempt))
    }
}

/// How an attempt ended, as landfall-task saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step succeeded.
    Succeeded,
    /// dbt reported a failure.
    Failed,
    /// A signal (SIGTERM) stopped the attempt before it was done.
    Interrupted,
    /// The attempt reached `runs.timeout` and stopped itself.
    TimedOut,
    /// dbt could not be started: an unreadable plan, no dbt, no project.
    Broken,
}

/// The result of one step of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step's kind: `run_operation`, `freshness`, `build`, `test` or `docs`.
    pub step: String,
    /// dbt's exit code. Absent if a signal ended dbt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The wall time in seconds.
    pub seconds: f64,
    /// dbt's own message, if it failed without a result for any node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The result of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeResult {
    /// dbt's unique id.
    pub id: NodeId,
    /// The status that dbt reported.
    pub status: NodeStatus,
    /// The wall time in seconds.
    pub seconds: f64,
    /// dbt's message, cut to a few thousand characters. Absent if the node succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The number of failing rows of a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
}

/// dbt's statuses in `run_results.json` and `sources.json`.
/// <https://docs.getdbt.com/reference/artifacts/run-results-json>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// The node was built.
    Success,
    /// The test passed, or the source is fresh.
    Pass,
    /// The test found rows, or the source is stale, and its severity is a warning.
    Warn,
    /// dbt had nothing to do for the node.
    NoOp,
    /// The test failed.
    Fail,
    /// The node could not be run.
    Error,
    /// dbt left the node out because one of its parents failed.
    Skipped,
    /// Some batches of a microbatch model failed.
    PartialSuccess,
    /// The freshness of the source could not be read.
    RuntimeError,
    /// A status that this version of Landfall does not know. It never counts as success.
    #[serde(other)]
    Unknown,
}

impl NodeStatus {
    /// Returns whether the node is done, so that the run completes it.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::Pass | Self::Warn | Self::NoOp)
    }

    /// Returns whether the node itself failed. A node that was left out did not.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Error | Self::PartialSuccess | Self::RuntimeError | Self::Unknown)
    }
}
