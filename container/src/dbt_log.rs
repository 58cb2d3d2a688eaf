//! The events of dbt's structured log that Landfall uses. <https://docs.getdbt.com/reference/events-logging>
//!
//! dbt does not promise the form of its events. An event of an unexpected form is kept in dbt.log, and is never an
//! error.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch_results;

/// A line of dbt's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEvent {
    /// dbt's name of the event, such as `NodeFinished`.
    pub name: String,
    /// The log level, such as `debug`.
    pub level: String,
    /// The message for readers of the log.
    pub message: String,
    /// The id of dbt's invocation, which dbt's artifacts contain as well.
    pub invocation: String,
    /// The time of the event, `HH:MM:SS` in UTC.
    pub time: String,
    /// The kind of event, with its data.
    pub kind: EventKind,
}

/// The kinds of events that Landfall distinguishes.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// dbt started to run a node.
    NodeStarted(LogNode),
    /// dbt finished a node.
    NodeFinished(FinishedNode),
    /// dbt started a batch of a microbatch model.
    BatchStarted {
        /// The microbatch model.
        node: LogNode,
        /// The first instant of the batch, if its description has the expected form.
        start: Option<Timestamp>,
    },
    /// A batch of a microbatch model was built.
    BatchBuilt {
        /// The microbatch model.
        node: LogNode,
        /// The first instant of the batch, if its description has the expected form.
        start: Option<Timestamp>,
    },
    /// A node or one of its batches raised an error.
    NodeRaised {
        /// The id of the node.
        id: String,
        /// The message of dbt.
        error: String,
    },
    /// dbt finished a batch. The model has further batches, or is not reported yet.
    BatchFinished(FinishedNode),
    /// dbt reported a model as a whole. For a microbatch model only later events are about the model.
    ModelReported(LogNode),
    /// The dbt command as a whole failed, with dbt's reason.
    CommandFailed(String),
    /// A message of the project, by `log(..., info=True)` or `print()`.
    ProjectMessage,
    /// A warning or an error that the operator should see.
    Warning,
    /// Any other event.
    Other,
}

/// A node in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogNode {
    /// dbt's unique id.
    pub id: String,
    /// The kind and the name for messages: `model stg_orders`, `source raw.orders`.
    pub label: String,
}

/// A finished node.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedNode {
    /// The node's id and label.
    pub node: LogNode,
    /// The status as dbt writes it.
    pub status: String,
    /// dbt's message. Empty if there is none.
    pub message: String,
    /// The wall time in seconds.
    pub seconds: f64,
    /// The number of failing rows of a test.
    pub failures: Option<u64>,
    /// The number of written rows, if the adapter reports it.
    pub rows: Option<u64>,
}

#[derive(Deserialize)]
struct Line<'a> {
    info: Info,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Info {
    name: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    invocation_id: String,
    #[serde(default)]
    ts: String,
}

#[derive(Deserialize)]
struct NodeData {
    node_info: NodeInfo,
    #[serde(default)]
    run_result: NodeRunResult,
}

