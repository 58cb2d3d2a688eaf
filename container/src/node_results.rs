//! The nodes' results: from `run_results.json` and `sources.json`, and from the log for nodes that those do not have.
//! <https://docs.getdbt.com/reference/artifacts/run-results-json>,
//! <https://docs.getdbt.com/reference/artifacts/sources-json>

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{NodeId, NodeResult, NodeStatus};
use serde::Deserialize;

use crate::{
    batch_results::BatchResults,
    dbt_log::FinishedNode,
    printable_text::{MAX_MESSAGE_CHARS, cut, printable},
};

/// The content of a `run_results.json` or a `sources.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct DbtResults {
    /// The id of the dbt invocation that wrote the file.
    pub invocation: String,
    /// The rows in dbt's order.
    pub rows: Vec<NodeRow>,
}

/// The result of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRow {
    /// dbt's unique id.
    pub id: String,
    /// The node's status.
    pub status: NodeStatus,
    /// dbt's message, if there is one.
    pub message: Option<String>,
    /// The wall time in seconds.
    pub seconds: f64,
    /// The number of failing rows of a test.
    pub failures: Option<u64>,
    /// The batches of a microbatch model.
    pub batches: BatchResults,
}

#[derive(Deserialize)]
struct ResultsFile {
    metadata: Metadata,
    results: Vec<ResultsFileRow>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    invocation_id: String,
}

#[derive(Deserialize)]
struct ResultsFileRow {
    unique_id: String,
    status: String,
    message: Option<String>,
    /// In `sources.json`, for a source whose freshness could not be read.
    error: Option<serde_json::Value>,
    /// In `sources.json`, for a source whose freshness could be read.
    max_loaded_at: Option<String>,
    execution_time: Option<f64>,
    failures: Option<f64>,
    batch_results: Option<BatchResults>,
}

/// Parses a `run_results.json` or a `sources.json`.
///
/// # Errors
///
/// Fails if the bytes are not the JSON of such a file.
pub fn parse(bytes: &[u8]) -> Result<DbtResults, serde_json::Error> {
    let file: ResultsFile = serde_json::from_slice(bytes)?;
    let rows = file.results.into_iter().map(|row| {
        let error = row.error.map(|error| error.as_str().map_or_else(|| error.to_string(), str::to_owned));
        let loaded = row.max_loaded_at.map(|at| format!("last loaded at {at}"));
        NodeRow {
            status: status(&row.status),
            message: row.message.or(error).or(loaded),
            seconds: row.execution_time.unwrap_or(0.0),
            failures: failures(&row.unique_id, row.failures),
            batches: row.batch_results.unwrap_or_default(),
            id: row.unique_id,
        }
    });
    Ok(DbtResults { invocation: file.metadata.invocation_id, rows: rows.collect() })
}

#[expect(clippy::cast_sign_loss, reason = "a count of rows; negative becomes 0")]
fn failures(id: &str, count: Option<f64>) -> Option<u64> {
    let is_test = id.starts_with("test.") || id.starts_with("unit_test.");
    count.filter(|_| is_test).map(|count| count as u64)
}

/// Returns the result of a node that does not run, because it descends from a failure of an earlier dbt command.
pub fn skipped(id: NodeId) -> NodeResult {
    NodeResult { id, status: NodeStatus::Skipped, seconds: 0.0, message: None, failures: None }
}

/// Returns the status for dbt's name of it.
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

/// The finished nodes of one step according to dbt's log.
#[derive(Debug, Clone, Default)]
pub struct LoggedNodes {
    rows: BTreeMap<String, NodeRow>,
    /// The last error of a batch by model. dbt's result of the model has only the number of failed batches.
    batch_errors: BTreeMap<String, String>,
}

impl LoggedNodes {
    /// Records a finished node. After dbt got the signal to stop, an error is ignored: it says that dbt cancelled the
    /// node, not that the node failed.
    pub fn record(&mut self, end: &FinishedNode, stopping: bool) {
        let status = status(&end.status);
        if stopping && !status.is_success() {
            return;
        }
        let row = NodeRow {
            id: end.node.id.clone(),
            status,
            message: Some(end.message.clone()).filter(|message| !message.is_empty()),
            seconds: end.seconds,
            failures: end.failures,
            batches: BatchResults::default(),
        };
        self.rows.insert(row.id.clone(), row);
    }

    /// Records why a batch or a node failed.
    pub fn record_error(&mut self, id: &str, message: &str) {
        self.batch_errors.insert(id.to_owned(), message.to_owned());
    }

