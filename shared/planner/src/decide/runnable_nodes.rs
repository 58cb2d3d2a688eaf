//! Splits a selection into the nodes that can run now and those that must wait for a parent.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{ProtocolRules, Rules};
use crate::{Board, DatasetName, OrdinalSet, Release, release::NodeKind};

/// A selection, split by what can run now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Split {
    /// Nodes that can run, with the seeds that they need.
    pub(crate) run: OrdinalSet,
    /// Nodes that wait, each with the reason.
    pub(crate) waiting: BTreeMap<u32, String>,
}

/// Splits the candidates. `loading` are datasets that the run itself loads before it builds.
///
/// A node waits if a parent outside the run was never built, or if a parent in the run waits. A seed that was never
/// built is added to the run instead, because it needs nothing from outside.
pub(crate) fn split(
    release: &Release,
    board: &Board,
    candidates: &OrdinalSet,
    loading: &BTreeSet<&DatasetName>,
    rules: &dyn Rules,
) -> Split {
    let graph = release.graph();
    let mut run = candidates.clone();
    for ordinal in candidates.iter() {
        let Some(vertex) = graph.get(ordinal) else {
            run.remove(ordinal);
            continue;
        };
        if vertex.kind == NodeKind::Test {
            continue;
        }
        for parent in graph.parents(ordinal) {
            let seed = graph.get(*parent).is_some_and(|parent| parent.kind == NodeKind::Seed);
            if seed && !board.built.contains(*parent) {
                run.insert(*parent);
            }
        }
    }
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
        waiting.insert(ordinal, reason);
    }
    Split { run, waiting }
}

/// Returns what a node would wait for if it ran alone now. `None` if nothing is missing.
pub fn missing_parent_of(release: &Release, board: &Board, node: u32) -> Option<String> {
    split(release, board, &[node].into_iter().collect(), &BTreeSet::new(), &ProtocolRules).waiting.remove(&node)
}
