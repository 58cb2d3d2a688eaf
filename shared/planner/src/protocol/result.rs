//! What a task leaves behind under `runs/<run_id>/<attempt>/`: its claim, and result.json, which it writes last.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::versioned_json::{DocumentError, Format};
use crate::{NodeId, RunId};

/// The version of result.json that this code writes.
pub const RESULT_VERSION: u32 = 2;

const FORMAT: Format = Format {
    document: "result.json",
    version: RESULT_VERSION,
    remedy: "deploy the functions and the image of one Landfall version, then run `landfall retry`",
};

/// result.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`RESULT_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// The attempt.
    pub attempt: u32,
    /// The task that claimed it.
    pub task_arn: String,
    /// The supervisor's start.
    pub started_at: Timestamp,
    /// The supervisor's end.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// For people, when it did not succeed: one or a few lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Each step that was begun.
    pub steps: Vec<StepResult>,
    /// Each planned node of which dbt said something, in this attempt.
    pub nodes: Vec<NodeResult>,
    /// Nodes that dbt executed outside the plan: should be none, and is alarmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned_nodes: Vec<NodeId>,
    /// Names of the artifacts beside this file.
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

    /// The result's key in the state bucket.
    pub fn key(run: &RunId, attempt: u32) -> String {
        format!("{}result.json", crate::Plan::attempt_prefix(run, attempt))
    }
}

/// How an attempt ended, as its own supervisor saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step did what it should.
    Succeeded,
    /// dbt said that something failed.
    Failed,
    /// Stopped from outside (SIGTERM) before it was done.
    Interrupted,
    /// Stopped by its own clock.
    TimedOut,
    /// It could not come to run dbt: an unreadable plan, no dbt, no project.
    Broken,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// `run_operation`, `freshness`, `build`, `test`, `docs`.
    pub step: String,
    /// dbt's exit code; absent if a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Wall time.
    pub seconds: f64,
    /// dbt's own words when it failed without a node's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One node's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeResult {
    /// dbt's unique id.
    pub id: NodeId,
    /// dbt's status.
    pub status: NodeStatus,
    /// Wall time.
    pub seconds: f64,
    /// dbt's message, cut to a few thousand characters, when the status is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Failing rows of a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
}

/// dbt's statuses in `run_results.json` and `sources.json`. <https://docs.getdbt.com/reference/artifacts/run-results-json>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Built.
    Success,
    /// A test that passed, a source that is fresh.
    Pass,
    /// A test that found rows but only warns; a stale source that warns.
    Warn,
    /// Nothing was to be done.
    NoOp,
    /// A test that failed.
    Fail,
    /// A node that could not be run.
    Error,
    /// Left out because something before it failed.
    Skipped,
    /// Some batches of a microbatch model failed.
    PartialSuccess,
    /// A source's freshness could not be read.
    RuntimeError,
    /// A status that this version does not know: never counts as success.
    #[serde(other)]
    Unknown,
}

impl NodeStatus {
    /// Whether the node is done and its backlog entry completed.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::Pass | Self::Warn | Self::NoOp)
    }

    /// Whether the node itself went wrong, rather than being left out.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Error | Self::PartialSuccess | Self::RuntimeError | Self::Unknown)
    }
}
