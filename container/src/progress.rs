//! The lines of the task's log, which operators read in CloudWatch and in `landfall local`.
//!
//! # Format
//!
//! One event a line on standard output. The fields are two spaces apart, and times are UTC. Lines that begin with 10
//! spaces continue the message of the line before. The format is stable: new kinds of lines can come, but a kind keeps
//! its form.
//!
//! ```text
//! 12:03:01  run 20261122t120259z-9f3a2c1b-0, attempt 1, release 20261121-a: 7 nodes
//! 12:03:01  why  load:shop.raw_orders: 2 objects landed in orders/
//! 12:03:01  step 1 of 2: dbt build, 7 nodes
//! 12:03:04  1/7  OK     model stg_orders  0.21s  (12 rows)
//! 12:03:04  2/7  FAIL   test not_null_stg_orders_id  0.03s  (2 rows)
//!           Got 2 results, configured to fail if != 0
//! 12:03:04  3/7  SKIP   model order_balance
//! 12:03:04  batch  OK     model order_history  0.55s
//! 12:03:05  dbt  what the project logs or prints, and dbt's warnings
//! 12:03:35  running: model order_history (30s)
//! 12:03:36  step 1 of 2: dbt build: 5 ok, 1 failed, 1 skipped in 35.2s
//! 12:03:40  failed: 1 of 7 nodes failed: test not_null_stg_orders_id: Got 2 results, configured to fail if != 0
//! ```
//!
//! The status of a node is `OK`, `PASS`, `WARN`, `NO-OP`, `FAIL`, `ERROR`, `SKIP`, `PART` (some batches failed) or `?`
//! (a status of dbt that Landfall does not know). The counter is `-` if the plan does not name the node. In brackets
//! are the rows that were written, or that fail a test. The last line begins with `succeeded`, `failed`,
//! `interrupted`, `timed out` or `broken`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use landfall_planner::{NodeId, NodeResult, NodeStatus, Step};

use crate::{
    dbt_log::{EventKind, FinishedNode, LogEvent, LogNode},
    node_results,
    outcome::StepOutcome,
    printable_text::{MAX_MESSAGE_CHARS, cut, one_line},
};

/// The time without a line after which the running nodes are printed.
const SILENCE: Duration = Duration::from_secs(30);

/// The progress of one step.
#[derive(Debug)]
pub struct Progress {
    expected: BTreeSet<NodeId>,
    finished: BTreeSet<String>,
    running: BTreeMap<String, (String, Instant)>,
}

impl Progress {
    /// Starts with the nodes that the step shall run. Empty for a step that runs no nodes.
    pub fn new(expected: impl IntoIterator<Item = NodeId>) -> Self {
        Self { expected: expected.into_iter().collect(), finished: BTreeSet::new(), running: BTreeMap::new() }
    }

    /// Returns the line for an event, unless the event has none.
    pub fn line(&mut self, event: &LogEvent, now: Instant) -> Option<String> {
        match &event.kind {
            EventKind::NodeStarted(node) => {
                self.running.insert(node.id.clone(), (node.label.clone(), now));
                None
            }
            EventKind::NodeFinished(end) => {
                self.running.remove(&end.node.id);
                (!self.expected.is_empty()).then(|| self.node_line(end))
            }
            EventKind::BatchFinished(end) => {
                let label = status_label(node_results::status(&end.status));
                let message = if label == "OK" { "" } else { end.message.as_str() };
                Some(format!(
                    "batch  {label:<5}  {}  {:.2}s\n{}",
                    one_line(&end.node.label),
                    end.seconds,
                    cut(message, MAX_MESSAGE_CHARS)
                ))
            }
            EventKind::CommandFailed(reason) => Some(dbt_line(reason)),
            EventKind::ProjectMessage | EventKind::Warning => Some(dbt_line(&event.message)),
            EventKind::BatchStarted { .. }
            | EventKind::BatchBuilt { .. }
            | EventKind::NodeRaised { .. }
            | EventKind::ModelReported(_)
            | EventKind::Other => None,
        }
    }

    /// Returns a line with the running nodes, if nothing was printed for 30 s.
    pub fn still_running(&self, silence: Duration, now: Instant) -> Option<String> {
        if silence < SILENCE || self.running.is_empty() {
            return None;
        }
        let running = self.running.values().map(|(label, since)| {
            format!("{} ({}s)", one_line(label), now.saturating_duration_since(*since).as_secs())
        });
        Some(format!("running: {}", cut(&running.collect::<Vec<_>>().join(", "), MAX_MESSAGE_CHARS)))
    }

