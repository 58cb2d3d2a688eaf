//! Splits a selection into the nodes that can run now and those that must wait for a parent.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{ProtocolRules, Rules};
use crate::{Board, DatasetName, OrdinalSet, Release};

/// A selection, split by what can run now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Split {
    /// Nodes that can run, with the unbuilt ancestors that they need.
    pub(crate) run: OrdinalSet,
    /// Nodes that wait, each with the reason.
    pub(crate) waiting: BTreeMap<u32, String>,
}

/// Splits the candidates. `loading` are datasets that the run itself loads before it builds. `available` are the nodes
/// that it may build beside the candidates, as [`available_ancestors`](super::available_ancestors) finds them.
///
/// A node waits if a parent outside the run was never built, or if a parent in the run waits. An ancestor that was never
/// built is added to the run instead if it is available, and if a node needs it that does not wait itself.
pub(crate) fn split(
    release: &Release,
    board: &Board,
    candidates: &OrdinalSet,
    loading: &BTreeSet<&DatasetName>,
    available: &OrdinalSet,
    rules: &dyn Rules,
) -> Split {
    let graph = release.graph();
    let wanted = candidates.intersection(graph.present());
    let mut run = unbuilt_ancestors(release, &wanted, available).union(&wanted);
    let mut waiting = BTreeMap::new();
    let mut stack = rules.nodes_missing_parents(release, board, &run, loading);
    while let Some((ordinal, reason)) = stack.pop() {
        if !run.remove(ordinal) {
            continue;
        }
        for child in graph.children(ordinal) {
            if run.contains(*child) {
                stack.push((*child, reason.clone()));
            }
        }
        if wanted.contains(ordinal) {
            waiting.insert(ordinal, reason);
        }
    }
    // An ancestor whose descendants all wait is of no use yet.
    let kept = run.intersection(&wanted);
    let run = unbuilt_ancestors(release, &kept, &run.difference(&wanted)).union(&kept);
    Split { run, waiting }
}

/// The ancestors of these nodes among `within`, by paths that do not leave it.
fn unbuilt_ancestors(release: &Release, nodes: &OrdinalSet, within: &OrdinalSet) -> OrdinalSet {
    let mut found = OrdinalSet::new();
    if within.is_empty() {
        return found;
    }
    let mut stack: Vec<u32> = nodes.iter().collect();
    while let Some(at) = stack.pop() {
        for parent in release.graph().parents(at) {
            if within.contains(*parent) && !nodes.contains(*parent) && found.insert(*parent) {
                stack.push(*parent);
            }
        }
    }
    found
}

/// Returns what a node would wait for if it ran alone now. `None` if nothing is missing.
pub fn missing_parent_of(release: &Release, board: &Board, node: u32) -> Option<String> {
    let rules = &ProtocolRules;
    let available = rules.available_ancestors(release, board);
    let nodes = [node].into_iter().collect();
    split(release, board, &nodes, &BTreeSet::new(), &available, rules).waiting.remove(&node)
}
