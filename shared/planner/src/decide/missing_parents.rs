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
        return missing_source(release, board, parent, loading);
    }
    if run.contains(parent) || board.built.contains(parent) {
        return None;
    }
    let name = release.index.node(vertex.ix).map(landfall_manifest::Node::name).unwrap_or_default();
    let above = release.graph().source_ancestors(parent);
    if let Some(reason) = above.iter().find_map(|source| missing_source(release, board, *source, loading)) {
        return Some(format!("{reason}, which {name} is built from"));
    }
    let pending = board.backlog.iter().find(|(_, entry)| entry.nodes.contains(parent));
    Some(match pending {
        Some((trigger, _)) => format!("waits until {name} is built for the first time, which is pending for {trigger}"),
        None => format!("waits until {name} is built for the first time"),
    })
}

/// Why the table of a source does not exist yet, with the remedy. `None` if it does.
fn missing_source(release: &Release, board: &Board, source: u32, loading: &BTreeSet<&DatasetName>) -> Option<String> {
    match release.dataset_of_source(source) {
        Some(_) => {
            unloaded(release, board, source, loading).map(|dataset| format!("waits for the first load of {dataset}"))
        }
        None if source_is_available(release, board, source) => None,
        None => Some(format!("waits for {}", release.no_dataset_leads_to(source)?)),
    }
}

/// Whether the table of a source exists: its dataset was loaded, the first release found the table, or a node that reads
/// it was built.
pub(crate) fn source_is_available(release: &Release, board: &Board, source: u32) -> bool {
    match release.dataset_of_source(source) {
        Some(name) => board.datasets.get(name).is_some_and(|state| state.loaded),
        None => {
            board.built.contains(source)
                || release.graph().children(source).iter().any(|child| board.built.contains(*child))
        }
    }
}

/// Returns the sources without a dataset whose tables do not exist as far as the board knows, each with the text that
/// names it and the remedy. Nodes that read them wait.
pub fn unavailable_sources(release: &Release, board: &Board) -> Vec<String> {
    let graph = release.graph();
    let missing = graph
        .sources()
        .filter(|(source, _)| !graph.children(*source).is_empty() && !source_is_available(release, board, *source));
    missing.filter_map(|(source, _)| release.no_dataset_leads_to(source)).collect()
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
