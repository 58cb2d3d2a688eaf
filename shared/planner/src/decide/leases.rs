//! Leases: which relations a run may write, and which no other run may write while it reads them (L3).

use crate::{Draining, OrdinalSet, Release, Run, Trigger, release::NodeKind};

/// The leases of a run while it is live.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Leases {
    /// Relations that only this run may write.
    pub(crate) writes: OrdinalSet,
    /// Relations that this run reads, and that no other run may write.
    pub(crate) reads: OrdinalSet,
    /// Whether it holds the whole warehouse.
    pub(crate) exclusive: bool,
}

impl Leases {
    /// The leases that running these nodes takes. They are of relations, not of node ids, because a renamed model
    /// keeps its table. A dataset that the run loads itself is written, too.
    ///
    /// Relation names are lower-cased whatever the adapter quotes. Some warehouses (DuckDB, SQL Server) ignore case
    /// even within quotes. Two relations that differ in case alone then wait for each other without need, which is
    /// safe.
    pub(crate) fn of<'a>(
        release: &Release,
        nodes: &OrdinalSet,
        triggers: impl IntoIterator<Item = &'a Trigger>,
    ) -> Self {
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for ordinal in nodes.iter() {
            let (written, read) = of_node(release, ordinal);
            writes.extend(written);
            reads.extend(read);
            // Leases that the node's meta adds (`meta.landfall.lease`), because the node writes more than its relation.
            writes.extend(release.extra_leases(ordinal));
        }
        writes.extend(triggers.into_iter().filter_map(|trigger| loaded_by_run(release, trigger)));
        writes.sort_unstable();
        reads.sort_unstable();
        let writes: OrdinalSet = writes.into_iter().collect();
        let reads: OrdinalSet = reads.into_iter().collect();
        Self { reads: reads.difference(&writes), writes, exclusive: release.compiled.exclusive }
    }

    /// The leases of a live run.
    pub(crate) fn held_by(run: &Run) -> Self {
        Self { writes: run.writes.clone(), reads: run.reads.clone(), exclusive: run.exclusive }
    }

    /// The leases that stay held after a run that may have left statements in the warehouse.
    pub(crate) fn draining(draining: &Draining) -> Self {
        Self { writes: draining.writes.clone(), reads: draining.reads.clone(), exclusive: draining.exclusive }
    }

    /// Whether the two must not be held at the same time.
    pub(crate) fn conflict(&self, other: &Self) -> bool {
        self.exclusive
            || other.exclusive
            || self.writes.intersects(&other.writes)
            || self.writes.intersects(&other.reads)
            || self.reads.intersects(&other.writes)
    }
}

/// The relation that running a node writes, and the relations that it reads.
pub(super) fn of_node(release: &Release, ordinal: u32) -> (Option<u32>, impl Iterator<Item = u32>) {
    let vertex = release.vertex(ordinal);
    let own = vertex.and_then(|vertex| vertex.relation);
    let source = vertex.is_some_and(|vertex| vertex.kind == NodeKind::Source);
    let parents = release.graph().parents(ordinal).iter();
    let read = parents.filter_map(|parent| release.vertex(*parent).and_then(|parent| parent.relation));
    (own.filter(|_| !source), read.chain(own.filter(|_| source)))
}

/// The relation of the dataset, if a run for this trigger loads it itself.
pub(super) fn loaded_by_run(release: &Release, trigger: &Trigger) -> Option<u32> {
    let Trigger::Load(name) = trigger else { return None };
    let dataset = release.dataset(name).filter(|dataset| !dataset.before.is_empty())?;
    let source = release.ordinal(dataset.source.as_ref()?)?;
    release.vertex(source)?.relation
}
