//! What became of a run.

use std::fmt::Write as _;

use landfall_planner::{
    LedgerLine, LedgerOutcome, LedgerSubject, NodeStatus, Outcome, Plan, RunId, RunResult, StopClass,
};

use super::{Evidence, Logs, WhyError, search};
use crate::{
    ledger::document,
    local::task_log,
    story::{explain_plan, first_lines},
    terminal::{count, seconds},
    text::{list, node_name, printable},
};

/// How many failing nodes are quoted.
const MOST: usize = 10;
/// How much of dbt's message: `DuckDB` adds every option of its reader.
const MESSAGE_LINES: usize = 14;

/// None if there is no such run.
pub(super) async fn explain(evidence: &Evidence, id: &RunId) -> Result<Option<String>, WhyError> {
    let Some(plan) = document::<Plan>(&evidence.state, &Plan::key(id)).await? else { return Ok(None) };
    let is_it = |line: &LedgerLine| matches!(&line.about, LedgerSubject::Run { run, .. } if run == id);
    let is_planned = |lines: &[LedgerLine]| lines.iter().any(|line| line.outcome == LedgerOutcome::Planned);
    let mut lines = search(evidence, is_it, is_planned).await?;
    lines.reverse();
    let mut text = format!("run {id}: {}", explain_plan(&plan));
    if lines.is_empty() {
        text.push_str("\nit was planned and never put on the board: it never ran, and never will");
        return Ok(Some(text));
    }
    let mut attempts = 1;
    for line in &lines {
        let LedgerSubject::Run { attempt, task_arn, class, .. } = &line.about else { continue };
        attempts = attempts.max(*attempt);
        let at = line.at.strftime("%H:%M:%S");
        let detail = first_lines(&line.detail, MESSAGE_LINES).join("\n      ");
        let words = match line.outcome {
            LedgerOutcome::Planned => format!("planned ({detail})"),
            LedgerOutcome::Started => {
                let task = task_arn.as_deref().and_then(|arn| arn.rsplit('/').next()).unwrap_or("unknown");
                format!("attempt {attempt} started as task {task}")
            }
            LedgerOutcome::Retried => format!("attempt {attempt} is over and is tried again: {detail}"),
            LedgerOutcome::Succeeded => format!("succeeded: {detail}"),
            LedgerOutcome::Failed => format!("failed: {detail}"),
            _ => detail,
        };
        let _ = write!(text, "\n  {at}  {words}");
        // Of a success only its nodes are of interest.
        let class = class.filter(|_| line.outcome != LedgerOutcome::Succeeded);
        if let Some(class) = class.filter(|class| *class != StopClass::Exited) {
            let _ = write!(text, "\n            its task: {}", class.description());
            if let Some(remedy) = class.remedy() {
                let _ = write!(text, "; {remedy}");
            }
        }
        if let (LedgerOutcome::Started, Some(arn)) = (line.outcome, task_arn) {
            let _ = write!(text, "\n            its output: {}", evidence.logs.of(arn));
        }
    }
    for attempt in 1..=attempts {
        if let Some(result) = document::<RunResult>(&evidence.state, &RunResult::key(id, attempt)).await? {
            let _ = write!(text, "\n{}", attempt_in_words(&result));
            if !result.artifacts.is_empty() {
                let prefix = evidence.state.address(&Plan::attempt_prefix(id, attempt));
                let _ = write!(text, "\n  its artifacts: {prefix} ({})", list(&result.artifacts, 10));
            }
        }
    }
    if let Some(run) = evidence.board.runs.get(id) {
        let _ = write!(
            text,
            "\n  it is live: attempt {}, {} of {} nodes done before",
            run.attempt.number,
            run.done.len(),
            run.nodes.len()
        );
    }
    Ok(Some(text))
}

impl Logs {
    /// Of this task.
    fn of(&self, task_arn: &str) -> String {
        match self {
            Self::Here(folder) => task_log(folder, task_arn).display().to_string(),
            // The stream's prefix and the container's name, both as in template.yaml.
            Self::Group(group) => {
                format!("log group {group}, stream dbt/dbt/{}", task_arn.rsplit('/').next().unwrap_or(task_arn))
            }
        }
    }
}

fn attempt_in_words(result: &RunResult) -> String {
    let took = result.finished_at.duration_since(result.started_at).unsigned_abs();
    let outcome = match result.outcome {
        Outcome::Succeeded => "did all it should",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "was stopped before it was done",
        Outcome::TimedOut => "was stopped by its own clock",
        Outcome::Broken => "could not come to run dbt",
    };
    let done = result.nodes.iter().filter(|node| node.status.is_success()).count();
    let mut text = format!(
        "attempt {} {outcome} after {}: {} of {} succeeded",
        result.attempt,
        seconds(took),
        done,
        count(result.nodes.len(), "node", "nodes")
    );
    let bad: Vec<_> = result.nodes.iter().filter(|node| node.status.is_failure()).collect();
    for node in bad.iter().take(MOST) {
        let message = first_lines(node.message.as_deref().unwrap_or("dbt gave no message"), MESSAGE_LINES);
        let _ = write!(text, "\n  {} {}:\n    {}", word(node.status), node.id, message.join("\n    "));
    }
    if bad.len() > MOST {
        let _ = write!(text, "\n  and {} more", bad.len() - MOST);
    }
    if let (Some(message), true) = (&result.message, bad.is_empty() && result.outcome != Outcome::Succeeded) {
        let _ = write!(text, "\n  {}", printable(message.trim()));
    }
    let skipped: Vec<&str> =
        result.nodes.iter().filter(|node| node.status == NodeStatus::Skipped).map(|node| node.id.as_str()).collect();
    if !skipped.is_empty() {
        let models: Vec<&str> = skipped.iter().filter(|id| !id.starts_with("test.")).map(|id| node_name(id)).collect();
        let tests = count(skipped.len() - models.len(), "test", "tests");
        let models = if models.is_empty() { String::new() } else { format!("{} and ", list(&models, 10)) };
        let _ = write!(text, "\n  left out because of it: {models}{tests}");
    }
    if !result.unplanned_nodes.is_empty() {
        let ids: Vec<&str> = result.unplanned_nodes.iter().map(landfall_planner::NodeId::as_str).collect();
        let _ = write!(text, "\n  executed outside the plan: {}", list(&ids, 10));
    }
    text
}

fn word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Fail => "failing test",
        NodeStatus::PartialSuccess => "partly failing",
        _ => "failing",
    }
}
