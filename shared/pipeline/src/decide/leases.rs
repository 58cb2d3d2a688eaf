//! Leases: what a run may write, and what it must be able to read undisturbed (L3).

use crate::{Cause, Release, Run, Set, graph::Kind};

/// What a run holds while it lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Leases {
    /// Relations that only it may write.
    pub(crate) writes: Set,
    /// Relations that nobody may write.
    pub(crate) reads: Set,
    /// The whole warehouse.
    pub(crate) exclusive: bool,
}

impl Leases {
    /// What running these nodes takes. The keys are relations and not node ids, so that a renamed model keeps its table. A dataset that its
    /// run loads itself is written, too.
    ///
    /// The keys are lower-cased whatever the adapter quotes. Warehouses differ, and some (DuckDB, SQL Server) ignore case even within
    /// quotes: two relations that differ in case alone wait for each other where they need not, and never are one that two runs write.
    pub(crate) fn of<'a>(release: &Release, nodes: &Set, causes: impl IntoIterator<Item = &'a Cause>) -> Self {
        let mut leases = Self { exclusive: release.compiled.exclusive, ..Self::default() };
        for ordinal in nodes.iter() {
            let Some(vertex) = release.vertex(ordinal) else { continue };
            match (vertex.kind, vertex.relation) {
                (Kind::Source, Some(relation)) => {
                    leases.reads.insert(relation);
                }
                (_, Some(relation)) => {
                    leases.writes.insert(relation);
                }
                (_, None) => {}
            }
            // What its owner says it writes besides.
            for lease in release.extra_leases(ordinal) {
                leases.writes.insert(*lease);
            }
            for parent in &vertex.parents {
                if let Some(relation) = release.vertex(*parent).and_then(|parent| parent.relation) {
                    leases.reads.insert(relation);
                }
            }
        }
        for cause in causes {
            let Cause::Load(name) = cause else { continue };
            let Some(dataset) = release.dataset(name).filter(|dataset| !dataset.before.is_empty()) else { continue };
            let source = dataset.source.as_ref().and_then(|id| release.ordinal(id)).and_then(|o| release.vertex(o));
            if let Some(relation) = source.and_then(|vertex| vertex.relation) {
                leases.writes.insert(relation);
            }
        }
        leases.reads = leases.reads.minus(&leases.writes);
        leases
    }

    /// What a live run holds.
    pub(crate) fn held_by(run: &Run) -> Self {
        Self { writes: run.writes.clone(), reads: run.reads.clone(), exclusive: run.exclusive }
    }

    /// Whether the two cannot live at once.
    pub(crate) fn conflict(&self, other: &Self) -> bool {
        self.exclusive
            || other.exclusive
            || self.writes.meets(&other.writes)
            || self.writes.meets(&other.reads)
            || self.reads.meets(&other.writes)
    }
}
