//! Sentences about ledger lines, plans and runs, shared by every command that prints them.

use std::fmt::Write as _;

use landfall_planner::{
    FailedNode, LedgerLine, LedgerOutcome, LedgerSubject, NodeId, ObjectLoad, OperatorAction, Plan, Step, TaskArn,
    Trigger,
};

use crate::text::{bytes, count, list, node_name, printable};

/// Names the datasets of which an object is a load. A dataset that has read it already, or that ignores objects, is left
/// out. Empty if the object is a load of none.
pub fn loaded_datasets(datasets: &[ObjectLoad]) -> String {
    let loaded = datasets.iter().filter(|load| load.generation.is_some());
    loaded.map(|load| load.dataset.as_str()).collect::<Vec<_>>().join(" and ")
}

/// Describes a ledger line: a keyword for its kind, and a text. An object of the landing bucket is named by its key
/// alone.
pub fn ledger_line(line: &LedgerLine, plan: Option<&Plan>, landing_bucket: &str) -> (&'static str, String) {
    let detail = printable(&line.detail);
    match &line.about {
        LedgerSubject::Object { bucket, key, size, deleted, datasets, .. } => {
            let size = size.map(|size| format!(" ({})", bytes(size))).unwrap_or_default();
            let place = if bucket == landing_bucket { String::new() } else { format!("s3://{bucket}/") };
            let deletion = if *deleted { "the deletion of " } else { "" };
            let object = format!("{deletion}{place}{}{size}", printable(key));
            match line.outcome {
                LedgerOutcome::Mapped => ("landed", format!("{object} -> {}: {detail}", loaded_datasets(datasets))),
                outcome => (outcome_keyword(outcome), format!("{object}: {detail}")),
            }
        }
        LedgerSubject::Loaded { dataset, batch_id, .. } => {
            let batch = batch_id.as_ref().map(|batch| format!(", batch {}", printable(batch))).unwrap_or_default();
            let keyword = if line.outcome == LedgerOutcome::Mapped { "loaded" } else { outcome_keyword(line.outcome) };
            (keyword, format!("a loader announced {}{batch}: {detail}", printable(dataset)))
        }
        LedgerSubject::Schedule { job, scheduled_time } => {
            (outcome_keyword(line.outcome), format!("job {job}, due {}: {detail}", printable(scheduled_time)))
        }
        LedgerSubject::Release { release } => (outcome_keyword(line.outcome), format!("release {release}: {detail}")),
        LedgerSubject::Run { run, attempt, task_arn, nodes, failed, .. } => match line.outcome {
            LedgerOutcome::Planned => match plan {
                Some(plan) => ("planned", format!("run {run}: {}", describe_plan(plan))),
                None => ("planned", format!("run {run}: {detail}")),
            },
            LedgerOutcome::Started => {
                let task = task_arn.as_ref().map_or("unknown", TaskArn::task_id);
                ("started", format!("task {task}, attempt {attempt}"))
            }
            outcome => {
                (outcome_keyword(outcome), describe_run_end(run.as_str(), outcome, &line.detail, *nodes, plan, failed))
            }
        },
        LedgerSubject::OperatorCommand { command, .. } => {
            (outcome_keyword(line.outcome), format!("operator command {}: {detail}", describe_command(command)))
        }
        LedgerSubject::Board { epoch } => (outcome_keyword(line.outcome), format!("epoch {epoch}: {detail}")),
        LedgerSubject::Limit { .. } => ("LIMIT", detail),
        LedgerSubject::Other { text } => (outcome_keyword(line.outcome), format!("{}: {detail}", printable(text))),
    }
}

fn describe_command(action: &OperatorAction) -> String {
    match action {
        OperatorAction::Pause { dataset: None } => "pause (everything)".to_owned(),
        OperatorAction::Pause { dataset: Some(name) } => format!("pause {name}"),
        OperatorAction::Resume { dataset: None } => "resume (everything)".to_owned(),
        OperatorAction::Resume { dataset: Some(name) } => format!("resume {name}"),
        OperatorAction::Retry { trigger: None } => "retry (everything)".to_owned(),
        OperatorAction::Retry { trigger: Some(trigger) } => format!("retry {trigger}"),
        OperatorAction::Approve => "approve (release)".to_owned(),
    }
}

/// Names a generation of a trigger: `load:shop.orders, load 3` or `release, generation 2`.
pub fn describe_generation(trigger: &Trigger, generation: u64) -> String {
    match trigger {
        Trigger::Load(_) => format!("{trigger}, load {generation}"),
        _ => format!("{trigger}, generation {generation}"),
    }
}

