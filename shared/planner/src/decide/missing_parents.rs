//! Nodes that must wait because a dataset that they are built from was never loaded, or a parent was never built.

use std::collections::{BTreeSet, HashMap};

use crate::{Board, DatasetName, OrdinalSet, Release, release::NodeKind};

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

/// Why a parent does not exist yet. `None` if it does.
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

/// The dataset of a source, if it was never loaded.
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
