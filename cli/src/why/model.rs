//! How a node of the project stands.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;
use landfall_planner::{
    Claim, DatasetName, LedgerLine, LedgerOutcome, LedgerSubject, NodeId, NodeResult, Plan, Release, RunId, RunResult,
    missing_parent_of,
};

use super::{Evidence, WhyError, entry_in_words, is_end, search};
use crate::{
    ledger::document,
    story::first_lines,
    text::{list, node_name, printable},
};

/// How many runs are looked through for one that had the node.
const MOST_RUNS: usize = 200;
/// How much of dbt's message is told.
const MESSAGE_LINES: usize = 14;

pub(super) async fn explain(evidence: &Evidence, what: &str) -> Result<String, WhyError> {
    let unknown = |hint: String| WhyError::Unknown { what: printable(what), hint };
    let Some(release) = &evidence.release else {
        return Err(unknown("; no release is in place yet (`landfall release`)".to_owned()));
    };
    let ids = matching(release, what);
    let [id] = ids.as_slice() else {
        let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let hint = if names.is_empty() { String::new() } else { format!("; do you mean one of {}?", list(&names, 5)) };
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
        [] => write!(text, "\n  no load runs it"),
        loads => {
            let names: Vec<&str> = loads.iter().map(|name| name.as_str()).collect();
            write!(text, "\n  it runs at loads of {}", list(&names, 10))
        }
    };
    let history = history(evidence, id).await?;
    match &history.built {
        Some(built) => text.push_str(&built_in_words(evidence, id, built, &loads).await?),
        None if release.index.get(id.as_str()).is_some_and(|node| node.relation_name().is_some()) => {
            text.push_str(if evidence.board.built.contains(ordinal) {
                "\n  it is there; no run that was looked at built it"
            } else {
                "\n  it was never built yet"
            });
        }
        None => {}
    }
    if let Some(last) = history.last.filter(|last| history.built.as_ref().is_none_or(|built| built.run != last.run)) {
        text.push_str(&last_in_words(id, &last));
    } else if history.built.is_none() {
        text.push_str("\n  no run has had it yet");
    }
    for (trigger, entry) in evidence.board.backlog.iter().filter(|(_, entry)| entry.nodes.contains(ordinal)) {
        let _ = write!(
            text,
            "\n  it is pending for {trigger}, load {}, with others: {}",
            entry.generation,
            entry_in_words(&evidence.wait_reasons, trigger, entry, |waiting| waiting.nodes.contains(ordinal))
                .join("; ")
        );
    }
    for (run, _) in evidence.board.runs.iter().filter(|(_, run)| run.nodes.contains(ordinal)) {
        let _ = write!(text, "\n  it is in the live run {run}");
    }
    if let Some(reason) = missing_parent_of(release, &evidence.board, ordinal) {
        let _ = write!(text, "\n  it {}", printable(&reason));
    }
    Ok(text)
}

/// The node of this unique id, or those of this name; of a model and its tests the model.
fn matching<'r>(release: &'r Release, what: &str) -> Vec<&'r NodeId> {
    let nodes = &release.compiled.nodes;
    if let Some(id) = nodes.iter().find(|id| id.as_str() == what) {
        return vec![id];
    }
    nodes.iter().filter(|id| node_name(id.as_str()) == what && release.index.get(id.as_str()).is_some()).collect()
}

/// What runs did with a node.
#[derive(Default)]
struct History {
    /// The newest settled run whose plan has it.
    last: Option<Had>,
    /// The newest that built it.
    built: Option<Had>,
}

/// A settled run whose plan has the node.
#[derive(Clone)]
struct Had {
    run: RunId,
    plan: Plan,
    settled: Timestamp,
    /// The attempt in which dbt spoke of the node, and what it said.
    said: Option<(RunResult, NodeResult)>,
}

