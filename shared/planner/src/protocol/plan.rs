//! plan.json: what a run will do and why. It is written once (`If-None-Match: *`) before the board names it, and never
//! changes. It is the whole input of every `RunTask` call of the run, and of the container, which gets the plan's
//! address and the attempt's number only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batches::BatchWindows;
use super::versioned_json::{DocumentError, Format};
use crate::{Capacity, NodeId, ReleaseId, RunId, Trigger};

/// The version of plan.json that this code reads and writes.
pub const PLAN_VERSION: u32 = 3;

const FORMAT: Format = Format {
    document: "plan.json",
    version: PLAN_VERSION,
    remedy: "deploy the functions and the image of one Landfall version, then run `landfall retry`",
};

/// The environment variable with the plan's address (`s3://bucket/key`) for the container.
pub const PLAN_VARIABLE: &str = "LANDFALL_PLAN";
/// The environment variable with the attempt's number for the container.
pub const ATTEMPT_VARIABLE: &str = "LANDFALL_ATTEMPT";

/// The plan of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The format version, [`PLAN_VERSION`].
    pub version: u32,
    /// The run's id, also the name of its folder `runs/<run_id>/`.
    pub run_id: RunId,
    /// The release that the run executes. Its files are under `releases/<release>/`.
    pub release: ReleaseId,
    /// The time of the planner's decision.
    pub created_at: Timestamp,
    /// The version of dbt that wrote the release's manifest, such as "1.11.16". It decides how dbt is given the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbt_version: Option<String>,
    /// The triggers whose pending nodes this run completes, each with the reason.
    pub triggers: Vec<PlannedTrigger>,
    /// The steps in order. A failed step ends the run, except that [`Step::Docs`] also follows a failed build.
    pub steps: Vec<Step>,
    /// Every node that dbt may execute in this run, sorted by id. The steps name subsets.
    pub nodes: Vec<PlannedNode>,
    /// Selected nodes that this run leaves out. Another run builds them when what they wait for exists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingNode>,
    /// Windows of planned microbatch models that an earlier run left unfinished. They are built before the build step
    /// that has the model, unless that step is a full refresh.
    #[serde(default, skip_serializing_if = "BatchWindows::is_empty")]
    pub unfinished_batches: BatchWindows,
    /// Lease keys of the relations that no other run may read or write during this run.
    pub writes: Vec<String>,
    /// Lease keys of the relations that no run may write during this run.
    pub reads: Vec<String>,
    /// The time in seconds after which landfall-task stops dbt and the attempt.
    pub timeout_seconds: u32,
    /// The Fargate capacity of the first attempt.
    #[serde(default)]
    pub capacity: Capacity,
    /// Where and how the tasks of the run execute.
    pub task: TaskSettings,
}

/// A trigger as it was when the run was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrigger {
    /// The trigger whose nodes are pending.
    pub trigger: Trigger,
    /// The generation of the trigger's backlog entry. The run completes nodes of this generation only.
    pub generation: u64,
    /// Why work is pending, for messages: "2 objects landed in orders/, last orders/b.csv".
    pub reason: String,
    /// The selection in dbt's syntax, for messages. The run executes the ids in [`Plan::nodes`].
    pub select: String,
}

/// A node that the run executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// The node's unique id.
    pub id: NodeId,
    /// An expression in dbt's syntax that selects this node with `--indirect-selection empty`. Large plans for dbt 1.x
    /// leave it out, because there dbt gets the ids.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub select: String,
    /// The nearest planned ancestors, as positions in [`Plan::nodes`]. Only large plans for dbt v2 have them, because
    /// their names may need several dbt commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u32>,
    /// The lease key of the relation that the node writes, if it writes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// A selected node that this run leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingNode {
    /// The node's unique id.
    pub id: NodeId,
    /// What the node waits for, such as "waits for the first load of crm.accounts".
    pub reason: String,
}

/// One step of a run: one dbt command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// `dbt run-operation MACRO --args JSON`.
    RunOperation {
        /// The macro's name.
        operation: String,
        /// The macro's arguments by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        args: BTreeMap<String, serde_json::Value>,
    },
    /// `dbt source freshness` of these sources.
    Freshness {
        /// The sources' unique ids, sorted.
        sources: Vec<NodeId>,
        /// The `--select` arguments, one per element, as in [`Selection`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        select: Vec<String>,
    },
    /// `dbt build` of exactly these nodes.
    Build(Selection),
    /// `dbt test` of exactly these tests.
    Test(Selection),
    /// `dbt docs generate` for what the run built.
    Docs,
}

