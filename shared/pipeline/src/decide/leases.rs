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
    pub(crate) fn of<'a>(release: &Release, nodes: &Set, causes: impl IntoIterator<Item = &'a Cause>) -> Self {
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for ordinal in nodes.iter() {
            let (written, read) = of_node(release, ordinal);
            writes.extend(written);
            reads.extend(read);
        }
        writes.extend(causes.into_iter().filter_map(|cause| loaded_by_run(release, cause)));
        writes.sort_unstable();
        reads.sort_unstable();
        let writes: Set = writes.into_iter().collect();
        let reads: Set = reads.into_iter().collect();
        Self { reads: reads.minus(&writes), writes, exclusive: release.compiled.exclusive }
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

/// The relation that running a node writes, and those that it reads.
fn of_node(release: &Release, ordinal: u32) -> (Option<u32>, impl Iterator<Item = u32>) {
    let vertex = release.vertex(ordinal);
    let own = vertex.and_then(|vertex| vertex.relation);
    let source = vertex.is_some_and(|vertex| vertex.kind == Kind::Source);
    let parents = release.graph().parents(ordinal).iter();
    let read = parents.filter_map(|parent| release.vertex(*parent).and_then(|parent| parent.relation));
    (own.filter(|_| !source), read.chain(own.filter(|_| source)))
}

/// The relation of the dataset that a run for this cause loads itself.
fn loaded_by_run(release: &Release, cause: &Cause) -> Option<u32> {
    let Cause::Load(name) = cause else { return None };
    let dataset = release.dataset(name).filter(|dataset| !dataset.before.is_empty())?;
    let source = release.ordinal(dataset.source.as_ref()?)?;
    release.vertex(source)?.relation
}

/// All that is taken, by live runs or for what waits longest, and the nodes that therefore cannot run: so thousands of debts are compared with
/// it node by node at most once.
pub(super) struct Taken<'a> {
    release: &'a Release,
    anything: bool,
    exclusive: bool,
    written: Marks,
    read: Marks,
    /// Nodes that write what is taken, or read what is written.
    blocked: Marks,
    /// Nodes whose leases are in it.
    reserved: Marks,
}

impl<'a> Taken<'a> {
    /// What live runs hold.
    pub(super) fn by<'b>(release: &'a Release, runs: impl Iterator<Item = &'b Run>) -> Self {
        let mut taken = Self {
            release,
            anything: false,
            exclusive: release.compiled.exclusive,
            written: Marks::default(),
            read: Marks::default(),
            blocked: Marks::default(),
            reserved: Marks::default(),
        };
        for run in runs {
            taken.anything = true;
            taken.exclusive |= run.exclusive;
            run.writes.iter().for_each(|relation| taken.write(relation));
            run.reads.iter().for_each(|relation| taken.read(relation));
        }
        taken
    }

    /// Also takes what running these nodes would, so that nothing else gets it first.
    pub(super) fn reserve(&mut self, nodes: &Set, cause: &Cause) {
        self.anything = true;
        for ordinal in nodes.iter().filter(|ordinal| self.reserved.put(*ordinal)).collect::<Vec<_>>() {
            let (written, read) = of_node(self.release, ordinal);
            read.for_each(|relation| self.read(relation));
            written.into_iter().for_each(|relation| self.write(relation));
        }
        loaded_by_run(self.release, cause).into_iter().for_each(|relation| self.write(relation));
    }

    /// Whether running these nodes for that cause has to wait.
    pub(super) fn holds_up(&self, nodes: &Set, cause: &Cause) -> bool {
        let loaded = || loaded_by_run(self.release, cause);
        self.anything
            && (self.exclusive
                || nodes.iter().any(|ordinal| self.blocked.has(ordinal))
                || loaded().is_some_and(|relation| self.written.has(relation) || self.read.has(relation)))
    }

    fn write(&mut self, relation: u32) {
        if !self.written.put(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.of_relation(relation) {
            self.blocked.mark(*node);
            graph.children(*node).iter().for_each(|child| self.blocked.mark(*child));
        }
    }

    fn read(&mut self, relation: u32) {
        if !self.read.put(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.of_relation(relation) {
            if graph.get(*node).is_some_and(|vertex| vertex.kind != Kind::Source) {
                self.blocked.mark(*node);
            }
        }
    }
}

/// A set to which much is added, one by one.
#[derive(Default)]
struct Marks(Vec<bool>);

impl Marks {
    fn mark(&mut self, ordinal: u32) {
        self.put(ordinal);
    }

    /// True if it was not there.
    fn put(&mut self, ordinal: u32) -> bool {
        let at = ordinal as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), false);
        }
        self.0.get_mut(at).is_some_and(|mark| !std::mem::replace(mark, true))
    }

    fn has(&self, ordinal: u32) -> bool {
        self.0.get(ordinal as usize).copied().unwrap_or(false)
    }
}
