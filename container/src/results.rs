//! dbt's results of nodes: from `run_results.json` and sources.json, and from the log where those have none.
//! <https://docs.getdbt.com/reference/artifacts/run-results-json>, <https://docs.getdbt.com/reference/artifacts/sources-json>

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{NodeId, NodeResult, NodeStatus};
use serde::Deserialize;

use crate::{
    events::Finished,
    text::{LONGEST_MESSAGE, cut, printable},
};

/// An artifact of one invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// The id of dbt's invocation that wrote the artifact.
    pub invocation: String,
    /// The rows in dbt's order.
    pub rows: Vec<Row>,
}

/// The result of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// dbt's unique id.
    pub id: String,
    /// The status, as Landfall names it.
    pub status: NodeStatus,
    /// The message of dbt.
    pub message: Option<String>,
    /// The wall time in seconds.
    pub seconds: f64,
    /// The failing rows of a test.
    pub failures: Option<u64>,
}

#[derive(Deserialize)]
struct File {
    metadata: Metadata,
    results: Vec<FileRow>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    invocation_id: String,
}

#[derive(Deserialize)]
struct FileRow {
    unique_id: String,
    status: String,
    message: Option<String>,
    /// sources.json, of a source that could not be read.
    error: Option<serde_json::Value>,
    /// sources.json, of one that could.
    max_loaded_at: Option<String>,
    execution_time: Option<f64>,
    failures: Option<f64>,
}

/// Reads `run_results.json` or sources.json.
pub fn read(bytes: &[u8]) -> Result<Artifact, serde_json::Error> {
    let file: File = serde_json::from_slice(bytes)?;
    let rows = file.results.into_iter().map(|row| {
        let error = row.error.map(|error| error.as_str().map_or_else(|| error.to_string(), str::to_owned));
        let loaded = row.max_loaded_at.map(|at| format!("last loaded at {at}"));
        Row {
            status: status(&row.status),
            message: row.message.or(error).or(loaded),
            seconds: row.execution_time.unwrap_or(0.0),
            failures: failures(&row.unique_id, row.failures),
            id: row.unique_id,
        }
    });
    Ok(Artifact { invocation: file.metadata.invocation_id, rows: rows.collect() })
}

#[expect(clippy::cast_sign_loss, reason = "a count of rows; negative becomes 0")]
fn failures(id: &str, count: Option<f64>) -> Option<u64> {
    let is_test = id.starts_with("test.") || id.starts_with("unit_test.");
    count.filter(|_| is_test).map(|count| count as u64)
}

/// Converts dbt's name of a status.
pub fn status(name: &str) -> NodeStatus {
    match name {
        "success" => NodeStatus::Success,
        "pass" => NodeStatus::Pass,
        "warn" => NodeStatus::Warn,
        "no-op" => NodeStatus::NoOp,
        "fail" => NodeStatus::Fail,
        "error" => NodeStatus::Error,
        "skipped" => NodeStatus::Skipped,
        "partial success" => NodeStatus::PartialSuccess,
        "runtime error" => NodeStatus::RuntimeError,
        _ => NodeStatus::Unknown,
    }
}

/// The results that the log of one step has.
#[derive(Debug, Clone, Default)]
pub struct LoggedResults {
    rows: BTreeMap<String, Row>,
}

impl LoggedResults {
    /// Records a node's end. An error after dbt was told to stop comes from the stop, not from the node, so it is left out.
    pub fn finished(&mut self, end: &Finished, stopping: bool) {
        let status = status(&end.status);
        if stopping && !status.is_success() {
            return;
        }
        let row = Row {
            id: end.node.id.clone(),
            status,
            message: Some(end.message.clone()).filter(|message| !message.is_empty()),
            seconds: end.seconds,
            failures: end.failures,
        };
        self.rows.insert(row.id.clone(), row);
    }

    /// Returns the artifact's rows, and the log's rows of nodes that the artifact lacks: ephemeral models, sources whose query failed, and all
    /// nodes if dbt was killed before it wrote the artifact.
    pub fn completed_by(mut self, artifact: Option<Artifact>) -> Vec<Row> {
        for row in artifact.into_iter().flat_map(|artifact| artifact.rows) {
            self.rows.insert(row.id.clone(), row);
        }
        self.rows.into_values().collect()
    }
}

/// A step's rows, compared with the plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sorted {
    /// The results of planned nodes.
    pub nodes: Vec<NodeResult>,
    /// The nodes that were executed and not planned.
    pub unplanned_nodes: Vec<NodeId>,
}