/// The number of lines of dbt's message in a run's line; `landfall why` shows more.
const MESSAGE_LINES: usize = 5;

/// The first `most` lines of a message that are not empty, safe to print, and the number of further lines.
pub fn first_lines(message: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut shown: Vec<String> = lines.iter().take(most).map(|line| printable(line)).collect();
    if lines.len() > most {
        shown.push(format!("... and {}", count(lines.len() - most, "more line", "more lines")));
    }
    shown
}

fn outcome_keyword(outcome: LedgerOutcome) -> &'static str {
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

/// Describes the end of a run: how many nodes succeeded, and dbt's message of each that failed.
pub fn describe_run_end(
    run: &str,
    outcome: LedgerOutcome,
    detail: &str,
    succeeded: usize,
    plan: Option<&Plan>,
    failed: &[FailedNode],
) -> String {
    let of = plan.map(|plan| format!(" of {}", plan.nodes.len())).unwrap_or_default();
    let mut text = format!("run {run} {}: {succeeded}{of} nodes succeeded", outcome_keyword(outcome));
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

/// Describes what a plan runs, why, and what waits; several lines.
pub fn describe_plan(plan: &Plan) -> String {
    let ids: Vec<&NodeId> = plan.nodes.iter().map(|node| &node.id).collect();
    let mut text = describe_nodes(&ids);
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
    for (node_type, label) in [("seed", "seeds"), ("snapshot", "snapshots"), ("model", "models")] {
        let names: Vec<&str> =
            ids.iter().filter(|id| type_of(id) == node_type).map(|id| node_name(id.as_str())).collect();
        if !names.is_empty() {
            let _ = write!(text, "\n  {label:<7} {}", list(&names, 12));
        }
    }
    for waiting in plan.waiting.iter().filter(|waiting| type_of(&waiting.id) != "test").take(8) {
        let _ = write!(text, "\n  waits   {}: {}", node_name(waiting.id.as_str()), printable(&waiting.reason));
    }
    text
}

fn type_of(id: &NodeId) -> &str {
    id.as_str().split('.').next().unwrap_or_default()
}

/// Counts nodes by type: `1 seed, 3 models, 12 tests`.
pub fn describe_nodes(ids: &[&NodeId]) -> String {
    let types = [
        ("source", "source", "sources"),
        ("seed", "seed", "seeds"),
        ("snapshot", "snapshot", "snapshots"),
        ("model", "model", "models"),
        ("test", "test", "tests"),
        ("unit_test", "unit test", "unit tests"),
    ];
    let counted = types.iter().filter_map(|(node_type, one, many)| {
        let number = ids.iter().filter(|id| type_of(id) == *node_type).count();
        (number > 0).then(|| count(number, one, many))
    });
    let counts: Vec<String> = counted.collect();
    if counts.is_empty() { "no nodes".to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> jiff::Timestamp {
        "2026-11-22T17:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_object_is_described_with_its_dataset_and_its_key_stays_on_one_line() {
        let described = ledger_line(
            &LedgerLine {
                event: "e".to_owned(),
                at: at(),
                about: LedgerSubject::Object {
                    bucket: "b".to_owned(),
                    key: "orders/\u{1b}[2J\nx.csv".to_owned(),
                    version_id: None,
                    size: Some(1200),
                    deleted: false,
                    datasets: vec![ObjectLoad {
                        dataset: landfall_planner::DatasetName::parse("shop.orders").unwrap(),
                        generation: Some(1),
                    }],
                },
                outcome: LedgerOutcome::Mapped,
                detail: "opened load 1 of shop.orders".to_owned(),
            },
            None,
            "b",
        );
        assert_eq!(described.0, "landed");
        assert!(
            described.1.starts_with("orders/")
                && described.1.contains("-> shop.orders")
                && described.1.contains("1.20 kB")
                && !described.1.contains('\n'),
            "{described:?}"
        );
    }

    #[test]
    fn nodes_are_counted_by_type() {
        let ids: Vec<NodeId> =
            ["model.a.b", "model.a.c", "test.a.d.1", "seed.a.e"].iter().map(|id| NodeId::parse(*id).unwrap()).collect();
        assert_eq!(describe_nodes(&ids.iter().collect::<Vec<_>>()), "1 seed, 2 models, 1 test");
    }

    #[test]
    fn a_generation_is_called_a_load_only_for_loads() {
        assert_eq!(describe_generation(&"load:shop.orders".parse().unwrap(), 3), "load:shop.orders, load 3");
        assert_eq!(describe_generation(&Trigger::Release, 2), "release, generation 2");
    }
}
