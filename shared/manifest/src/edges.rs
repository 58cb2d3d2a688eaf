//! The edges between nodes: made from `depends_on`, stored in both directions, and read again.

use hashbrown::HashMap;

use crate::index_layout::u32s;
use crate::node_ix::NodeIx;
use crate::resource_type::ResourceType;

/// The neighbours of each node in one direction.
#[derive(Default)]
pub(crate) struct Edges {
    offsets: Vec<u32>,
    items: Vec<NodeIx>,
}

impl Edges {
    pub(crate) fn decode(bytes: &[u8], nodes: usize) -> Option<Self> {
        let split = nodes.checked_add(1)?.checked_mul(4)?;
        let (offsets, items) = bytes.split_at_checked(split)?;
        let decode = |chunk: &[u8]| chunk.first_chunk::<4>().map_or(0, |chunk| u32::from_le_bytes(*chunk));
        let limit = nodes as u32;
        let items: Vec<NodeIx> = items.chunks_exact(4).map(|chunk| NodeIx(decode(chunk))).collect();
        if items.iter().any(|item| item.0 >= limit) {
            return None;
        }
        Some(Self { offsets: offsets.chunks_exact(4).map(decode).collect(), items })
    }

    pub(crate) fn of(&self, node: NodeIx) -> &[NodeIx] {
        let at = node.position();
        match (self.offsets.get(at), self.offsets.get(at + 1)) {
            (Some(start), Some(end)) => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The edges in the form in which the index stores them.
pub(crate) struct Links {
    pub(crate) parents: Vec<u8>,
    pub(crate) children: Vec<u8>,
    /// The rows that depend on a node which is not in the manifest.
    pub(crate) dangling: Vec<usize>,
}

/// Lays out parents and children of sorted rows: offsets, then numbers, ascending and without duplicates.
///
/// dbt links dependencies on nodes, sources, metrics, semantic models and functions. A row that depends on anything
/// else is returned as dangling.
pub(crate) fn link(rows: impl Iterator<Item = (u32, ResourceType, Vec<u32>)>) -> Links {
    let rows: Vec<(u32, ResourceType, Vec<u32>)> = rows.collect();
    let numbers: HashMap<u32, u32> = rows
        .iter()
        .enumerate()
        .filter(|(_, (_, kind, _))| {
            !matches!(kind, ResourceType::Exposure | ResourceType::UnitTest | ResourceType::SavedQuery)
        })
        .map(|(number, (id, _, _))| (*id, number as u32))
        .collect();
    let mut parents: Vec<Vec<u32>> = Vec::with_capacity(rows.len());
    let mut dangling = Vec::new();
    let mut counts = vec![0u32; rows.len()];
    for (number, (_, _, depends_on)) in rows.into_iter().enumerate() {
        let mut found: Vec<u32> = depends_on.iter().filter_map(|id| numbers.get(id).copied()).collect();
        if found.len() < depends_on.len() {
            dangling.push(number);
        }
        found.sort_unstable();
        found.dedup();
        for parent in &found {
            if let Some(count) = counts.get_mut(*parent as usize) {
                *count += 1;
            }
        }
        parents.push(found);
    }
    let child_offsets = offsets(counts.iter().copied());
    let total = child_offsets.last().copied().unwrap_or(0);
    let mut children = vec![0u32; total as usize];
    let mut next = child_offsets.clone();
    for (number, found) in parents.iter().enumerate() {
        for parent in found {
            let slot = next.get_mut(*parent as usize).map(|next| {
                *next += 1;
                (*next - 1) as usize
            });
            if let Some(child) = slot.and_then(|slot| children.get_mut(slot)) {
                *child = number as u32;
            }
        }
    }
    let parent_offsets = offsets(parents.iter().map(|found| found.len() as u32));
    let parents = u32s(parent_offsets.into_iter().chain(parents.into_iter().flatten()));
    Links { parents, children: u32s(child_offsets.into_iter().chain(children)), dangling }
}

/// The start of each list when lists of these lengths are stored one after the other, and the end of the last.
fn offsets(lengths: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut sum = 0;
    let mut all = vec![0];
    all.extend(lengths.map(|length| {
        sum += length;
        sum
    }));
    all
}
