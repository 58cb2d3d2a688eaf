//! A quick form of [`Leases`] and [`split`](super::runnable_nodes::split). In a large project most of thousands of
//! backlog entries cannot run, and every decision looks at each of them.

use std::collections::BTreeSet;

use super::{
    leases::{Leases, loaded_by_run, of_node},
    missing_parents::source_is_available,
    rules::Rules,
};
use crate::{Board, OrdinalSet, Release, Trigger, release::NodeKind};

/// Relations that are held or reserved, and the nodes that therefore cannot run.
pub(super) struct LeaseIndex<'a> {
    release: &'a Release,
    /// Whether no node at all can run.
    everything: bool,
    written: OrdinalFlags,
    read: OrdinalFlags,
    /// Nodes that write a held relation, or read a written one.
    blocked: OrdinalFlags,
    /// Nodes whose leases were added already.
    reserved: OrdinalFlags,
}

impl<'a> LeaseIndex<'a> {
    /// An index without leases.
    pub(super) fn new(release: &'a Release) -> Self {
        Self {
            release,
            everything: false,
            written: OrdinalFlags::default(),
            read: OrdinalFlags::default(),
            blocked: OrdinalFlags::default(),
            reserved: OrdinalFlags::default(),
        }
    }

    /// Adds leases that are held. `unknown` means that the holder has others that the release cannot name.
    pub(super) fn hold(&mut self, held: &Leases, unknown: bool) {
        self.everything |= unknown || held.exclusive || self.release.compiled.exclusive;
        held.writes.iter().for_each(|relation| self.write(relation));
        held.reads.iter().for_each(|relation| self.read(relation));
        for (node, leases) in self.release.nodes_with_extra_leases() {
            if leases.iter().any(|lease| held.writes.contains(*lease) || held.reads.contains(*lease)) {
                self.blocked.insert(node);
            }
        }
    }

    /// Adds the leases that running these nodes would take.
    pub(super) fn reserve(&mut self, nodes: &OrdinalSet, trigger: &Trigger) {
        self.everything |= self.release.compiled.exclusive;
        let extra = |node: u32| self.release.extra_leases(node).iter().copied();
        let leases: BTreeSet<u32> = nodes.iter().flat_map(extra).collect();
        if !leases.is_empty() {
            let held = Leases { writes: leases.into_iter().collect(), ..Leases::default() };
            self.hold(&held, false);
        }
        for ordinal in nodes.iter() {
            if self.reserved.insert(ordinal) {
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

    /// Whether running these nodes for that trigger conflicts with any lease of the index.
    pub(super) fn conflicts(&self, nodes: &OrdinalSet, trigger: &Trigger) -> bool {
        let loaded = || loaded_by_run(self.release, trigger);
        self.everything
            || nodes.iter().any(|ordinal| self.blocked.contains(ordinal))
            || loaded().is_some_and(|relation| self.written.contains(relation) || self.read.contains(relation))
    }

    fn write(&mut self, relation: u32) {
        if !self.written.insert(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.nodes_of_relation(relation) {
            self.blocked.insert(*node);
            for child in graph.children(*node) {
                self.blocked.insert(*child);
            }
        }
    }

    fn read(&mut self, relation: u32) {
        if !self.read.insert(relation) {
            return;
        }
        let graph = self.release.graph();
        for node in graph.nodes_of_relation(relation) {
            if graph.get(*node).is_some_and(|vertex| vertex.kind != NodeKind::Source) {
                self.blocked.insert(*node);
            }
        }
    }
}

/// Nodes with a parent that was never built or loaded. Whether these can run needs the exact check.
pub(super) struct UnbuiltInputs {
    nodes: OrdinalSet,
    /// Unbuilt nodes that a run builds if its own nodes need them.
    pub(super) available: OrdinalSet,
}

impl UnbuiltInputs {
    /// The nodes of a board.
    pub(super) fn of(board: &Board, release: &Release, rules: &dyn Rules) -> Self {
        let graph = release.graph();
        let mut missing: Vec<u32> = graph.buildable().difference(&board.built).iter().collect();
        let mut unbuilt_inputs: Vec<u32> = Vec::new();
        for (source, _) in graph.sources().filter(|(source, _)| !source_is_available(release, board, *source)) {
            missing.push(source);
            unbuilt_inputs.push(source);
        }
        unbuilt_inputs.extend(missing.iter().flat_map(|node| graph.children(*node)));
        unbuilt_inputs.sort_unstable();
        let nodes: OrdinalSet = unbuilt_inputs.into_iter().collect();
        let available = if nodes.is_empty() { OrdinalSet::new() } else { rules.available_ancestors(release, board) };
        Self { nodes, available }
    }

    /// Whether all of these nodes can run without the exact check.
    pub(super) fn allows_all(&self, release: &Release, nodes: &OrdinalSet) -> bool {
        !nodes.intersects(&self.nodes) && nodes.is_subset(release.graph().present())
    }
}

/// A set of ordinals that is fast to extend one by one.
#[derive(Default)]
struct OrdinalFlags(Vec<bool>);

impl OrdinalFlags {
    /// Adds the ordinal. Returns true if it is new.
    fn insert(&mut self, ordinal: u32) -> bool {
        let at = ordinal as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), false);
        }
        self.0.get_mut(at).is_some_and(|mark| !std::mem::replace(mark, true))
    }

    fn contains(&self, ordinal: u32) -> bool {
        self.0.get(ordinal as usize).copied().unwrap_or(false)
    }
}
