//! How a node of the project stands.

use std::fmt::Write as _;

use landfall_pipeline::{About, LedgerLine, NodeId, Plan, Release, RunId, RunResult};

use super::{Evidence, WhyError, debt_in_words, is_end, search};
use crate::{
    ledger::document,
    text::{list, node_name, printable},
};

/// How many runs are looked through for one that had the node.
const MOST_RUNS: usize = 200;

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
    let loads: Vec<&str> = release
        .compiled
        .datasets
        .iter()
        .filter(|(_, dataset)| dataset.nodes.contains(ordinal))
        .map(|(name, _)| name.as_str())
        .collect();
    let _ = match loads.as_slice() {
        [] => write!(text, "\n  no load runs it"),
        loads => write!(text, "\n  it runs at loads of {}", list(loads, 10)),
    };
    if let Some(node) = release.index.get(id.as_str())
        && node.relation_name().is_some()
    {
        let built =
            if evidence.board.built.contains(ordinal) { "it was built before" } else { "it was never built yet" };
        let _ = write!(text, "\n  {built}");
    }
    for (cause, debt) in evidence.board.owed.iter().filter(|(_, debt)| debt.nodes.contains(ordinal)) {
        let _ = write!(
            text,
            "\n  it is owed for {cause}, load {}: {}",
            debt.generation,
            debt_in_words(cause, debt, &evidence.board)
        );
    }
    for (run, _) in evidence.board.runs.iter().filter(|(_, run)| run.nodes.contains(ordinal)) {
        let _ = write!(text, "\n  it is in the live run {run}");
    }
    match last_run(evidence, id).await? {
        Some((run, line, result)) => {
            let at = line.at.strftime("%Y-%m-%d %H:%M:%S UTC");
            let _ = write!(text, "\n  the last run that had it: {run}, settled {at}");
            let node = result.as_ref().and_then(|result| result.nodes.iter().find(|node| node.id == *id));
            match node {
                Some(node) => {
                    let _ = write!(text, "\n    dbt's status: {:?} after {:.1} s", node.status, node.seconds);
                    if let Some(message) = &node.message {
                        let _ = write!(text, "\n    {}", printable(message.trim()));
                    }
                }
                None => text.push_str("\n    dbt said nothing of it there"),
            }
        }
        None => text.push_str("\n  no run has had it yet"),
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

/// The newest settled run whose plan has the node.
async fn last_run(
    evidence: &Evidence,
    id: &NodeId,
) -> Result<Option<(RunId, LedgerLine, Option<RunResult>)>, WhyError> {
    let ends = search(evidence, is_end, |found| found.len() >= MOST_RUNS).await?;
    for line in ends {
        let About::Run { run, attempt, .. } = &line.about else { continue };
        let Some(plan) = document::<Plan>(&evidence.state, &Plan::key(run)).await? else { continue };
        if plan.nodes.iter().any(|node| node.id == *id) {
            // A later attempt may have left the node out, because it was done: then an earlier one says.
            for attempt in (1..=*attempt).rev() {
                let result = document::<RunResult>(&evidence.state, &RunResult::key(run, attempt)).await?;
                if result.as_ref().is_some_and(|result| result.nodes.iter().any(|node| node.id == *id)) {
                    return Ok(Some((run.clone(), line.clone(), result)));
                }
            }
            return Ok(Some((run.clone(), line.clone(), None)));
        }
    }
    Ok(None)
}
