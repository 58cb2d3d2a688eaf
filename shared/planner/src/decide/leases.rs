//! Leases: what a run may write, and what it must be able to read undisturbed (L3).

use crate::{Draining, OrdinalSet, Release, Run, Trigger, release::NodeKind};

/// What a run holds while it lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Leases {
    /// Relations that only it may write.
    pub(crate) writes: OrdinalSet,
    /// Relations that nobody may write.
    pub(crate) reads: OrdinalSet,
    /// The whole warehouse.
    pub(crate) exclusive: bool,
}

impl Leases {
    /// What running these nodes takes. The keys are relations and not node ids, so that a renamed model keeps its table. A dataset that its
    /// run loads itself is written, too.
    ///
    /// The keys are lower-cased whatever the adapter quotes. Warehouses differ, and some (DuckDB, SQL Server) ignore case even within
    /// quotes: two relations that differ in case alone wait for each other where they need not, and never are one that two runs write.
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
            // What its owner says it writes besides.
            writes.extend(release.extra_leases(ordinal));
        }
        writes.extend(triggers.into_iter().filter_map(|trigger| loaded_by_run(release, trigger)));
        writes.sort_unstable();
        reads.sort_unstable();
        let writes: OrdinalSet = writes.into_iter().collect();
        let reads: OrdinalSet = reads.into_iter().collect();
        Self { reads: reads.minus(&writes), writes, exclusive: release.compiled.exclusive }
    }

    /// What a live run holds.
    pub(crate) fn held_by(run: &Run) -> Self {
        Self { writes: run.writes.clone(), reads: run.reads.clone(), exclusive: run.exclusive }
    }

    /// What a run held whose statements may live on.
    pub(crate) fn draining(draining: &Draining) -> Self {
        Self { writes: draining.writes.clone(), reads: draining.reads.clone(), exclusive: draining.exclusive }
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

/// The relation that running a node writes, and those that it reads.
pub(super) fn of_node(release: &Release, ordinal: u32) -> (Option<u32>, impl Iterator<Item = u32>) {
    let vertex = release.vertex(ordinal);
    let own = vertex.and_then(|vertex| vertex.relation);
    let source = vertex.is_some_and(|vertex| vertex.kind == NodeKind::Source);
    let parents = release.graph().parents(ordinal).iter();
    let read = parents.filter_map(|parent| release.vertex(*parent).and_then(|parent| parent.relation));
    (own.filter(|_| !source), read.chain(own.filter(|_| source)))
}

/// The relation of the dataset that a run for this trigger loads itself.
pub(super) fn loaded_by_run(release: &Release, trigger: &Trigger) -> Option<u32> {
    let Trigger::Load(name) = trigger else { return None };
    let dataset = release.dataset(name).filter(|dataset| !dataset.before.is_empty())?;
    let source = release.ordinal(dataset.source.as_ref()?)?;
    release.vertex(source)?.relation
}