    /// Returns the rows of the file, and those of the log for nodes that the file does not have: ephemeral models,
    /// sources whose query failed, and all nodes if dbt was killed before it wrote the file.
    pub fn merged_with(mut self, artifact: Option<DbtResults>) -> Vec<NodeRow> {
        for mut row in artifact.into_iter().flat_map(|artifact| artifact.rows) {
            let error = self.batch_errors.get(&row.id).filter(|_| !row.batches.is_empty() && row.status.is_failure());
            if let Some(error) = error {
                row.message = Some(format!("{}: {error}", row.message.as_deref().unwrap_or("some batches failed")));
            }
            self.rows.insert(row.id.clone(), row);
        }
        self.rows.into_values().collect()
    }
}

/// The results of a step, divided by the plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepNodes {
    /// The results of planned nodes.
    pub nodes: Vec<NodeResult>,
    /// Nodes that dbt executed although the plan does not name them.
    pub unplanned_nodes: Vec<NodeId>,
}

/// Divides the rows into planned and unplanned nodes. Hooks (`operation.`) and run operations (`macro.`) are not
/// nodes, and a node that dbt skipped was not executed.
pub fn split_by_plan(rows: Vec<NodeRow>, planned: &BTreeSet<NodeId>) -> StepNodes {
    let mut step_nodes = StepNodes::default();
    for row in rows {
        if row.id.starts_with("operation.") || row.id.starts_with("macro.") {
            continue;
        }
        let Ok(id) = NodeId::parse(row.id) else { continue };
        if planned.contains(&id) {
            let message = row.message.filter(|_| !row.status.is_success());
            let message = message.map(|message| cut(printable(&message).trim(), MAX_MESSAGE_CHARS));
            step_nodes.nodes.push(NodeResult {
                id,
                status: row.status,
                seconds: row.seconds,
                message,
                failures: row.failures,
            });
        } else if row.status != NodeStatus::Skipped {
            step_nodes.unplanned_nodes.push(id);
        }
    }
    step_nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dbt_log::LogNode;

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    fn end(id: &str, status: &str) -> FinishedNode {
        FinishedNode {
            node: LogNode { id: id.to_owned(), label: id.to_owned() },
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
    fn rows_are_divided_into_planned_and_unplanned_nodes_without_hooks() {
        let artifact = parse(RUN_RESULTS.as_bytes()).unwrap();
        assert_eq!(artifact.invocation, "i-1");
        let planned =
            BTreeSet::from([id("model.shop.a"), id("model.shop.b"), id("test.shop.t"), id("model.shop.silent")]);
        let step_nodes = split_by_plan(LoggedNodes::default().merged_with(Some(artifact)), &planned);
        let seen: Vec<_> = step_nodes
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
        assert_eq!(step_nodes.unplanned_nodes, [id("model.shop.alien")]);
    }

    #[test]
    fn the_log_completes_the_results_file() {
        let mut logged = LoggedNodes::default();
        logged.record(&end("model.shop.ephemeral", "success"), false);
        logged.record(&end("model.shop.a", "error"), false);
        let rows = logged.merged_with(Some(parse(RUN_RESULTS.as_bytes()).unwrap()));
        let status = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.status);
        assert_eq!(status("model.shop.ephemeral"), Some(NodeStatus::Success));
        assert_eq!(status("model.shop.a"), Some(NodeStatus::Success), "the file takes precedence over the log");
    }

    #[test]
    fn a_cancelled_node_has_no_result() {
        let mut logged = LoggedNodes::default();
        logged.record(&end("model.shop.before", "error"), false);
        logged.record(&end("model.shop.cancelled", "error"), true);
        logged.record(&end("model.shop.just_in_time", "success"), true);
        let ids: Vec<String> = logged.merged_with(None).into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["model.shop.before", "model.shop.just_in_time"]);
    }

    #[test]
    fn an_unknown_status_is_not_a_success() {
        assert!(!status("reused").is_success());
        assert!(status("no-op").is_success());
    }

    #[test]
    fn a_source_has_its_error_or_its_load_time_as_message() {
        let sources = r#"{"metadata": {}, "results": [{"unique_id": "source.s.raw.x", "status": "runtime error", "error": "no such table"},
            {"unique_id": "source.s.raw.y", "status": "error", "max_loaded_at": "2020-01-01T00:00:00+00:00", "execution_time": 0.02}]}"#;
        let rows = parse(sources.as_bytes()).unwrap().rows;
        assert_eq!(rows[0].message.as_deref(), Some("no such table"));
        assert_eq!(rows[1].message.as_deref(), Some("last loaded at 2020-01-01T00:00:00+00:00"));
    }
}
