//! What happened to a run: its plan, its attempts, and the nodes that failed.

use std::fmt::Write as _;

use landfall_planner::{
    LedgerLine, LedgerOutcome, LedgerSubject, NodeStatus, Outcome, Plan, RunId, RunResult, StopClass, TaskArn,
};

use super::{StackView, TaskLogs, WhyError, search};
use crate::{
    describe::{describe_plan, first_lines},
    ledger::document,
    local::task_log,
    text::{count, list, node_name, printable, seconds},
};

/// The number of failed nodes whose messages are shown.
const MAX_FAILED: usize = 10;
/// The number of lines of dbt's message that are shown; `DuckDB` appends every option of its reader.
const MESSAGE_LINES: usize = 14;

/// Explains a run; `None` if the run does not exist.
pub(super) async fn explain(view: &StackView, id: &RunId) -> Result<Option<String>, WhyError> {
    let Some(plan) = document::<Plan>(&view.state, &Plan::key(id)).await? else { return Ok(None) };
    let is_of_run = |line: &LedgerLine| matches!(&line.about, LedgerSubject::Run { run, .. } if run == id);
    let is_planned = |lines: &[LedgerLine]| lines.iter().any(|line| line.outcome == LedgerOutcome::Planned);
    let mut lines = search(view, is_of_run, is_planned).await?;
    lines.reverse();
    let mut text = format!("run {id}: {}", describe_plan(&plan));
    if lines.is_empty() {
        text.push_str(
            "\n  The plan was written, but the board never named it, so this run did not start and never will.",
        );
        return Ok(Some(text));
    }
    let mut attempts = 1;
    for line in &lines {
        let LedgerSubject::Run { attempt, task_arn, class, .. } = &line.about else { continue };
        attempts = attempts.max(*attempt);
        let at = line.at.strftime("%H:%M:%S");
        let detail = first_lines(&line.detail, MESSAGE_LINES).join("\n      ");
        let text_of_outcome = match line.outcome {
            LedgerOutcome::Planned => format!("planned ({detail})"),
            LedgerOutcome::Started => {
                let task = task_arn.as_ref().map_or("unknown", TaskArn::task_id);
                format!("attempt {attempt} started as task {task}")
            }
            LedgerOutcome::Retried => format!("attempt {attempt} ended and is retried: {detail}"),
            LedgerOutcome::Succeeded => format!("succeeded: {detail}"),
            LedgerOutcome::Failed => format!("failed: {detail}"),
            _ => detail,
        };
        let _ = write!(text, "\n  {at}  {text_of_outcome}");
        let class = class.filter(|_| line.outcome != LedgerOutcome::Succeeded);
        if let Some(class) = class.filter(|class| *class != StopClass::Exited) {
            let _ = write!(text, "\n            its task: {}", class.description());
            if let Some(remedy) = class.remedy() {
                let _ = write!(text, "; {remedy}");
            }
        }
        if let (LedgerOutcome::Started, Some(arn)) = (line.outcome, task_arn) {
            let _ = write!(text, "\n            its output: {}", view.logs.of(arn));
        }
    }
    for attempt in 1..=attempts {
        if let Some(result) = document::<RunResult>(&view.state, &RunResult::key(id, attempt)).await? {
            let _ = write!(text, "\n{}", describe_attempt(&result));
            if !result.artifacts.is_empty() {
                let prefix = view.state.address(&Plan::attempt_prefix(id, attempt));
                let _ = write!(text, "\n  its artifacts: {prefix} ({})", list(&result.artifacts, 10));
            }
        }
    }
    if let Some(run) = view.board.runs.get(id) {
        let _ = write!(
            text,
            "\n  the run is live: attempt {}; {} of {} nodes were complete before it",
            run.attempt.number,
            run.done.len(),
            run.nodes.len()
        );
    }
    Ok(Some(text))
}

impl TaskLogs {
    /// The place of the output of a task.
    fn of(&self, task_arn: &TaskArn) -> String {
        match self {
            Self::Folder(folder) => task_log(folder, task_arn).display().to_string(),
            // The stream's prefix and the container's name are those of template.yaml.
            Self::Group(group) => {
                format!("log group {group}, stream dbt/dbt/{}", task_arn.task_id())
            }
        }
    }
}

fn describe_attempt(result: &RunResult) -> String {
    let took = result.finished_at.duration_since(result.started_at).unsigned_abs();
    let outcome = match result.outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "was interrupted",
        Outcome::TimedOut => "reached its time limit",
        Outcome::Broken => "could not run dbt",
    };
    let done = result.nodes.iter().filter(|node| node.status.is_success()).count();
    let mut text = format!(
        "attempt {} {outcome} after {}: {} of {} succeeded",
        result.attempt,
        seconds(took),
        done,
        count(result.nodes.len(), "node", "nodes")
    );
    let failed: Vec<_> = result.nodes.iter().filter(|node| node.status.is_failure()).collect();
    for node in failed.iter().take(MAX_FAILED) {
        let message = first_lines(node.message.as_deref().unwrap_or("dbt gave no message"), MESSAGE_LINES);
        let _ = write!(text, "\n  {} {}:\n    {}", status_word(node.status), node.id, message.join("\n    "));
    }
    if failed.len() > MAX_FAILED {
        let _ = write!(text, "\n  and {} more", failed.len() - MAX_FAILED);
    }
    if let (Some(message), true) = (&result.message, failed.is_empty() && result.outcome != Outcome::Succeeded) {
        let _ = write!(text, "\n  {}", printable(message.trim()));
    }
    let skipped: Vec<&str> =
        result.nodes.iter().filter(|node| node.status == NodeStatus::Skipped).map(|node| node.id.as_str()).collect();
    if !skipped.is_empty() {
        let models: Vec<&str> = skipped.iter().filter(|id| !id.starts_with("test.")).map(|id| node_name(id)).collect();
        let tests = count(skipped.len() - models.len(), "test", "tests");
        let models = if models.is_empty() { String::new() } else { format!("{} and ", list(&models, 10)) };
        let _ = write!(text, "\n  skipped because of it: {models}{tests}");
    }
    if !result.unplanned_nodes.is_empty() {
        let ids: Vec<&str> = result.unplanned_nodes.iter().map(landfall_planner::NodeId::as_str).collect();
        let _ = write!(text, "\n  unplanned nodes that dbt executed: {}", list(&ids, 10));
    }
    text
}

fn status_word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Fail => "failed test",
        NodeStatus::PartialSuccess => "partly failed",
        _ => "failed",
    }
}
