//! Ledger lines and plans in words.

use std::fmt::Write as _;

use landfall_planner::{
    FailedNode, LedgerLine, LedgerOutcome, LedgerSubject, NodeId, OperatorAction, Plan, Step, Trigger,
};

use crate::{
    terminal::{bytes, count},
    text::{list, node_name, printable},
};

/// A line of the ledger: one word for its kind, and the rest.
/// An object of the landing bucket is told by its key alone.
pub(super) fn line(line: &LedgerLine, plan: Option<&Plan>, landing: &str) -> (&'static str, String) {
    let detail = printable(&line.detail);
    match &line.about {
        LedgerSubject::Object { bucket, key, size, deleted, dataset, .. } => {
            let size = size.map(|size| format!(" ({})", bytes(size))).unwrap_or_default();
            let place = if bucket == landing { String::new() } else { format!("s3://{bucket}/") };
            let gone = if *deleted { "the deletion of " } else { "" };
            let object = format!("{gone}{place}{}{size}", printable(key));
            match (dataset, line.outcome) {
                (Some(dataset), LedgerOutcome::Mapped) => ("landed", format!("{object} -> {dataset}: {detail}")),
                (_, outcome) => (outcome_word(outcome), format!("{object}: {detail}")),
            }
        }
        LedgerSubject::Loaded { dataset, batch_id, .. } => {
            let batch = batch_id.as_ref().map(|batch| format!(", batch {}", printable(batch))).unwrap_or_default();
            let word = if line.outcome == LedgerOutcome::Mapped { "loaded" } else { outcome_word(line.outcome) };
            (word, format!("a loader says {}{batch}: {detail}", printable(dataset)))
        }
        LedgerSubject::Schedule { job, scheduled_time } => {
            (outcome_word(line.outcome), format!("job {job}, due {}: {detail}", printable(scheduled_time)))
        }
        LedgerSubject::Release { release } => (outcome_word(line.outcome), format!("release {release}: {detail}")),
        LedgerSubject::Run { run, attempt, task_arn, nodes, failed, .. } => match line.outcome {
            LedgerOutcome::Planned => match plan {
                Some(plan) => ("planned", format!("run {run}: {}", explain_plan(plan))),
                None => ("planned", format!("run {run}: {detail}")),
            },
            LedgerOutcome::Started => {
                let task = task_arn.as_deref().and_then(|arn| arn.rsplit('/').next()).unwrap_or("unknown");
                ("started", format!("task {task}, attempt {attempt}"))
            }
            outcome => {
                let word = if outcome == LedgerOutcome::Succeeded { "settled" } else { outcome_word(outcome) };
                (word, settled_in_words(run.as_str(), outcome, &line.detail, *nodes, plan, failed))
            }
        },
        LedgerSubject::OperatorCommand { command, .. } => {
            (outcome_word(line.outcome), format!("an operator: {}: {detail}", ask_in_words(command)))
        }
        LedgerSubject::Board { epoch } => (outcome_word(line.outcome), format!("epoch {epoch}: {detail}")),
        LedgerSubject::Limit { .. } => ("LIMIT", detail),
        LedgerSubject::Other { text } => (outcome_word(line.outcome), format!("{}: {detail}", printable(text))),
    }
}

fn ask_in_words(action: &OperatorAction) -> String {
    match action {
        OperatorAction::Pause { dataset: None } => "pause everything".to_owned(),
        OperatorAction::Pause { dataset: Some(name) } => format!("pause {name}"),
        OperatorAction::Resume { dataset: None } => "resume everything".to_owned(),
        OperatorAction::Resume { dataset: Some(name) } => format!("resume {name}"),
        OperatorAction::Retry { trigger: None } => "try again what failed".to_owned(),
        OperatorAction::Retry { trigger: Some(trigger) } => format!("try again what failed for {trigger}"),
        OperatorAction::Approve => "approve the release".to_owned(),
    }
}

/// How much of dbt's message the story tells; `landfall why` tells more.
const MESSAGE_LINES: usize = 5;

/// The first lines of a message that say something, fit for a terminal, and how many more there are.
pub fn first_lines(message: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut told: Vec<String> = lines.iter().take(most).map(|line| printable(line)).collect();
    if lines.len() > most {
        told.push(format!("... and {}", count(lines.len() - most, "more line", "more lines")));
    }
    told
}

fn outcome_word(outcome: LedgerOutcome) -> &'static str {
    match outcome {
        LedgerOutcome::Mapped => "mapped",
        LedgerOutcome::Covered => "covered",
        LedgerOutcome::Unmapped => "unmapped",
        LedgerOutcome::Ignored => "ignored",
        LedgerOutcome::Malformed => "malformed",
        LedgerOutcome::Accepted => "accepted",
        LedgerOutcome::Refused => "refused",
        LedgerOutcome::Planned => "planned",
        LedgerOutcome::Started => "started",
        LedgerOutcome::Retried => "retried",
        LedgerOutcome::Succeeded => "succeeded",
        LedgerOutcome::Failed => "failed",
        LedgerOutcome::Dropped => "dropped",
    }
}

