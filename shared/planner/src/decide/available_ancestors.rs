//! Nodes that no trigger builds, and that a run builds because its own nodes need them: a staging model that reads a
//! seed alone, a seed, a dbt function, a model that the datasets' selections leave out.

use super::missing_parents::source_is_available;
use crate::{BacklogEntry, Board, OrdinalSet, Release, Trigger};

/// The unbuilt nodes of which everything above them is available: built, loaded, or such a node itself.
///
/// A node that is pending is none of them, because its own trigger builds it, or because its release needs approval. A
/// node that failed for another trigger is: each new trigger that needs it tries it once.
pub(super) fn available_ancestors(release: &Release, board: &Board) -> OrdinalSet {
    let graph = release.graph();
    let unbuilt = graph.buildable().difference(&board.built);
    if unbuilt.is_empty() {
        return unbuilt;
    }
    let own = |entry: &BacklogEntry| match &entry.quarantine {
        Some(quarantine) if quarantine.approval => OrdinalSet::clone(&entry.nodes),
        _ => entry.open_nodes(release),
    };
    let pending = board.backlog.values().fold(OrdinalSet::new(), |all, entry| all.union(&own(entry)));
    let mut missing = unbuilt.intersection(&pending);
    for (source, _) in graph.sources().filter(|(source, _)| !source_is_available(release, board, *source)) {
        missing.insert(source);
    }
    unbuilt.difference(&missing).difference(&graph.descendants(&missing, &unbuilt))
}

/// Whether a run of this trigger may build more than the trigger's nodes. A job that only tests builds nothing.
pub(super) fn may_build(release: &Release, trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Job(job) => release.compiled.jobs.get(job).is_some_and(|job| !job.build.is_empty()),
        Trigger::Load(_) | Trigger::Release | Trigger::Operator => true,
    }
}
