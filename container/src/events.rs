//! dbt's structured log, as far as it is acted on. <https://docs.getdbt.com/reference/events-logging>
//!
//! The events are dbt's for people, not a contract: whatever does not have the form expected here is shown or kept, never an error.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of dbt's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEvent {
    /// The name of the event, such as `NodeFinished`.
    pub name: String,
    /// The log level, such as `debug`.
    pub level: String,
    /// For people.
    pub message: String,
    /// dbt's mark of one invocation, also in its artifacts.
    pub invocation: String,
    /// `HH:MM:SS`, UTC.
    pub time: String,
    /// The meaning of the line.
    pub meaning: Meaning,
}

/// The meaning of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// dbt started a node.
    Started(Node),
    /// dbt finished a node.
    Finished(Finished),
    /// dbt started a batch of a microbatch model.
    BatchStarted(Node),
    /// dbt finished a batch, but not the model.
    BatchFinished(Finished),
    /// dbt tells of a model as a whole. Of a microbatch model only what comes after this is about the model.
    Whole(Node),
    /// The reason why dbt gave up.
    GaveUp(String),
    /// Output of the project: `log(..., info=True)` and `print()`.
    Said,
    /// A message for operators.
    Warned,
    /// Any other event.
    Other,
}

/// A node, as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// dbt's unique id.
    pub id: String,
    /// For people: `model stg_orders`, `source raw.orders`.
    pub label: String,
}

/// A node's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The node.
    pub node: Node,
    /// The status as dbt names it.
    pub status: String,
    /// dbt's message; empty if it has none.
    pub message: String,
    /// The wall time in seconds.
    pub seconds: f64,
    /// The failing rows of a test.
    pub failures: Option<u64>,
    /// Rows written, where the adapter tells.
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
    run_result: RunResult,
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
struct RunResult {
    status: String,
    message: String,
    execution_time: f64,
    num_failures: f64,
    adapter_response: serde_json::Value,
}

#[derive(Deserialize)]
struct Exception {
    exc: String,
}

/// Reads a log, line by line.
///
/// A microbatch model's batches each end with a `NodeFinished` of the very model, long before the model does: taken for the model's end, a run
/// that is killed after the first batch would count the model as built, and the other batches would never be.
#[derive(Debug, Default)]
pub struct Reader {
    /// Models in the midst of their batches.
    batched: BTreeSet<String>,
}

impl Reader {
    /// Reads the next line; `None` if it is not one of dbt's JSON log.
    pub fn read(&mut self, line: &str) -> Option<LogEvent> {
        let mut event = parse(line)?;
        match event.meaning {
            Meaning::BatchStarted(ref node) => {
                self.batched.insert(node.id.clone());
            }
            Meaning::Whole(ref node) => {
                self.batched.remove(&node.id);
            }
            Meaning::Finished(end) if self.batched.contains(&end.node.id) => {
                event.meaning = Meaning::BatchFinished(end);
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
    let meaning = match name.as_str() {
        "NodeStart" => with_node(data, Meaning::Started),
        "LogStartBatch" => with_node(data, Meaning::BatchStarted),
        "LogModelResult" => with_node(data, Meaning::Whole),
        "NodeFinished" => {
            serde_json::from_str(data).map_or(Meaning::Other, |data: NodeData| Meaning::Finished(finished(data)))
        }
        "MainEncounteredError"
        | "RunningOperationCaughtError"
        | "RunningOperationUncaughtError"
        | "CannotGenerateDocs" => {
            let exception = serde_json::from_str(data).map(|data: Exception| data.exc);
            Meaning::GaveUp(exception.unwrap_or_else(|_| message.clone()))
        }
        "JinjaLogInfo" | "PrintEvent" => Meaning::Said,
        // What a node's own end says already, and what only developers of dbt read.
        name if matches!(level.as_str(), "warn" | "error") && !is_said_elsewhere(name) => Meaning::Warned,
        _ => Meaning::Other,
    };
    let time = ts.get(11..19).unwrap_or("--:--:--").to_owned();
    Some(LogEvent { name, level, message, invocation, time, meaning })
}

fn with_node(data: &str, meaning: fn(Node) -> Meaning) -> Meaning {
    serde_json::from_str(data).map_or(Meaning::Other, |data: NodeData| meaning(node(&data.node_info)))
}

fn is_said_elsewhere(name: &str) -> bool {
    (name.starts_with("Log") && (name.ends_with("Result") || name.ends_with("Line")))
        || name.starts_with("RunResult")
        || matches!(
            name,
            "MainStackTrace" | "LogSkipBecauseError" | "CatchableExceptionOnRun" | "GenericExceptionOnRun"
        )
}

fn node(info: &NodeInfo) -> Node {
    let kind = info.resource_type.replace('_', " ");
    // A source's name alone may be that of many: `source.shop.raw.orders` is `raw.orders` to people.
    let name = match info.unique_id.splitn(3, '.').nth(2) {
        Some(rest) if kind == "source" => rest,
        _ if info.node_name.is_empty() => &info.unique_id,
        _ => &info.node_name,
    };
    Node { id: info.unique_id.clone(), label: format!("{kind} {name}").trim().to_owned() }
}

fn finished(data: NodeData) -> Finished {
    let NodeData { node_info, run_result } = data;
    let rows = run_result.adapter_response.get("rows_affected").and_then(serde_json::Value::as_f64);
    let is_test = matches!(node_info.resource_type.as_str(), "test" | "unit_test");
    let status = if run_result.status.is_empty() { node_info.node_status.clone() } else { run_result.status };
    Finished {
        node: node(&node_info),
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
    fn a_finished_node_tells_its_status_and_rows() {
        let event = parse(SEED).unwrap();
        assert_eq!((event.time.as_str(), event.invocation.as_str()), ("17:34:13", "92c96da7"));
        let Meaning::Finished(end) = event.meaning else { panic!("{event:?}") };
        assert_eq!((end.node.label.as_str(), end.rows, end.failures), ("seed s", Some(12), None));
        assert_eq!(end.status, "success");
    }

    #[test]
    fn a_source_is_named_with_its_schema() {
        let line = r#"{"data":{"node_info":{"node_name":"s","resource_type":"source","unique_id":"source.shop.raw.s"}},"info":{"name":"NodeStart"}}"#;
        let Meaning::Started(node) = parse(line).unwrap().meaning else { panic!() };
        assert_eq!(node.label, "source raw.s");
    }

    #[test]
    fn dbts_reason_for_giving_up_is_kept_without_its_preamble() {
        let line = r#"{"data": {"exc": "Runtime Error\n  'foo' is not a valid method name"}, "info": {"level": "error", "msg": "Encountered an error:\nRuntime Error", "name": "MainEncounteredError"}}"#;
        let event = parse(line).unwrap();
        assert_eq!(event.meaning, Meaning::GaveUp("Runtime Error\n  'foo' is not a valid method name".to_owned()));
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
        let ends = names.map(|name| match reader.read(&line(name)).unwrap().meaning {
            Meaning::BatchFinished(_) => "batch",
            Meaning::Finished(_) => "model",
            _ => "",
        });
        assert_eq!(ends, ["", "batch", "", "batch", "", "model"]);
    }

    #[test]
    fn what_is_not_dbts_json_is_none_and_an_odd_payload_is_only_other() {
        assert_eq!(parse("Segmentation fault"), None);
        assert_eq!(parse("[1]"), None);
        assert_eq!(
            parse(r#"{"data":{"node_info":"?"},"info":{"name":"NodeFinished"}}"#).unwrap().meaning,
            Meaning::Other
        );
    }
}
