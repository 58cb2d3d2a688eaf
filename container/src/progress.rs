//! The lines that people read, in `CloudWatch` and in `landfall local`.
//!
//! # Format
//!
//! One event a line on standard output, fields two spaces apart. It is stable: a new kind of line may come, an existing one does not change its
//! shape. Times are UTC. Lines that begin with 10 spaces go on with the message of the line before.
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
//! A node's word is `OK`, `PASS`, `WARN`, `NO-OP`, `FAIL`, `ERROR`, `SKIP`, `PART` (some batches failed) or `?` (a word of dbt's that is not known). Its
//! counter is `-` if the plan does not name it. Rows in brackets are rows written, or rows that fail a test. The last line begins with
//! `succeeded`, `failed`, `interrupted`, `timed out` or `broken`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    time::{Duration, Instant},
};

use landfall_planner::{NodeId, NodeResult, NodeStatus, Step};

use crate::{
    clock,
    events::{Finished, LogEvent, Meaning, Node},
    redact::Redactor,
    results,
    text::{LONGEST_MESSAGE, cut, one_line, printable},
    verdict::Verdict,
};

/// After so long without a line, what is running is told.
const SILENCE: Duration = Duration::from_secs(30);
const INDENT: &str = "          ";

/// Standard output. Everything that goes there passes through it: secrets are struck out, control characters left out.
#[derive(Debug, Clone)]
pub struct Console {
    redactor: Redactor,
    last: Instant,
}

impl Console {
    /// With what must not be said.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, last: Instant::now() }
    }

    /// A line (or several) at this moment.
    pub fn say(&mut self, text: &str) {
        let now = clock::now().strftime("%H:%M:%S").to_string();
        self.say_at(&now, text);
    }

    /// A line (or several) at a time that the text's origin gave.
    pub fn say_at(&mut self, time: &str, text: &str) {
        self.last = Instant::now();
        let text = layout(time, &self.redactor.clean(text));
        // A closed output (a reader that went away) must not end the run.
        let mut output = std::io::stdout().lock();
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// For how long nothing was said.
    pub fn silence(&self) -> Duration {
        self.last.elapsed()
    }
}

/// The time, the first line, and the others below it.
fn layout(time: &str, text: &str) -> String {
    let text = printable(text);
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let rest = lines.fold(String::new(), |all, line| all + INDENT + line + "\n");
    format!("{time}  {first}\n{rest}")
}

/// One step's progress.
#[derive(Debug)]
pub struct Progress {
    expected: BTreeSet<NodeId>,
    finished: BTreeSet<String>,
    running: BTreeMap<String, (String, Instant)>,
}

impl Progress {
    /// Of these nodes; none for a step that is not about nodes.
    pub fn new(expected: impl IntoIterator<Item = NodeId>) -> Self {
        Self { expected: expected.into_iter().collect(), finished: BTreeSet::new(), running: BTreeMap::new() }
    }

    /// The line for an event, if it deserves one.
    pub fn line(&mut self, event: &LogEvent, now: Instant) -> Option<String> {
        match &event.meaning {
            Meaning::Started(node) => {
                self.running.insert(node.id.clone(), (node.label.clone(), now));
                None
            }
            Meaning::Finished(end) => {
                self.running.remove(&end.node.id);
                (!self.expected.is_empty()).then(|| self.node_line(end))
            }
            Meaning::BatchFinished(end) => {
                let word = word(results::status(&end.status));
                let message = if word == "OK" { "" } else { end.message.as_str() };
                Some(format!(
                    "batch  {word:<5}  {}  {:.2}s\n{}",
                    one_line(&end.node.label),
                    end.seconds,
                    cut(message, LONGEST_MESSAGE)
                ))
            }
            Meaning::GaveUp(reason) => Some(dbt_says(reason)),
            Meaning::Said | Meaning::Warned => Some(dbt_says(&event.message)),
            Meaning::BatchStarted(_) | Meaning::Whole(_) | Meaning::Other => None,
        }
    }

    /// What is running, if nothing was said for a while.
    pub fn still_running(&self, silence: Duration, now: Instant) -> Option<String> {
        if silence < SILENCE || self.running.is_empty() {
            return None;
        }
        let running = self.running.values().map(|(label, since)| {
            format!("{} ({}s)", one_line(label), now.saturating_duration_since(*since).as_secs())
        });
        Some(format!("running: {}", cut(&running.collect::<Vec<_>>().join(", "), LONGEST_MESSAGE)))
    }