/// A set of nodes.
///
/// dbt 1.x gets the ids ([`Plan::selects_by_id`]), and the arguments here are for the operator only. Large plans leave
/// them out. dbt v2 gets the arguments, which select exactly this set with `--indirect-selection empty`. The planner
/// checked that on the release's index. An attempt that runs fewer nodes uses their [`PlannedNode::select`] instead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// The nodes' unique ids, sorted.
    pub nodes: Vec<NodeId>,
    /// The `--select` arguments, one per element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<String>,
    /// The `--exclude` arguments, one per element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether dbt gets `--full-refresh`, which rebuilds incremental models from scratch. Only in a [`Step::Build`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_refresh: bool,
}

/// The parameters of `RunTask` that are the same for every attempt.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskSettings {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The task definition with its revision: `family:revision` or a revision's ARN.
    pub task_definition: String,
    /// The name of the container that runs landfall-task.
    pub container: String,
    /// The subnets of the task's network interface: one or more.
    pub subnets: Vec<String>,
    /// The security groups. If empty, the VPC's default group applies.
    pub security_groups: Vec<String>,
    /// Whether the task gets a public address, which it needs in a public subnet without NAT.
    pub assign_public_ip: bool,
    /// The bucket that holds the plans.
    pub state_bucket: String,
}

/// One complete `RunTask` call. It depends on the plan and the attempt's number only, so that a repeated call is
/// identical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTaskCall {
    /// The parameters that are the same for every attempt.
    pub settings: TaskSettings,
    /// The idempotency token of the call, at most 64 characters. A repeated call with it starts no second task.
    pub client_token: String,
    /// The run's id.
    pub started_by: String,
    /// The Fargate capacity of this task.
    pub capacity: Capacity,
    /// The container's environment variables: short strings that do not grow with the selection, because `RunTask`
    /// limits overrides to 8192 characters.
    pub environment: BTreeMap<String, String>,
}

impl Plan {
    /// Returns the plan's key in the state bucket.
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

    /// Returns whether dbt gets the ids of the nodes, by `--select result:error` and a generated `run_results.json`. dbt
    /// 1.x reads it in time proportional to the number of nodes, where names cost the product of both numbers. dbt v2
    /// selects nothing that way.
    pub fn selects_by_id(&self) -> bool {
        selects_by_id(self.dbt_version.as_deref())
    }

    /// Returns the prefix of an attempt's objects, with the closing slash.
    pub fn attempt_prefix(run: &RunId, attempt: u32) -> String {
        format!("runs/{run}/{attempt}/")
    }

    /// Returns the `RunTask` call that starts an attempt.
    pub fn run_task(&self, attempt: u32) -> RunTaskCall {
        let plan = format!("s3://{}/{}", self.task.state_bucket, Self::key(&self.run_id));
        RunTaskCall {
            settings: self.task.clone(),
            client_token: client_token(&self.run_id, attempt),
            started_by: self.run_id.to_string(),
            // A run that Spot interrupted, or for which it had no capacity, does not try Spot again.
            capacity: if attempt == 1 { self.capacity } else { Capacity::OnDemand },
            environment: BTreeMap::from([
                (PLAN_VARIABLE.to_owned(), plan),
                (ATTEMPT_VARIABLE.to_owned(), attempt.to_string()),
            ]),
        }
    }
}

/// Returns whether that version of dbt is 1.x. A manifest without a version is from 1.x, because v2 always writes one.
pub(crate) fn selects_by_id(dbt_version: Option<&str>) -> bool {
    dbt_version.is_none_or(|version| version.split('.').next() == Some("1"))
}

/// Returns the token of one attempt. If attempts shared a token, ECS would answer the second with the stopped task of
/// the first.
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
    fn each_attempt_has_its_own_token_and_a_repeated_call_has_the_same_one() {
        let run = RunId::parse("20261122t171417z-9f3a2c1b-0").unwrap();
        assert_eq!(client_token(&run, 1), client_token(&run, 1));
        assert_ne!(client_token(&run, 1), client_token(&run, 2));
        assert_eq!(client_token(&run, 1).len(), 48);
    }
}