#[derive(Deserialize)]
struct NodeInfo {
    unique_id: String,
    #[serde(default)]
    node_name: String,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    node_status: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeRunResult {
    status: String,
    message: String,
    execution_time: f64,
    num_failures: f64,
    adapter_response: serde_json::Value,
}

#[derive(Deserialize)]
struct BatchData {
    node_info: NodeInfo,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Raised {
    node_info: NodeInfo,
    exc: String,
}

#[derive(Deserialize)]
struct Exception {
    exc: String,
}

/// Reads dbt's log line by line.
///
/// dbt logs a `NodeFinished` of a microbatch model after each of its batches. If the first one counted as the model's
/// end, a run that is killed after one batch would count the model as built, and the other batches would never be
/// built.
#[derive(Debug, Default)]
pub struct Reader {
    /// The ids of models with a started batch that dbt has not reported as a whole.
    batched: BTreeSet<String>,
}

impl Reader {
    /// Reads the next line. Returns `None` if the line is not a JSON event of dbt.
    pub fn read(&mut self, line: &str) -> Option<LogEvent> {
        let mut event = parse(line)?;
        match event.kind {
            EventKind::BatchStarted { ref node, .. } => {
                self.batched.insert(node.id.clone());
            }
            EventKind::ModelReported(ref node) => {
                self.batched.remove(&node.id);
            }
            EventKind::NodeFinished(end) if self.batched.contains(&end.node.id) => {
                event.kind = EventKind::BatchFinished(end);
            }
            _ => {}
        }
        Some(event)
    }
}

fn parse(line: &str) -> Option<LogEvent> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let Info { name, level, msg: message, invocation_id: invocation, ts } = line.info;
    let data = line.data.map_or("{}", RawValue::get);
    let kind = match name.as_str() {
        "NodeStart" => with_node(data, EventKind::NodeStarted),
        "LogStartBatch" => {
            with_batch(data).map_or(EventKind::Other, |(node, start, _)| EventKind::BatchStarted { node, start })
        }
        "LogBatchResult" => match with_batch(data) {
            Some((node, start, status)) if status == "success" => EventKind::BatchBuilt { node, start },
            _ => EventKind::Other,
        },
        "CatchableExceptionOnRun" | "GenericExceptionOnRun" => {
            serde_json::from_str(data).map_or(EventKind::Other, |raised: Raised| EventKind::NodeRaised {
                id: raised.node_info.unique_id,
                error: raised.exc,
            })
        }
        "LogModelResult" => with_node(data, EventKind::ModelReported),
        "NodeFinished" => serde_json::from_str(data)
            .map_or(EventKind::Other, |data: NodeData| EventKind::NodeFinished(finished_node(data))),
        "MainEncounteredError"
        | "RunningOperationCaughtError"
        | "RunningOperationUncaughtError"
        | "CannotGenerateDocs" => {
            let exception = serde_json::from_str(data).map(|data: Exception| data.exc);
            EventKind::CommandFailed(exception.unwrap_or_else(|_| message.clone()))
        }
        "JinjaLogInfo" | "PrintEvent" => EventKind::ProjectMessage,
        // Without the events that repeat a node's result, and those for developers of dbt.
        name if matches!(level.as_str(), "warn" | "error") && !is_redundant(name) => EventKind::Warning,
        _ => EventKind::Other,
    };
    let time = ts.get(11..19).unwrap_or("--:--:--").to_owned();
    Some(LogEvent { name, level, message, invocation, time, kind })
}

fn with_node(data: &str, kind: fn(LogNode) -> EventKind) -> EventKind {
    serde_json::from_str(data).map_or(EventKind::Other, |data: NodeData| kind(log_node(&data.node_info)))
}

/// Returns the model of an event about a batch, the first instant of the batch, and the model's status in it.
fn with_batch(data: &str) -> Option<(LogNode, Option<Timestamp>, String)> {
    let data: BatchData = serde_json::from_str(data).ok()?;
    Some((log_node(&data.node_info), batch_results::batch_start(&data.description), data.node_info.node_status))
}

fn is_redundant(name: &str) -> bool {
    (name.starts_with("Log") && (name.ends_with("Result") || name.ends_with("Line")))
        || name.starts_with("RunResult")
        || matches!(
            name,
            "MainStackTrace" | "LogSkipBecauseError" | "CatchableExceptionOnRun" | "GenericExceptionOnRun"
        )
}

fn log_node(info: &NodeInfo) -> LogNode {
    let resource_type = info.resource_type.replace('_', " ");
    // A source table's name is unique only together with its source: `source.shop.raw.orders` is shown as `raw.orders`.
    let name = match info.unique_id.splitn(3, '.').nth(2) {
        Some(rest) if resource_type == "source" => rest,
        _ if info.node_name.is_empty() => &info.unique_id,
        _ => &info.node_name,
    };
    LogNode { id: info.unique_id.clone(), label: format!("{resource_type} {name}").trim().to_owned() }
}

fn finished_node(data: NodeData) -> FinishedNode {
    let NodeData { node_info, run_result } = data;
    let rows = run_result.adapter_response.get("rows_affected").and_then(serde_json::Value::as_f64);
    let is_test = matches!(node_info.resource_type.as_str(), "test" | "unit_test");
    let status = if run_result.status.is_empty() { node_info.node_status.clone() } else { run_result.status };
    FinishedNode {
        node: log_node(&node_info),
        status,
        message: run_result.message,
        seconds: run_result.execution_time,
        failures: is_test.then_some(whole(run_result.num_failures)),
        rows: rows.filter(|rows| *rows >= 0.0).map(whole),
    }
}

#[expect(clippy::cast_sign_loss, reason = "a count of rows; negative becomes 0")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = r#"{"data": {"node_info": {"materialized": "seed", "meta": {}, "node_name": "s", "node_status": "success", "resource_type": "seed", "unique_id": "seed.shop.s"}, "run_result": {"adapter_response": {"_message": "INSERT 1", "code": "INSERT", "rows_affected": 12.0}, "execution_time": 0.19230223, "message": "INSERT 1", "num_failures": 0, "status": "success", "thread": "Thread-2 (worker)", "timing_info": []}}, "info": {"category": "", "code": "Q025", "extra": {}, "invocation_id": "92c96da7", "level": "debug", "msg": "Finished running node seed.shop.s", "name": "NodeFinished", "pid": 8404, "thread": "Thread-2 (worker)", "ts": "2026-11-22T17:34:13.082347Z"}}"#;

