//! The number by which the index names a node.

/// The number of a node. Numbers run from 0 in the order of the unique ids, so that a sorted set of numbers prints as a
/// sorted list of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

impl NodeIx {
    /// The number as an offset into a slice.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}