/// Compares rows with the plan. Hooks (`operation.`) and the operation's own row (`macro.`) are no nodes. dbt does not execute nodes that it skips.
pub fn sort(rows: Vec<Row>, planned: &BTreeSet<NodeId>) -> Sorted {
    let mut sorted = Sorted::default();
    for row in rows {
        if row.id.starts_with("operation.") || row.id.starts_with("macro.") {
            continue;
        }
        let Ok(id) = NodeId::parse(row.id) else { continue };
        if planned.contains(&id) {
            let message = row.message.filter(|_| !row.status.is_success());
            let message = message.map(|message| cut(printable(&message).trim(), LONGEST_MESSAGE));
            sorted.nodes.push(NodeResult {
                id,
                status: row.status,
                seconds: row.seconds,
                message,
                failures: row.failures,
            });
        } else if row.status != NodeStatus::Skipped {
            sorted.unplanned_nodes.push(id);
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Node;

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    fn end(id: &str, status: &str) -> Finished {
        Finished {
            node: Node { id: id.to_owned(), label: id.to_owned() },
            status: status.to_owned(),
            message: String::new(),
            seconds: 1.0,
            failures: None,
            rows: None,
        }
    }

    const RUN_RESULTS: &str = r#"{"metadata": {"invocation_id": "i-1"}, "results": [
        {"unique_id": "operation.shop.shop-on-run-start-0", "status": "success", "message": "passed", "failures": 0, "execution_time": 0.01},
        {"unique_id": "model.shop.a", "status": "success", "message": "OK", "failures": null, "execution_time": 0.2},
        {"unique_id": "model.shop.b", "status": "error", "message": "Binder \u001b[31mError", "failures": null, "execution_time": 0.1},
        {"unique_id": "model.shop.alien", "status": "success", "message": null, "failures": null, "execution_time": 0.1},
        {"unique_id": "model.shop.skipped_alien", "status": "skipped", "message": null, "failures": null, "execution_time": 0},
        {"unique_id": "test.shop.t", "status": "fail", "message": "Got 2 results", "failures": 2, "execution_time": 0.1}]}"#;

    #[test]
    fn rows_are_sorted_into_planned_and_unplanned_and_hooks_are_neither() {
        let artifact = read(RUN_RESULTS.as_bytes()).unwrap();
        assert_eq!(artifact.invocation, "i-1");
        let planned =
            BTreeSet::from([id("model.shop.a"), id("model.shop.b"), id("test.shop.t"), id("model.shop.silent")]);
        let sorted = sort(LoggedResults::default().completed_by(Some(artifact)), &planned);
        let seen: Vec<_> = sorted
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node.status, node.message.as_deref(), node.failures))
            .collect();
        assert_eq!(
            seen,
            [
                ("model.shop.a", NodeStatus::Success, None, None),
                ("model.shop.b", NodeStatus::Error, Some("Binder [31mError"), None),
                ("test.shop.t", NodeStatus::Fail, Some("Got 2 results"), Some(2)),
            ]
        );
        assert_eq!(sorted.unplanned_nodes, [id("model.shop.alien")]);
    }

    #[test]
    fn the_log_fills_in_what_the_artifact_leaves_out() {
        let mut logged = LoggedResults::default();
        logged.finished(&end("model.shop.ephemeral", "success"), false);
        logged.finished(&end("model.shop.a", "error"), false);
        let rows = logged.completed_by(Some(read(RUN_RESULTS.as_bytes()).unwrap()));
        let status = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.status);
        assert_eq!(status("model.shop.ephemeral"), Some(NodeStatus::Success));
        assert_eq!(status("model.shop.a"), Some(NodeStatus::Success), "the artifact takes precedence over the log");
    }

    #[test]
    fn a_node_that_was_cancelled_did_not_fail() {
        let mut logged = LoggedResults::default();
        logged.finished(&end("model.shop.before", "error"), false);
        logged.finished(&end("model.shop.cancelled", "error"), true);
        logged.finished(&end("model.shop.just_in_time", "success"), true);
        let ids: Vec<String> = logged.completed_by(None).into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["model.shop.before", "model.shop.just_in_time"]);
    }

    #[test]
    fn a_status_of_a_later_dbt_is_no_success() {
        assert!(!status("reused").is_success());
        assert!(status("no-op").is_success());
    }

    #[test]
    fn a_source_that_could_not_be_read_tells_why() {
        let sources = r#"{"metadata": {}, "results": [{"unique_id": "source.s.raw.x", "status": "runtime error", "error": "no such table"},
            {"unique_id": "source.s.raw.y", "status": "error", "max_loaded_at": "2020-01-01T00:00:00+00:00", "execution_time": 0.02}]}"#;
        let rows = read(sources.as_bytes()).unwrap().rows;
        assert_eq!(rows[0].message.as_deref(), Some("no such table"));
        assert_eq!(rows[1].message.as_deref(), Some("last loaded at 2020-01-01T00:00:00+00:00"));
    }
}