/// A run's end: how many nodes, and what failed in dbt's words.
pub fn settled_in_words(
    run: &str,
    outcome: LedgerOutcome,
    detail: &str,
    succeeded: usize,
    plan: Option<&Plan>,
    failed: &[FailedNode],
) -> String {
    let of = plan.map(|plan| format!(" of {}", plan.nodes.len())).unwrap_or_default();
    let mut text = format!("run {run} {}: {succeeded}{of} nodes succeeded", outcome_word(outcome));
    if !detail.is_empty() {
        let _ = write!(text, "; {}", first_lines(detail, MESSAGE_LINES).join("\n    "));
    }
    for node in failed.iter().take(5) {
        let message = first_lines(&node.message, MESSAGE_LINES).join("\n    ");
        let _ = write!(text, "\n  {}: {message}", node_name(node.id.as_str()));
    }
    if failed.len() > 5 {
        let _ = write!(text, "\n  and {} more", failed.len() - 5);
    }
    text
}

/// What a plan runs, why, and what it leaves out; several lines.
pub fn explain_plan(plan: &Plan) -> String {
    let ids: Vec<&NodeId> = plan.nodes.iter().map(|node| &node.id).collect();
    let mut text = nodes_in_words(&ids);
    for trigger in &plan.triggers {
        let what = match &trigger.trigger {
            Trigger::Load(dataset) => dataset.to_string(),
            other => other.to_string(),
        };
        let _ = write!(text, "\n  why     {what}: {}", printable(&trigger.reason));
        let _ = write!(text, "\n  select  {}", printable(&trigger.select));
    }
    for step in &plan.steps {
        if let Step::RunOperation { operation, .. } = step {
            let _ = write!(text, "\n  before  run-operation {}", printable(operation));
        }
    }
    for (kind, label) in [("seed", "seeds"), ("snapshot", "snaps"), ("model", "models")] {
        let names: Vec<&str> = ids.iter().filter(|id| kind_of(id) == kind).map(|id| node_name(id.as_str())).collect();
        if !names.is_empty() {
            let _ = write!(text, "\n  {label:<7} {}", list(&names, 12));
        }
    }
    for waiting in plan.waiting.iter().filter(|waiting| kind_of(&waiting.id) != "test").take(8) {
        let _ = write!(text, "\n  waits   {}: {}", node_name(waiting.id.as_str()), printable(&waiting.reason));
    }
    text
}

fn kind_of(id: &NodeId) -> &str {
    id.as_str().split('.').next().unwrap_or_default()
}

/// `1 seed, 3 models, 12 tests`.
pub fn nodes_in_words(ids: &[&NodeId]) -> String {
    let kinds = [
        ("source", "source", "sources"),
        ("seed", "seed", "seeds"),
        ("snapshot", "snapshot", "snapshots"),
        ("model", "model", "models"),
        ("test", "test", "tests"),
        ("unit_test", "unit test", "unit tests"),
    ];
    let counted = kinds.iter().filter_map(|(kind, one, many)| {
        let number = ids.iter().filter(|id| kind_of(id) == *kind).count();
        (number > 0).then(|| count(number, one, many))
    });
    let words: Vec<String> = counted.collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> jiff::Timestamp {
        "2026-11-22T17:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_object_tells_its_dataset_and_a_hostile_key_stays_one_line() {
        let told = line(
            &LedgerLine {
                event: "e".to_owned(),
                at: at(),
                about: LedgerSubject::Object {
                    bucket: "b".to_owned(),
                    key: "orders/\u{1b}[2J\nx.csv".to_owned(),
                    version_id: None,
                    size: Some(1200),
                    deleted: false,
                    dataset: Some(landfall_planner::DatasetName::parse("shop.orders").unwrap()),
                    generation: Some(1),
                },
                outcome: LedgerOutcome::Mapped,
                detail: "opened load 1 of shop.orders".to_owned(),
            },
            None,
            "b",
        );
        assert_eq!(told.0, "landed");
        assert!(
            told.1.starts_with("orders/")
                && told.1.contains("-> shop.orders")
                && told.1.contains("1.20 kB")
                && !told.1.contains('\n'),
            "{told:?}"
        );
    }

    #[test]
    fn nodes_are_counted_by_kind() {
        let ids: Vec<NodeId> =
            ["model.a.b", "model.a.c", "test.a.d.1", "seed.a.e"].iter().map(|id| NodeId::parse(*id).unwrap()).collect();
        assert_eq!(nodes_in_words(&ids.iter().collect::<Vec<_>>()), "1 seed, 2 models, 1 test");
    }
}