async fn history(evidence: &Evidence, id: &NodeId) -> Result<History, WhyError> {
    let ends = search(evidence, is_end, |found| found.len() >= MOST_RUNS).await?;
    let mut history = History::default();
    for line in ends {
        let LedgerSubject::Run { run, attempt, .. } = &line.about else { continue };
        let Some(plan) = document::<Plan>(&evidence.state, &Plan::key(run)).await? else { continue };
        if !plan.nodes.iter().any(|node| node.id == *id) {
            continue;
        }
        let mut said = None;
        // A later attempt may have left the node out, because it was done: then an earlier one says.
        for attempt in (1..=*attempt).rev() {
            let result = document::<RunResult>(&evidence.state, &RunResult::key(run, attempt)).await?;
            let node = result.as_ref().and_then(|result| result.nodes.iter().find(|node| node.id == *id)).cloned();
            if let (Some(result), Some(node)) = (result, node) {
                said = Some((result, node));
                break;
            }
        }
        let had = Had { run: run.clone(), plan, settled: line.at, said };
        let built = had.said.as_ref().is_some_and(|(_, node)| node.status.is_success());
        history.last.get_or_insert_with(|| had.clone());
        if built {
            history.built = Some(had);
            break;
        }
    }
    Ok(history)
}

/// When it was built, and from which loads.
async fn built_in_words(
    evidence: &Evidence,
    id: &NodeId,
    built: &Had,
    loads: &[&DatasetName],
) -> Result<String, WhyError> {
    let Some((result, node)) = &built.said else { return Ok(String::new()) };
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let word = if id.as_str().starts_with("test.") { "passed" } else { "built" };
    let mut text = format!(
        "\n  last {word} {} by run {}, attempt {}, in {:.1} s",
        time(result.finished_at),
        built.run,
        result.attempt,
        node.seconds
    );
    for trigger in &built.plan.triggers {
        let _ =
            write!(text, "\n    for {}, load {}: {}", trigger.trigger, trigger.generation, printable(&trigger.reason));
    }
    // What had landed before the run's first attempt began to read, it has read.
    let Some(read_point) = evidence.state.head_last_modified(&Claim::key(&built.run, 1)).await? else {
        return Ok(text);
    };
    let _ = write!(text, "\n    it was built from what had landed by {}", time(read_point));
    for (name, line) in newest_loads(evidence, loads, read_point).await? {
        let (LedgerSubject::Object { generation: Some(load), .. }
        | LedgerSubject::Loaded { generation: Some(load), .. }) = &line.about
        else {
            continue;
        };
        let what = match &line.about {
            LedgerSubject::Object { key, .. } => printable(key),
            _ => "a loader's word".to_owned(),
        };
        let _ = write!(text, "\n      {name}: up to load {load}, the last of it {what} ({})", time(line.at));
    }
    Ok(text)
}

/// The newest event of each of these datasets that opened or joined a load before that time.
async fn newest_loads(
    evidence: &Evidence,
    datasets: &[&DatasetName],
    before: Timestamp,
) -> Result<BTreeMap<DatasetName, LedgerLine>, WhyError> {
    let mut newest: BTreeMap<DatasetName, LedgerLine> = BTreeMap::new();
    let missing = std::cell::Cell::new(datasets.len());
    let take = |line: &LedgerLine| {
        let name = match &line.about {
            LedgerSubject::Object { dataset: Some(name), .. } => name.clone(),
            LedgerSubject::Loaded { dataset, .. } => match DatasetName::parse(dataset.as_str()) {
                Ok(name) => name,
                Err(_) => return false,
            },
            _ => return false,
        };
        let counts = line.outcome == LedgerOutcome::Mapped && line.at <= before && datasets.contains(&&name);
        if counts && !newest.contains_key(&name) {
            newest.insert(name, line.clone());
            missing.set(missing.get().saturating_sub(1));
        }
        false
    };
    search(evidence, take, |_| missing.get() == 0).await?;
    Ok(newest)
}

/// A run that had it and did not build it.
fn last_in_words(id: &NodeId, last: &Had) -> String {
    let at = last.settled.strftime("%Y-%m-%d %H:%M:%S UTC");
    let mut text = format!("\n  the last run that had it: {}, settled {at}", last.run);
    match &last.said {
        Some((_, node)) => {
            let _ = write!(text, "\n    dbt's status: {:?} after {:.1} s", node.status, node.seconds);
            if let Some(message) = &node.message {
                let _ = write!(text, "\n    {}", first_lines(message, MESSAGE_LINES).join("\n    "));
            }
        }
        None => {
            let _ = write!(text, "\n    dbt said nothing of {} there", node_name(id.as_str()));
        }
    }
    text
}