    #[test]
    fn a_finished_node_has_its_status_and_its_written_rows() {
        let event = parse(SEED).unwrap();
        assert_eq!((event.time.as_str(), event.invocation.as_str()), ("17:34:13", "92c96da7"));
        let EventKind::NodeFinished(end) = event.kind else { panic!("{event:?}") };
        assert_eq!((end.node.label.as_str(), end.rows, end.failures), ("seed s", Some(12), None));
        assert_eq!(end.status, "success");
    }

    #[test]
    fn a_source_table_is_shown_with_its_source() {
        let line = r#"{"data":{"node_info":{"node_name":"s","resource_type":"source","unique_id":"source.shop.raw.s"}},"info":{"name":"NodeStart"}}"#;
        let EventKind::NodeStarted(node) = parse(line).unwrap().kind else { panic!() };
        assert_eq!(node.label, "source raw.s");
    }

    #[test]
    fn the_error_of_a_failed_command_is_kept_without_its_preamble() {
        let line = r#"{"data": {"exc": "Runtime Error\n  'foo' is not a valid method name"}, "info": {"level": "error", "msg": "Encountered an error:\nRuntime Error", "name": "MainEncounteredError"}}"#;
        let event = parse(line).unwrap();
        assert_eq!(
            event.kind,
            EventKind::CommandFailed("Runtime Error\n  'foo' is not a valid method name".to_owned())
        );
    }

    #[test]
    fn the_end_of_a_batch_is_not_the_end_of_its_model() {
        let line = |name: &str| {
            format!(
                r#"{{"data":{{"node_info":{{"node_name":"m","resource_type":"model","unique_id":"model.s.m"}},"run_result":{{"status":"success"}}}},"info":{{"name":"{name}"}}}}"#
            )
        };
        let mut reader = Reader::default();
        let names =
            ["LogStartBatch", "NodeFinished", "LogStartBatch", "NodeFinished", "LogModelResult", "NodeFinished"];
        let ends = names.map(|name| match reader.read(&line(name)).unwrap().kind {
            EventKind::BatchFinished(_) => "batch",
            EventKind::NodeFinished(_) => "model",
            _ => "",
        });
        assert_eq!(ends, ["", "batch", "", "batch", "", "model"]);
    }

    #[test]
    fn text_is_no_event_and_an_event_of_an_unexpected_form_is_other() {
        assert_eq!(parse("Segmentation fault"), None);
        assert_eq!(parse("[1]"), None);
        assert_eq!(
            parse(r#"{"data":{"node_info":"?"},"info":{"name":"NodeFinished"}}"#).unwrap().kind,
            EventKind::Other
        );
    }
}
