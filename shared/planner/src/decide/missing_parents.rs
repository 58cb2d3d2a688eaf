//! Nodes whose turn has not come: something they are built from was never built.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rules::{ProtocolRules, Rules};
use crate::{Board, DatasetName, OrdinalSet, Release, release::NodeKind};

/// What of a selection can run now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Split {
    /// These, seeds that they need included.
    pub(crate) run: OrdinalSet,
    /// These wait: why.
    pub(crate) waiting: BTreeMap<u32, String>,
}

/// Splits the candidates. `loading` are datasets that the run itself loads before it builds.
///
/// A node waits if a parent outside the run was never built, or if a parent inside it waits. A seed that was never built comes along
/// instead of being waited for: nothing outside has to happen for it.
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

/// The nodes of a run that must wait, each with the reason: a dataset that was never loaded, or a parent that is neither
/// built nor in the run.
pub(super) fn nodes_missing_parents(
    release: &Release,
    board: &Board,
    run: &OrdinalSet,
    loading: &BTreeSet<&DatasetName>,
) -> Vec<(u32, String)> {
    let mut waiting = Vec::new();
    let mut reasons: HashMap<u32, Option<String>> = HashMap::new();
    for ordinal in run.iter() {
        if let Some(dataset) = unloaded(release, board, ordinal, loading) {
            waiting.push((ordinal, format!("waits for the first load of {dataset}")));
        }
        // Many nodes miss the same parent, so its reason is looked up once.
        let mut why = |parent: &u32| {
            reasons.entry(*parent).or_insert_with(|| missing(release, board, run, *parent, loading)).clone()
        };
        let parents = release.graph().parents(ordinal).iter();
        waiting.extend(parents.into_iter().find_map(&mut why).map(|reason| (ordinal, reason)));
    }
    waiting
}

/// What a node would wait for, were it to run now and alone; none if nothing is missing.
pub fn missing_parent_of(release: &Release, board: &Board, node: u32) -> Option<String> {
    split(release, board, &[node].into_iter().collect(), &BTreeSet::new(), &ProtocolRules).waiting.remove(&node)
}

/// Why a parent is not there, if it is not.
fn missing(
    release: &Release,
    board: &Board,
    run: &OrdinalSet,
    parent: u32,
    loading: &BTreeSet<&DatasetName>,
) -> Option<String> {
    let vertex = release.vertex(parent)?;
    if vertex.kind == NodeKind::Source {
        return unloaded(release, board, parent, loading).map(|name| format!("waits for the first load of {name}"));
    }
    if run.contains(parent) || board.built.contains(parent) {
        return None;
    }
    let name = release.index.node(vertex.ix).map(landfall_manifest::Node::name).unwrap_or_default();
    let above = release.graph().source_ancestors(parent);
    Some(match above.iter().find_map(|source| unloaded(release, board, *source, loading)) {
        Some(dataset) => format!("waits for the first load of {dataset}, which {name} is built from"),
        None => format!("waits until {name} is built for the first time"),
    })
}

/// The dataset that a source is, if it was never loaded.
fn unloaded<'a>(
    release: &'a Release,
    board: &Board,
    source: u32,
    loading: &BTreeSet<&DatasetName>,
) -> Option<&'a DatasetName> {
    let name = release.dataset_of_source(source)?;
    let loaded = board.datasets.get(name).is_some_and(|state| state.loaded);
    (!loaded && !loading.contains(name)).then_some(name)
}
