//! Sets of nodes, and their ancestors and descendants.

use fixedbitset::FixedBitSet;
use landfall_manifest::{Index, NodeIx, ResourceType};

/// A set of nodes, one bit each.
pub(crate) type NodeSet = FixedBitSet;

/// The nodes that can be selected, which are the enabled nodes and all exposures, and the edges between them.
pub(crate) struct SelectableGraph<'i> {
    pub(crate) index: &'i Index,
    pub(crate) members: NodeSet,
}

/// The direction in which edges are followed.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Parents,
    Children,
}

impl<'i> SelectableGraph<'i> {
    pub(crate) fn new(index: &'i Index) -> Self {
        let mut members = NodeSet::with_capacity(index.len());
        for node in index.nodes() {
            // dbt 1.11 ignores whether an exposure is enabled.
            if node.enabled() || node.resource_type() == ResourceType::Exposure {
                members.insert(node.ix.position());
            }
        }
        Self { index, members }
    }

    pub(crate) fn empty(&self) -> NodeSet {
        NodeSet::with_capacity(self.index.len())
    }

    /// The direct neighbours that can be selected.
    pub(crate) fn neighbours(&self, position: usize, direction: Direction) -> impl Iterator<Item = NodeIx> + '_ {
        let ix = NodeIx(position as u32);
        let all = match direction {
            Direction::Parents => self.index.parents(ix),
            Direction::Children => self.index.children(ix),
        };
        all.iter().copied().filter(|ix| self.members.contains(ix.position()))
    }

    /// The nodes within at most that many layers of `from`. A node of `from` is among them only if it is reached from
    /// another node of `from`.
    pub(crate) fn reached(&self, from: &NodeSet, direction: Direction, layers: Option<u64>) -> NodeSet {
        let mut seen = self.empty();
        let mut layer: Vec<usize> = from.ones().collect();
        let mut left = layers;
        while !layer.is_empty() && left != Some(0) {
            let mut next = Vec::new();
            for position in layer {
                for ix in self.neighbours(position, direction) {
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

    /// The nodes that `@` selects: `from`, its descendants, and the ancestors of both.
    pub(crate) fn childrens_parents(&self, from: &NodeSet) -> NodeSet {
        let mut all = self.reached(from, Direction::Children, None);
        all.union_with(from);
        let parents = self.reached(&all, Direction::Parents, None);
        all.union_with(&parents);
        all
    }

    /// Whether all parents of the node pass the check. A parent that is not in the manifest does not pass.
    pub(crate) fn all_parents(&self, ix: NodeIx, check: impl Fn(NodeIx) -> bool) -> bool {
        let unknown = self.index.node(ix).is_none_or(landfall_manifest::Node::has_unknown_parent);
        !unknown && self.index.parents(ix).iter().all(|parent| check(*parent))
    }
}
