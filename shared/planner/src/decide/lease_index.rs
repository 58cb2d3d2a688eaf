//! Quick answers to what [`Leases`] and [`split`](super::runnable_nodes::split) answer exactly: of thousands of backlog entries in a large project most cannot run, and each is
//! looked at in every decision.

use std::collections::BTreeSet;

use super::leases::{Leases, loaded_by_run, of_node};
use crate::{Board, DatasetName, OrdinalSet, Release, Trigger, release::NodeKind};

/// All that is held, by live runs or for those who waited too long, and the nodes that therefore cannot run.
pub(super) struct LeaseIndex<'a> {
    release: &'a Release,
    /// Nothing at all can run.
    everything: bool,
    written: Marks,
    read: Marks,
    /// Nodes that write what is held, or read what is written.
    kept: Marks,
    /// Nodes whose leases are in it.
    reserved: Marks,
}

impl<'a> LeaseIndex<'a> {
    /// Nothing yet.
    pub(super) fn new(release: &'a Release) -> Self {
        Self {
            release,
            everything: false,
            written: Marks::default(),
            read: Marks::default(),
            kept: Marks::default(),
            reserved: Marks::default(),
        }
    }

    /// Adds what somebody holds; `unknown`: and more, that the release cannot name.
    pub(super) fn hold(&mut self, held: &Leases, unknown: bool) {
        self.everything |= unknown || held.exclusive || self.release.compiled.exclusive;
        held.writes.iter().for_each(|relation| self.write(relation));
        held.reads.iter().for_each(|relation| self.read(relation));
        for (node, leases) in self.release.nodes_with_extra_leases() {
            if leases.iter().any(|lease| held.writes.contains(*lease) || held.reads.contains(*lease)) {
                self.kept.put(node);
            }
        }
    }

    /// Adds what running these nodes would take.
    pub(super) fn reserve(&mut self, nodes: &OrdinalSet, trigger: &Trigger) {
        self.everything |= self.release.compiled.exclusive;
        let extra = |node: u32| self.release.extra_leases(node).iter().copied();
        let leases: BTreeSet<u32> = nodes.iter().flat_map(extra).collect();
        if !leases.is_empty() {
            let held = Leases { writes: leases.into_iter().collect(), ..Leases::default() };
            self.hold(&held, false);
        }
        for ordinal in nodes.iter() {
            if self.reserved.put(ordinal) {
                let (written, read) = of_node(self.release, ordinal);
                for relation in read {
                    self.read(relation);
                }
                if let Some(relation) = written {
                    self.write(relation);
                }
            }
        }
        if let Some(relation) = loaded_by_run(self.release, trigger) {
            self.write(relation);
        }
    }

    /// Whether running these nodes for that trigger meets any of it.
    pub(super) fn keeps(&self, nodes: &OrdinalSet, trigger: &Trigger) -> bool {
        let loaded = || loaded_by_run(self.release, trigger);
        self.everything
            || nodes.iter().any(|ordinal| self.kept.has(ordinal))
            || loaded().is_some_and(|relation| self.written.has(relation) || self.read.has(relation))
    }

    fn write(&mut self, relation: u32) {
        if !self.written.put(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.nodes_of_relation(relation) {
            self.kept.put(*node);
            for child in graph.children(*node) {
                self.kept.put(*child);
            }
        }
    }

    fn read(&mut self, relation: u32) {
        if !self.read.put(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.nodes_of_relation(relation) {
            if graph.get(*node).is_some_and(|vertex| vertex.kind != NodeKind::Source) {
                self.kept.put(*node);
            }
        }
    }
}

/// Nodes of which one has to look closely whether they can run now: something that they are built from was never built or loaded.
pub(super) struct Unready(OrdinalSet);

impl Unready {
    /// As the board stands.
    pub(super) fn of(board: &Board, release: &Release) -> Self {
        let graph = release.graph();
        let mut missing: Vec<u32> = graph.buildable().minus(&board.built).iter().collect();
        let mut unready: Vec<u32> = Vec::new();
        let loaded = |name: &DatasetName| board.datasets.get(name).is_some_and(|state| state.loaded);
        for (source, _) in release.dataset_sources().filter(|(_, name)| !loaded(name)) {
            missing.push(source);
            unready.push(source);
        }
        unready.extend(missing.iter().flat_map(|node| graph.children(*node)));
        unready.sort_unstable();
        Self(unready.into_iter().collect())
    }

    /// Whether all of these can run, as they are.
    pub(super) fn lets_all(&self, release: &Release, nodes: &OrdinalSet) -> bool {
        !nodes.meets(&self.0) && nodes.is_subset(release.graph().present())
    }
}

/// A set to which much is added, one by one.
#[derive(Default)]
struct Marks(Vec<bool>);

impl Marks {
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
