//! Lists of numbers by number, stored in two blocks of memory.

/// One list of numbers for each number from 0. Two vectors hold all lists, so that a graph of 10,000
/// nodes needs two allocations and not 10,000.
#[derive(Debug, Clone, Default)]
pub(super) struct AdjacencyLists {
    /// The end of each list in `items`. A list starts where the one before it ends.
    ends: Vec<usize>,
    items: Vec<u32>,
}

impl AdjacencyLists {
    /// Collects pairs of a list's number and an item. The pairs come in the order of the lists' numbers.
    pub(super) fn from_sorted_pairs(pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut lists = Self::default();
        for (list, item) in pairs {
            lists.ends.resize((list as usize).max(lists.ends.len()), lists.items.len());
            lists.items.push(item);
            lists.ends.resize(list as usize + 1, lists.items.len());
            if let Some(end) = lists.ends.last_mut() {
                *end = lists.items.len();
            }
        }
        lists
    }

    /// Returns the list of this number. It is empty if no pair named it.
    pub(super) fn get(&self, list: u32) -> &[u32] {
        let list = list as usize;
        let start = list.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        match (start, self.ends.get(list)) {
            (Some(start), Some(end)) => self.items.get(start..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_without_items_are_empty() {
        let lists = AdjacencyLists::from_sorted_pairs([(1, 7), (1, 9), (4, 2)].into_iter());
        let all: Vec<&[u32]> = (0..6).map(|list| lists.get(list)).collect();
        assert_eq!(all, [&[] as &[u32], &[7, 9], &[], &[], &[2], &[]]);
    }
}