    fn node_line(&mut self, end: &FinishedNode) -> String {
        let FinishedNode { node: LogNode { id, label }, status, message, seconds, failures, rows } = end;
        let status = node_results::status(status);
        self.finished.insert(id.clone());
        let total = self.expected.len();
        let counter = if NodeId::parse(id.as_str()).is_ok_and(|id| self.expected.contains(&id)) {
            let planned = self.finished.iter().filter_map(|id| NodeId::parse(id.as_str()).ok());
            let n = planned.filter(|id| self.expected.contains(id)).count();
            format!("{n:>width$}/{total}", width = total.to_string().len())
        } else {
            "-".to_owned()
        };
        let time = if status == NodeStatus::Skipped { String::new() } else { format!("  {seconds:.2}s") };
        let rows = failures.filter(|n| *n > 0).or(*rows);
        let rows = rows.map_or_else(String::new, |n| format!("  ({n} {})", if n == 1 { "row" } else { "rows" }));
        let hides_message = status.is_success() && status != NodeStatus::Warn;
        let below = if hides_message || message.is_empty() {
            String::new()
        } else {
            format!("\n{}", cut(message, MAX_MESSAGE_CHARS))
        };
        format!("{counter}  {:<5}  {}{time}{rows}{below}", status_label(status), one_line(label))
    }
}

/// Returns the name of a step in the log, such as `step 1 of 2: dbt build`.
pub fn step_title(step: &Step, number: usize, total: usize) -> String {
    let what = match step {
        Step::RunOperation { operation, .. } => format!("run-operation {operation}"),
        Step::Freshness { .. } => "source freshness".to_owned(),
        Step::Build(_) => "build".to_owned(),
        Step::Test(_) => "test".to_owned(),
        Step::Docs => "docs generate".to_owned(),
    };
    format!("step {number} of {total}: dbt {what}")
}

/// Returns the line for a step's end, with the message below it.
pub fn step_end(
    title: &str,
    nodes: &[NodeResult],
    outcome: StepOutcome,
    message: Option<&str>,
    seconds: f64,
) -> String {
    let number_of = |is: fn(&NodeResult) -> bool| nodes.iter().filter(|node| is(node)).count();
    let (ok, failed) = (number_of(|node| node.status.is_success()), number_of(|node| node.status.is_failure()));
    let skipped = nodes.len() - ok - failed;
    let numbers = [(ok, "ok"), (failed, "failed"), (skipped, "skipped")];
    let numbers: Vec<String> =
        numbers.iter().filter(|(n, _)| *n > 0).map(|(n, label)| format!("{n} {label}")).collect();
    let label = match outcome {
        StepOutcome::Passed => "done",
        StepOutcome::Failed => "failed",
        StepOutcome::Stopped(_) => "stopped",
    };
    let what = if numbers.is_empty() { label.to_owned() } else { numbers.join(", ") };
    let message = message.map(|message| format!("\n{message}")).unwrap_or_default();
    format!("{title}: {what} in {seconds:.1}s{message}")
}

fn dbt_line(text: &str) -> String {
    format!("dbt  {}", cut(text.trim(), MAX_MESSAGE_CHARS))
}

fn status_label(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Success => "OK",
        NodeStatus::Pass => "PASS",
        NodeStatus::Warn => "WARN",
        NodeStatus::NoOp => "NO-OP",
        NodeStatus::Fail => "FAIL",
        NodeStatus::Error | NodeStatus::RuntimeError => "ERROR",
        NodeStatus::Skipped => "SKIP",
        NodeStatus::PartialSuccess => "PART",
        NodeStatus::Unknown => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> LogEvent {
        let text = || "text".to_owned();
        LogEvent { name: text(), level: text(), message: text(), invocation: text(), time: "12:03:04".to_owned(), kind }
    }

    fn end(id: &str, status: &str) -> FinishedNode {
        FinishedNode {
            node: LogNode { id: id.to_owned(), label: id.replacen(".s.", " ", 1) },
            status: status.to_owned(),
            message: "Binder Error\n  no column".to_owned(),
            seconds: 0.214,
            failures: None,
            rows: None,
        }
    }

    fn progress() -> Progress {
        Progress::new(["model.s.a", "model.s.b", "test.s.t"].map(|id| NodeId::parse(id).unwrap()))
    }

    #[test]
    fn each_finished_node_gets_one_line_and_its_error_in_full() {
        let mut progress = progress();
        let mut line = |end: FinishedNode| progress.line(&event(EventKind::NodeFinished(end)), Instant::now()).unwrap();
        assert_eq!(
            line(FinishedNode { rows: Some(12), ..end("model.s.a", "success") }),
            "1/3  OK     model a  0.21s  (12 rows)"
        );
        assert_eq!(line(end("model.s.b", "error")), "2/3  ERROR  model b  0.21s\nBinder Error\n  no column");
        assert_eq!(
            line(FinishedNode { failures: Some(1), message: String::new(), ..end("test.s.t", "fail") }),
            "3/3  FAIL   test t  0.21s  (1 row)"
        );
        assert_eq!(line(end("model.s.alien", "success")), "-  OK     model alien  0.21s");
    }

    #[test]
    fn after_30_silent_seconds_the_running_nodes_are_printed() {
        let mut progress = progress();
        let start = Instant::now();
        let node = LogNode { id: "model.s.a".to_owned(), label: "model a".to_owned() };
        assert_eq!(progress.line(&event(EventKind::NodeStarted(node)), start), None);
        assert_eq!(progress.still_running(Duration::from_secs(5), start), None);
        let later = start + Duration::from_secs(31);
        assert_eq!(progress.still_running(Duration::from_secs(31), later).unwrap(), "running: model a (31s)");
    }
}
