//! Sets of nodes, and walks along the edges.

use fixedbitset::FixedBitSet;
use landfall_manifest::{Index, NodeIx, ResourceType};

/// A set of nodes, one bit each.
pub(crate) type NodeSet = FixedBitSet;

/// The part of the graph that can be selected: what is enabled, and every exposure.
pub(crate) struct Graph<'i> {
    pub(crate) index: &'i Index,
    pub(crate) members: NodeSet,
}

/// Which way to walk.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Parents,
    Children,
}

impl<'i> Graph<'i> {
    pub(crate) fn new(index: &'i Index) -> Self {
        let mut members = NodeSet::with_capacity(index.len());
        for node in index.nodes() {
            // dbt 1.11 never asks whether an exposure is enabled.
            if node.enabled() || node.resource_type() == ResourceType::Exposure {
                members.insert(node.ix.position());
            }
        }
        Self { index, members }
    }

    pub(crate) fn empty(&self) -> NodeSet {
        NodeSet::with_capacity(self.index.len())
    }

    /// Direct neighbours that can be selected.
    pub(crate) fn neighbours(&self, position: usize, way: Way) -> impl Iterator<Item = NodeIx> + '_ {
        let ix = NodeIx(position as u32);
        let all = match way {
            Way::Parents => self.index.parents(ix),
            Way::Children => self.index.children(ix),
        };
        all.iter().copied().filter(|ix| self.members.contains(ix.position()))
    }

    /// All that is reached from `from` in at most that many layers. What it starts from is in it only if it is reached from another.
    pub(crate) fn reached(&self, from: &NodeSet, way: Way, layers: Option<u64>) -> NodeSet {
        let mut seen = self.empty();
        let mut layer: Vec<usize> = from.ones().collect();
        let mut left = layers;
        while !layer.is_empty() && left != Some(0) {
            let mut next = Vec::new();
            for position in layer {
                for ix in self.neighbours(position, way) {
                    if !seen.put(ix.position()) {
                        next.push(ix.position());
                    }
                }
            }
            layer = next;
            left = left.map(|left| left - 1);
        }
        seen
    }

    /// `@`: descendants, and the ancestors of these and of what it starts from.
    pub(crate) fn childrens_parents(&self, from: &NodeSet) -> NodeSet {
        let mut all = self.reached(from, Way::Children, None);
        all.union_with(from);
        let parents = self.reached(&all, Way::Parents, None);
        all.union_with(&parents);
        all
    }

    /// Whether everything that the node depends on passes the check. What the manifest does not hold never does.
    pub(crate) fn all_parents(&self, ix: NodeIx, check: impl Fn(NodeIx) -> bool) -> bool {
        let unknown = self.index.node(ix).is_none_or(landfall_manifest::Node::has_unknown_parent);
        !unknown && self.index.parents(ix).iter().all(|parent| check(*parent))
    }
}
