//! The state of a node: which loads run it, when and from which data it was built, and what it waits for.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;
use landfall_planner::{
    Claim, DatasetName, LedgerLine, LedgerOutcome, LedgerSubject, NodeId, NodeResult, Plan, Release, RunId, RunResult,
    missing_parent_of,
};

use super::{StackView, WhyError, describe_entry, is_run_end, search};
use crate::{
    describe::{describe_generation, first_lines},
    ledger::document,
    text::{date_time, list, node_name, printable},
};

/// The number of runs that are searched for the node.
const MAX_RUNS: usize = 200;
/// The number of lines of dbt's message that are shown.
const MESSAGE_LINES: usize = 14;

pub(super) async fn explain(view: &StackView, what: &str) -> Result<String, WhyError> {
    let unknown = |hint: String| WhyError::Unknown { what: printable(what), hint };
    let Some(release) = &view.release else {
        return Err(unknown(": no release is in place yet; run `landfall release` first".to_owned()));
    };
    let ids = matching(release, what);
    let [id] = ids.as_slice() else {
        let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let hint = if names.is_empty() { String::new() } else { format!("; use one of {}", list(&names, 5)) };
        return Err(unknown(hint));
    };
    let id = *id;
    let Some(ordinal) = release.ordinal(id) else { return Err(unknown(String::new())) };
    let mut text = id.to_string();
    let loads: Vec<&DatasetName> = release
        .compiled
        .datasets
        .iter()
        .filter(|(_, dataset)| dataset.nodes.contains(ordinal))
        .map(|(name, _)| name)
        .collect();
    let _ = match loads.as_slice() {
        [] => write!(text, "\n  it runs at no load"),
        loads => {
            let names: Vec<&str> = loads.iter().map(|name| name.as_str()).collect();
            write!(text, "\n  it runs at loads of {}", list(&names, 10))
        }
    };
    let history = history(view, id).await?;
    match &history.built {
        Some(built) => text.push_str(&describe_build(view, id, built, &loads).await?),
        None if release.index.get(id.as_str()).is_some_and(|node| node.relation_name().is_some()) => {
            text.push_str(if view.board.built.contains(ordinal) {
                "\n  it is built; no run that was searched built it"
            } else {
                "\n  it was never built"
            });
        }
        None => {}
    }
    if let Some(last) = history.last.filter(|last| history.built.as_ref().is_none_or(|built| built.run != last.run)) {
        text.push_str(&describe_last_run(id, &last));
    } else if history.built.is_none() {
        text.push_str("\n  no run included it yet");
    }
    for (trigger, entry) in view.board.backlog.iter().filter(|(_, entry)| entry.nodes.contains(ordinal)) {
        let _ = write!(
            text,
            "\n  it is pending for {}, in a group of {}",
            describe_generation(trigger, entry.generation),
            describe_entry(&view.waiting, trigger, entry, |group| group.nodes.contains(ordinal)).join("; ")
        );
    }
    for (run, _) in view.board.runs.iter().filter(|(_, run)| run.nodes.contains(ordinal)) {
        let _ = write!(text, "\n  it is in the live run {run}");
    }
    if let Some(reason) = missing_parent_of(release, &view.board, ordinal) {
        let _ = write!(text, "\n  it {}", printable(&reason));
    }
    Ok(text)
}

/// Returns the node with this unique id, or else the nodes with this name.
fn matching<'r>(release: &'r Release, what: &str) -> Vec<&'r NodeId> {
    let nodes = &release.compiled.nodes;
    if let Some(id) = nodes.iter().find(|id| id.as_str() == what) {
        return vec![id];
    }
    nodes.iter().filter(|id| node_name(id.as_str()) == what && release.index.get(id.as_str()).is_some()).collect()
}

/// The newest runs of a node.
#[derive(Default)]
struct NodeHistory {
    /// The newest finished run whose plan names the node.
    last: Option<NodeRun>,
    /// The newest run that built the node.
    built: Option<NodeRun>,
}

/// A finished run whose plan names the node.
#[derive(Clone)]
struct NodeRun {
    run: RunId,
    plan: Plan,
    finished: Timestamp,
    /// The newest attempt whose result names the node, and the node's result.
    result: Option<(RunResult, NodeResult)>,
}

