//! plan.json: what a run will do and why. Written once (`If-None-Match: *`) before the board names it, and never changed: it is the
//! entire input of every `RunTask` of the run and of the container, which gets nothing but the plan's address and the attempt's number.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::versioned_json::{DocumentError, Format};
use crate::{Capacity, NodeId, ReleaseId, RunId, Trigger};

/// The version of plan.json that this code writes; a reader refuses any other.
pub const PLAN_VERSION: u32 = 2;

const FORMAT: Format = Format {
    document: "plan.json",
    version: PLAN_VERSION,
    remedy: "deploy the functions and the image of one Landfall version, then run `landfall retry`",
};

/// The environment name by which the container learns the plan's address (`s3://bucket/key`).
pub const PLAN_VARIABLE: &str = "LANDFALL_PLAN";
/// The environment name by which the container learns which attempt it is.
pub const ATTEMPT_VARIABLE: &str = "LANDFALL_ATTEMPT";

/// One run, frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Names the folder `runs/<run_id>/` too.
    pub run_id: RunId,
    /// The release it runs; its files lie under `releases/<release>/`.
    pub release: ReleaseId,
    /// When the planner made it.
    pub created_at: Timestamp,
    /// What is pending that this run completes, and why in words.
    pub triggers: Vec<PlannedTrigger>,
    /// In order. A failed step ends the run, but [`Step::Docs`] is tried after a failed build as well.
    pub steps: Vec<Step>,
    /// Every node that dbt may execute in this run, sorted by id; the steps name subsets.
    pub nodes: Vec<PlannedNode>,
    /// Selected, but waiting: their turn comes when what they wait for is built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingNode>,
    /// Relations that only this run may write while it lives.
    pub writes: Vec<String>,
    /// Relations that nobody may write while it lives.
    pub reads: Vec<String>,
    /// The run is stopped by its own supervisor after so many seconds.
    pub timeout_seconds: u32,
    /// How its tasks are bought.
    #[serde(default)]
    pub capacity: Capacity,
    /// Where and how the task runs.
    pub task: TaskSettings,
}

/// One trigger as the run found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrigger {
    /// Who has pending.
    pub trigger: Trigger,
    /// Only this generation of the trigger's backlog entry is completed.
    pub generation: u64,
    /// For people: "2 objects landed in orders/, last orders/b.csv".
    pub reason: String,
    /// The selection in dbt's syntax, for people; the frozen ids are what counts.
    pub select: String,
}

/// A node that the run executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// dbt's unique id.
    pub id: NodeId,
    /// An expression in dbt's syntax that (with `--indirect-selection empty`) selects this node.
    pub select: String,
    /// The relation it writes, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// A selected node that this run leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingNode {
    /// dbt's unique id.
    pub id: NodeId,
    /// For people: "waits for the first load of ...".
    pub reason: String,
}

/// One thing the container does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// `dbt run-operation MACRO --args JSON`.
    RunOperation {
        /// The macro's name.
        operation: String,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        args: BTreeMap<String, serde_json::Value>,
    },
    /// `dbt source freshness` of these sources.
    Freshness {
        /// unique ids of sources.
        sources: Vec<NodeId>,
        /// `--select`.
        select: Vec<String>,
    },
    /// `dbt build` of exactly these nodes.
    Build(Selection),
    /// `dbt test` of exactly these tests.
    Test(Selection),
    /// `dbt docs generate`, narrowed to what the run built.
    Docs,
}

/// Node ids, and how dbt is told of them. `select` and `exclude` select exactly `nodes` with `--indirect-selection empty`; our own
/// selection checked that on the release's index. An attempt that runs fewer nodes uses the nodes' own [`PlannedNode::select`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Sorted unique ids.
    pub nodes: Vec<NodeId>,
    /// `--select`, one argument an element.
    pub select: Vec<String>,
    /// `--exclude`, one argument an element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// `--full-refresh`: incremental models are built anew from nothing. Only in a [`Step::Build`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_refresh: bool,
}

/// The parts of `RunTask` that do not change from attempt to attempt.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskSettings {
    /// ARN or name.
    pub cluster: String,
    /// Pinned: `family:revision` or a revision's ARN.
    pub task_definition: String,
    /// The container whose exit code counts.
    pub container: String,
    /// At least one, for awsvpc.
    pub subnets: Vec<String>,
    /// May be empty: the VPC's default group.
    pub security_groups: Vec<String>,
    /// Needed in a public subnet without NAT.
    pub assign_public_ip: bool,
    /// The bucket that holds plans.
    pub state_bucket: String,
}

/// One `RunTask` call, whole. Made from the plan and the attempt alone, so that a repeated call is identical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTaskCall {
    /// Where and what.
    pub settings: TaskSettings,
    /// At most 64 characters, a function of run and attempt: a repeated call starts nothing twice.
    pub client_token: String,
    /// The run id.
    pub started_by: String,
    /// How this very task is bought.
    pub capacity: Capacity,
    /// The container's override: a few short strings whatever the selection's size.
    pub environment: BTreeMap<String, String>,
}

impl Plan {
    /// The plan's key in the state bucket.
    pub fn key(run: &RunId) -> String {
        format!("runs/{run}/plan.json")
    }

    /// Reads plan.json.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not the JSON of a plan, or are one of another format version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        FORMAT.read(bytes)
    }

    /// The prefix of an attempt's own objects, with its slash.
    pub fn attempt_prefix(run: &RunId, attempt: u32) -> String {
        format!("runs/{run}/{attempt}/")
    }

    /// The call that starts an attempt.
    pub fn run_task(&self, attempt: u32) -> RunTaskCall {
        let plan = format!("s3://{}/{}", self.task.state_bucket, Self::key(&self.run_id));
        RunTaskCall {
            settings: self.task.clone(),
            client_token: client_token(&self.run_id, attempt),
            started_by: self.run_id.to_string(),
            // What was interrupted, or found no room, is not interrupted twice.
            capacity: if attempt == 1 { self.capacity } else { Capacity::OnDemand },
            environment: BTreeMap::from([
                (PLAN_VARIABLE.to_owned(), plan),
                (ATTEMPT_VARIABLE.to_owned(), attempt.to_string()),
            ]),
        }
    }
}

/// Scoped to the attempt: a token reused by a later attempt would replay the dead task of the earlier one.
fn client_token(run: &RunId, attempt: u32) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(format!("{run}/{attempt}"));
    digest.iter().take(24).fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_has_its_own_token_and_a_repeated_call_the_same_one() {
        let run = RunId::parse("20261122t171417z-9f3a2c1b-0").unwrap();
        assert_eq!(client_token(&run, 1), client_token(&run, 1));
        assert_ne!(client_token(&run, 1), client_token(&run, 2));
        assert_eq!(client_token(&run, 1).len(), 48);
    }
}