    fn node_line(&mut self, end: &Finished) -> String {
        let Finished { node: Node { id, label }, status, message, seconds, failures, rows } = end;
        let status = results::status(status);
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
        let quiet = status.is_success() && status != NodeStatus::Warn;
        let below =
            if quiet || message.is_empty() { String::new() } else { format!("\n{}", cut(message, LONGEST_MESSAGE)) };
        format!("{counter}  {:<5}  {}{time}{rows}{below}", word(status), one_line(label))
    }
}

/// `step 1 of 2: dbt build`.
pub fn step_title(step: &Step, number: usize, of: usize) -> String {
    let what = match step {
        Step::RunOperation { operation, .. } => format!("run-operation {operation}"),
        Step::Freshness { .. } => "source freshness".to_owned(),
        Step::Build(_) => "build".to_owned(),
        Step::Test(_) => "test".to_owned(),
        Step::Docs => "docs generate".to_owned(),
    };
    format!("step {number} of {of}: dbt {what}")
}

/// The line of a step's end, with the reason below it if it went wrong.
pub fn step_end(title: &str, nodes: &[NodeResult], verdict: Verdict, message: Option<&str>, seconds: f64) -> String {
    let of = |is: fn(&NodeResult) -> bool| nodes.iter().filter(|node| is(node)).count();
    let (ok, failed) = (of(|node| node.status.is_success()), of(|node| node.status.is_failure()));
    let skipped = nodes.len() - ok - failed;
    let numbers = [(ok, "ok"), (failed, "failed"), (skipped, "skipped")];
    let numbers: Vec<String> = numbers.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let word = match verdict {
        Verdict::Passed => "done",
        Verdict::Failed => "failed",
        Verdict::Stopped(_) => "stopped",
    };
    let what = if numbers.is_empty() { word.to_owned() } else { numbers.join(", ") };
    let message = message.map(|message| format!("\n{message}")).unwrap_or_default();
    format!("{title}: {what} in {seconds:.1}s{message}")
}

fn dbt_says(text: &str) -> String {
    format!("dbt  {}", cut(text.trim(), LONGEST_MESSAGE))
}

fn word(status: NodeStatus) -> &'static str {
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

    fn event(meaning: Meaning) -> LogEvent {
        let text = || "text".to_owned();
        LogEvent {
            name: text(),
            level: text(),
            message: text(),
            invocation: text(),
            time: "12:03:04".to_owned(),
            meaning,
        }
    }

    fn end(id: &str, status: &str) -> Finished {
        Finished {
            node: Node { id: id.to_owned(), label: id.replacen(".s.", " ", 1) },
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
        let mut line = |end: Finished| progress.line(&event(Meaning::Finished(end)), Instant::now()).unwrap();
        assert_eq!(
            line(Finished { rows: Some(12), ..end("model.s.a", "success") }),
            "1/3  OK     model a  0.21s  (12 rows)"
        );
        assert_eq!(line(end("model.s.b", "error")), "2/3  ERROR  model b  0.21s\nBinder Error\n  no column");
        assert_eq!(
            line(Finished { failures: Some(1), message: String::new(), ..end("test.s.t", "fail") }),
            "3/3  FAIL   test t  0.21s  (1 row)"
        );
        assert_eq!(line(end("model.s.alien", "success")), "-  OK     model alien  0.21s");
    }

    #[test]
    fn a_long_silence_is_broken_by_what_is_running() {
        let mut progress = progress();
        let start = Instant::now();
        let node = Node { id: "model.s.a".to_owned(), label: "model a".to_owned() };
        assert_eq!(progress.line(&event(Meaning::Started(node)), start), None);
        assert_eq!(progress.still_running(Duration::from_secs(5), start), None);
        let later = start + Duration::from_secs(31);
        assert_eq!(progress.still_running(Duration::from_secs(31), later).unwrap(), "running: model a (31s)");
    }

    #[test]
    fn a_message_stays_below_its_line_and_cannot_forge_one() {
        let text = layout("12:03:04", "1/1  ERROR  model a\nno\u{1b}[1A\r\n\n12:00:00  1/1  OK     model a");
        assert_eq!(text, "12:03:04  1/1  ERROR  model a\n          no[1A\n          12:00:00  1/1  OK     model a\n");
    }
}