async fn history(view: &StackView, id: &NodeId) -> Result<NodeHistory, WhyError> {
    let ends = search(view, is_run_end, |found| found.len() >= MAX_RUNS).await?;
    let mut history = NodeHistory::default();
    for line in ends {
        let LedgerSubject::Run { run, attempt, .. } = &line.about else { continue };
        let Some(plan) = document::<Plan>(&view.state, &Plan::key(run)).await? else { continue };
        if !plan.nodes.iter().any(|node| node.id == *id) {
            continue;
        }
        let mut attempt_result = None;
        // A later attempt does not run nodes that an earlier one completed.
        for attempt in (1..=*attempt).rev() {
            let result = document::<RunResult>(&view.state, &RunResult::key(run, attempt)).await?;
            let node = result.as_ref().and_then(|result| result.nodes.iter().find(|node| node.id == *id)).cloned();
            if let (Some(result), Some(node)) = (result, node) {
                attempt_result = Some((result, node));
                break;
            }
        }
        let node_run = NodeRun { run: run.clone(), plan, finished: line.at, result: attempt_result };
        let built = node_run.result.as_ref().is_some_and(|(_, node)| node.status.is_success());
        history.last.get_or_insert_with(|| node_run.clone());
        if built {
            history.built = Some(node_run);
            break;
        }
    }
    Ok(history)
}

/// Describes when the node was built, and from which loads.
async fn describe_build(
    view: &StackView,
    id: &NodeId,
    built: &NodeRun,
    loads: &[&DatasetName],
) -> Result<String, WhyError> {
    let Some((result, node)) = &built.result else { return Ok(String::new()) };
    let verb = if id.as_str().starts_with("test.") { "passed" } else { "built" };
    let mut text = format!(
        "\n  last {verb} {} by run {}, attempt {}, in {:.1} s",
        date_time(result.finished_at),
        built.run,
        result.attempt,
        node.seconds
    );
    for trigger in &built.plan.triggers {
        let _ = write!(
            text,
            "\n    for {}: {}",
            describe_generation(&trigger.trigger, trigger.generation),
            printable(&trigger.reason)
        );
    }
    // The claim of the first attempt is the run's read point: data that landed before it was read.
    let Some(read_point) = view.state.head_last_modified(&Claim::key(&built.run, 1)).await? else {
        return Ok(text);
    };
    let _ = write!(text, "\n    it was built from the data that had landed by {}", date_time(read_point));
    for (name, line) in newest_loads(view, loads, read_point).await? {
        let Some(load) = line.about.generation_of(&name) else { continue };
        let what = match &line.about {
            LedgerSubject::Object { key, .. } => format!("object {}", printable(key)),
            _ => "a loader's event".to_owned(),
        };
        let _ = write!(text, "\n      {name}: up to load {load}, newest {what} ({})", date_time(line.at));
    }
    Ok(text)
}

/// Returns the newest event of each dataset that opened or joined a load before this time.
async fn newest_loads(
    view: &StackView,
    datasets: &[&DatasetName],
    before: Timestamp,
) -> Result<BTreeMap<DatasetName, LedgerLine>, WhyError> {
    let mut newest: BTreeMap<DatasetName, LedgerLine> = BTreeMap::new();
    let missing = std::cell::Cell::new(datasets.len());
    let take = |line: &LedgerLine| {
        if line.outcome != LedgerOutcome::Mapped || line.at > before {
            return false;
        }
        for name in datasets.iter().copied().filter(|name| line.about.generation_of(name).is_some()) {
            if !newest.contains_key(name) {
                newest.insert(name.clone(), line.clone());
                missing.set(missing.get().saturating_sub(1));
            }
        }
        false
    };
    search(view, take, |_| missing.get() == 0).await?;
    Ok(newest)
}

/// Describes the last run of a node that did not build it.
fn describe_last_run(id: &NodeId, last: &NodeRun) -> String {
    let at = date_time(last.finished);
    let mut text = format!("\n  last run: {}, finished {at}", last.run);
    match &last.result {
        Some((_, node)) => {
            let _ = write!(text, "\n    dbt status {:?} after {:.1} s", node.status, node.seconds);
            if let Some(message) = &node.message {
                let _ = write!(text, "\n    {}", first_lines(message, MESSAGE_LINES).join("\n    "));
            }
        }
        None => {
            let _ = write!(text, "\n    dbt reported no result for {}", node_name(id.as_str()));
        }
    }
    text
}
