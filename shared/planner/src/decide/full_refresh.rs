//! The rung `full_refresh`: an incremental model that failed by itself is built anew from nothing, once, where landfall.yml allows it. The attempt's
//! plan is frozen, so that this is a run of its own: the one that failed ends, and what it did not do is planned again with the flag on exactly
//! those models.

use landfall_select::Command;

use super::{admission_queue::Candidate, decision::DecisionBuilder};
use crate::{
    NodeStatus, OrdinalSet, Outcome, Release, RetryRule, Run, RunId, RunResult, Selection, Step,
    release::{self, ExactSelectionError},
};

/// What warehouses say when a role may not do something: to build anew from nothing would first drop what is there, and then not be allowed either.
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
/// A statement that ran out of time takes longer still from nothing.
const TIMED_OUT: [&str; 4] = ["timeout", "timed out", "time-out", "time limit"];

/// The nodes of a run that failed which are to be built anew from nothing.
fn refreshable(release: &Release, run: &Run, result: &RunResult) -> OrdinalSet {
    let wanted = release.compiled.retry.iter().any(|rung| matches!(rung, RetryRule::FullRefresh(_)));
    if !wanted || result.outcome != Outcome::Failed {
        return OrdinalSet::new();
    }
    let says = |message: &Option<String>, words: &[&str]| {
        let message = message.as_deref().unwrap_or_default().to_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    // A test that failed says that the data is wrong, and a role without rights has none for other models either.
    let ruled_out = |node: &crate::NodeResult| {
        node.status == NodeStatus::Fail || node.status.is_failure() && says(&node.message, &DENIED)
    };
    if result.nodes.iter().any(ruled_out) {
        return OrdinalSet::new();
    }
    let failed = result
        .nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Error && !says(&node.message, &TIMED_OUT))
        .map(|node| &node.id);
    release.set(failed).intersection(&release.compiled.may_refresh).intersection(&run.nodes)
}

impl DecisionBuilder<'_> {
    /// Marks what the next run for the same backlog entries builds anew from nothing: once for each generation of a backlog entry. Gives what was marked.
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

    /// What the run builds anew from nothing.
    pub(super) fn to_refresh(&self, group: &Candidate) -> OrdinalSet {
        let entries = group.triggers.iter().filter_map(|trigger| self.board.backlog.get(trigger));
        entries.fold(OrdinalSet::new(), |all, entry| all.union(&entry.refresh)).intersection(&group.split.run)
    }
}

/// The build in as many steps as it takes for each node to come after what it is built from, with the flag on exactly `refresh`.
pub(super) fn builds(
    release: &Release,
    run: &OrdinalSet,
    refresh: &OrdinalSet,
) -> Result<Vec<Step>, ExactSelectionError> {
    let graph = release.graph();
    let mut steps = Vec::new();
    let mut left = run.clone();
    while !left.is_empty() {
        let anew = refresh.intersection(&left);
        let after = graph.descendants(&anew, &left);
        let plain = left.minus(&anew).minus(&after);
        let first = anew.minus(&after);
        for (nodes, full_refresh) in [(&plain, false), (&first, true)] {
            if !nodes.is_empty() {
                let selection = release::exact_selection(release, nodes, Command::Build, None)?;
                steps.push(Step::Build(Selection { full_refresh, ..selection }));
            }
        }
        if plain.is_empty() && first.is_empty() {
            break;
        }
        left = left.minus(&plain).minus(&first);
    }
    Ok(steps)
}
