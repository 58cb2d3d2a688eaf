//! The retry rule `full_refresh`: an incremental model that failed is rebuilt from nothing, once, where landfall.yml
//! allows it. The plan of the failed run is frozen, so the refresh is a run of its own: the failed run ends, and the
//! nodes that it did not complete are planned again, with the flag on exactly those models.

use landfall_select::Command;

use super::{admission_queue::Candidate, decision::DecisionBuilder};
use crate::{
    NodeStatus, OrdinalSet, Outcome, Release, RetryRule, Run, RunId, RunResult, Selection, Step,
    release::{self, ExactSelectionError},
};

/// Parts of warehouses' messages when a role lacks a permission. A full refresh would drop the table first, and then
/// lack the same permission.
const DENIED: [&str; 8] = [
    "permission",
    "access denied",
    "accessdenied",
    "not authorized",
    "unauthorized",
    "privilege",
    "forbidden",
    "must be owner",
];
/// Parts of messages about time-outs. A statement that ran out of time takes even longer in a full refresh.
const TIMED_OUT: [&str; 4] = ["timeout", "timed out", "time-out", "time limit"];

/// The failed nodes of a run that a full refresh may fix.
fn refreshable(release: &Release, run: &Run, result: &RunResult) -> OrdinalSet {
    let wanted = release.compiled.retry.iter().any(|rung| matches!(rung, RetryRule::FullRefresh(_)));
    if !wanted || result.outcome != Outcome::Failed {
        return OrdinalSet::new();
    }
    let mentions = |message: &Option<String>, fragments: &[&str]| {
        let message = message.as_deref().unwrap_or_default().to_lowercase();
        fragments.iter().any(|fragment| message.contains(fragment))
    };
    // A failed test means that the data is wrong, and a role without permission lacks it for other models, too.
    let ruled_out = |node: &crate::NodeResult| {
        node.status == NodeStatus::Fail || node.status.is_failure() && mentions(&node.message, &DENIED)
    };
    if result.nodes.iter().any(ruled_out) {
        return OrdinalSet::new();
    }
    let failed = result
        .nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Error && !mentions(&node.message, &TIMED_OUT))
        .map(|node| &node.id);
    release.set(failed).intersection(&release.compiled.may_refresh).intersection(&run.nodes)
}

impl DecisionBuilder<'_> {
    /// Marks what the next run of the same backlog entries fully refreshes, once for each generation. Returns what was
    /// marked.
    pub(super) fn mark_refresh(&mut self, run_id: &RunId, result: Option<&RunResult>) -> OrdinalSet {
        let mut marked = OrdinalSet::new();
        let (Some(release), Some(run), Some(result)) = (self.release, self.board.runs.get(run_id), result) else {
            return marked;
        };
        let nodes = refreshable(release, run, result);
        for trigger in &run.triggers {
            let Some(entry) = self.board.backlog.get_mut(&trigger.trigger) else { continue };
            if entry.generation == trigger.generation && !entry.refreshed {
                entry.refresh = nodes.intersection(&entry.nodes);
                entry.refreshed = !entry.refresh.is_empty();
                marked = marked.union(&entry.refresh);
            }
        }
        marked
    }

    /// The nodes of the candidate that its run fully refreshes.
    pub(super) fn to_refresh(&self, group: &Candidate) -> OrdinalSet {
        let entries = group.triggers.iter().filter_map(|trigger| self.board.backlog.get(trigger));
        entries.fold(OrdinalSet::new(), |all, entry| all.union(&entry.refresh)).intersection(&group.split.run)
    }
}

/// Splits the build into steps with the flag on exactly `refresh`, so that each node comes after its parents. A step
/// with a node of `batched` has no other nodes than such, because the node's unfinished batches are built before it.
pub(super) fn builds(
    release: &Release,
    run: &OrdinalSet,
    refresh: &OrdinalSet,
    batched: &OrdinalSet,
) -> Result<Vec<Step>, ExactSelectionError> {
    let graph = release.graph();
    let mut steps = Vec::new();
    let mut left = run.clone();
    while !left.is_empty() {
        let apart = refresh.union(batched).intersection(&left);
        let after = graph.descendants(&apart, &left);
        let plain = left.difference(&apart).difference(&after);
        let first = apart.difference(&after);
        let (refreshed, batched) = (first.intersection(refresh), first.difference(refresh));
        for (nodes, full_refresh) in [(&plain, false), (&refreshed, true), (&batched, false)] {
            if !nodes.is_empty() {
                let selection = release::exact_selection(release, nodes, Command::Build, None)?;
                steps.push(Step::Build(Selection { full_refresh, ..selection }));
            }
        }
        if plain.is_empty() && first.is_empty() {
            break;
        }
        left = left.difference(&plain).difference(&first);
    }
    Ok(steps)
}
