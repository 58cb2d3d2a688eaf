//! The release's graph as the planner sees it: by ordinals of the dictionary, ephemeral models looked through.

use std::collections::{BTreeSet, HashMap};
use std::iter::zip;

use crate::OrdinalSet;
use landfall_manifest::{Index, NodeIx, ResourceType};

/// What a node means to the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// Builds a relation by SQL: a model that is not ephemeral, a snapshot.
    Model,
    /// A CSV file of the project.
    Seed,
    /// A data test.
    Test,
    /// Lands from outside.
    Source,
    /// Compiled into its children; never run itself.
    Ephemeral,
    /// A user-defined function that dbt builds.
    Function,
}

/// One node of the dictionary that the release has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    /// Where it is in the index.
    pub(crate) ix: NodeIx,
    /// What it is.
    pub(crate) kind: NodeKind,
    /// The relation that it is or writes, by its ordinal.
    pub(crate) relation: Option<u32>,
}

/// The graph: by ordinal; `None` where the release does not have the node any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    vertices: Vec<Option<Vertex>>,
    parents: AdjacencyLists,
    children: AdjacencyLists,
    of_relation: AdjacencyLists,
    /// All that the release has.
    present: OrdinalSet,
    /// Those whose relation somebody has to build before what reads it can run.
    buildable: OrdinalSet,
}

/// A list of numbers for each number from 0, all in two blocks of memory.
#[derive(Debug, Clone, Default)]
struct AdjacencyLists {
    ends: Vec<usize>,
    items: Vec<u32>,
}

impl AdjacencyLists {
    /// From pairs of a list's number, in rising order, and an item.
    fn from_sorted_pairs(pairs: impl Iterator<Item = (u32, u32)>) -> Self {
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

    fn of(&self, list: u32) -> &[u32] {
        let list = list as usize;
        let start = list.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        match (start, self.ends.get(list)) {
            (Some(start), Some(end)) => self.items.get(start..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The planner's kind of a node, if it has one: unit tests, exposures, analyses and the like have none.
pub(crate) fn node_kind(node: &landfall_manifest::Node<'_>) -> Option<NodeKind> {
    match node.resource_type() {
        ResourceType::Model if node.is_ephemeral() => Some(NodeKind::Ephemeral),
        ResourceType::Model | ResourceType::Snapshot => Some(NodeKind::Model),
        ResourceType::Seed => Some(NodeKind::Seed),
        ResourceType::Test => Some(NodeKind::Test),
        ResourceType::Source => Some(NodeKind::Source),
        ResourceType::Function => Some(NodeKind::Function),
        _ => None,
    }
}

/// The lease key of a node's relation: `database.schema.name`, lower-cased and unquoted, so that a renamed model keeps its table.
/// Tests have one only where they store their failures.
pub(crate) fn relation_key(node: &landfall_manifest::Node<'_>) -> Option<String> {
    let name = match node_kind(node)? {
        NodeKind::Ephemeral => return None,
        NodeKind::Test if !node.stores_failures() => return None,
        NodeKind::Source => node.identifier().unwrap_or_else(|| node.name()),
        NodeKind::Test | NodeKind::Model | NodeKind::Seed | NodeKind::Function => {
            node.alias().unwrap_or_else(|| node.name())
        }
    };
    let part = |text: Option<&str>| text.unwrap_or_default().trim_matches(['"', '`', '[', ']']).to_lowercase();
    Some(format!("{}.{}.{}", part(node.database()), part(node.schema()), part(Some(name))))
}

impl Graph {
    /// `nodes` are the unique ids of the release's dictionary with their ordinals, in the order of the ids; `relations` are the relation keys by
    /// ordinal.
    pub(crate) fn new<'a>(
        index: &Index,
        nodes: impl ExactSizeIterator<Item = (&'a str, u32)>,
        relations: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let ordinal_of_relation: HashMap<&str, u32> = relations.into_iter().zip(0..).collect();
        let mut graph = Self { vertices: vec![None; nodes.len()], ..Self::default() };
        let mut ordinal_of: Vec<Option<u32>> = vec![None; index.len()];
        // Both are in the order of the ids: one walk finds each in the other.
        let mut in_index = index.nodes().peekable();
        for (id, ordinal) in nodes {
            while in_index.next_if(|node| node.unique_id() < id).is_some() {}
            let Some(node) = in_index.next_if(|node| node.unique_id() == id) else { continue };
            let Some(kind) = node_kind(&node) else { continue };
            let relation = relation_key(&node).and_then(|key| ordinal_of_relation.get(key.as_str()).copied());
            if let (Some(vertex), Some(known)) =
                (graph.vertices.get_mut(ordinal as usize), ordinal_of.get_mut(node.ix.position()))
            {
                *vertex = Some(Vertex { ix: node.ix, kind, relation });
                *known = Some(ordinal);
            }
        }
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for (ordinal, vertex) in graph.iter() {
            let start = edges.len();
            graph.parents_through_ephemerals(index, vertex.ix, &ordinal_of, |parent| edges.push((ordinal, parent)));
            edges.get_mut(start..).unwrap_or_default().sort_unstable();
        }
        edges.dedup();
        let mut downwards: Vec<(u32, u32)> = edges.iter().map(|(child, parent)| (*parent, *child)).collect();
        downwards.sort_unstable();
        graph.parents = AdjacencyLists::from_sorted_pairs(edges.into_iter());
        graph.children = AdjacencyLists::from_sorted_pairs(downwards.into_iter());
        let mut relations: Vec<(u32, u32)> =
            graph.iter().filter_map(|(ordinal, vertex)| Some((vertex.relation?, ordinal))).collect();
        relations.sort_unstable();
        graph.of_relation = AdjacencyLists::from_sorted_pairs(relations.into_iter());
        graph.present = graph.iter().map(|(ordinal, _)| ordinal).collect();
        let built = |kind: NodeKind| matches!(kind, NodeKind::Model | NodeKind::Seed | NodeKind::Function);
        graph.buildable = graph.iter().filter(|(_, vertex)| built(vertex.kind)).map(|(ordinal, _)| ordinal).collect();
        graph
    }

    fn parents_through_ephemerals(
        &self,
        index: &Index,
        ix: NodeIx,
        ordinal_of: &[Option<u32>],
        mut found: impl FnMut(u32),
    ) {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<NodeIx> = Vec::new();
        let mut next = index.parents(ix);
        loop {
            for parent in next {
                let Some(ordinal) = ordinal_of.get(parent.position()).copied().flatten() else { continue };
                match self.get(ordinal).map(|vertex| vertex.kind) {
                    Some(NodeKind::Ephemeral) if seen.insert(*parent) => stack.push(*parent),
                    Some(NodeKind::Ephemeral | NodeKind::Test) | None => {}
                    Some(_) => found(ordinal),
                }
            }
            let Some(ephemeral) = stack.pop() else { return };
            next = index.parents(ephemeral);
        }
    }

    /// Nodes that must exist before this one can run, rising; never ephemeral ones.
    pub(crate) fn parents(&self, ordinal: u32) -> &[u32] {
        self.parents.of(ordinal)
    }

    /// Nodes that need this one, rising.
    pub(crate) fn children(&self, ordinal: u32) -> &[u32] {
        self.children.of(ordinal)
    }

    /// Nodes that are or write this relation, rising.
    pub(crate) fn of_relation(&self, relation: u32) -> &[u32] {
        self.of_relation.of(relation)
    }

    /// Every node that the release has.
    pub(crate) fn present(&self) -> &OrdinalSet {
        &self.present
    }

    /// Models, snapshots, seeds and functions: what is built from them needs them built.
    pub(crate) fn buildable(&self) -> &OrdinalSet {
        &self.buildable
    }

    /// The node with this ordinal, if the release has it.
    pub(crate) fn get(&self, ordinal: u32) -> Option<&Vertex> {
        self.vertices.get(usize::try_from(ordinal).ok()?)?.as_ref()
    }

    /// The same, with what they are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Vertex)> {
        zip(&self.vertices, 0..).filter_map(|(vertex, ordinal)| Some((ordinal, vertex.as_ref()?)))
    }

    /// Those of `within` that are built from one of `from`, however far down, by ways that stay within.
    pub(crate) fn descendants(&self, from: &OrdinalSet, within: &OrdinalSet) -> OrdinalSet {
        let mut found = OrdinalSet::new();
        let mut stack: Vec<u32> = from.iter().collect();
        while let Some(at) = stack.pop() {
            for child in self.children(at) {
                if within.contains(*child) && found.insert(*child) {
                    stack.push(*child);
                }
            }
        }
        found
    }

    /// Sources from which the node is built, however far up.
    pub(crate) fn source_ancestors(&self, ordinal: u32) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut stack = vec![ordinal];
        while let Some(at) = stack.pop() {
            let Some(vertex) = self.get(at).filter(|_| seen.insert(at)) else { continue };
            if vertex.kind == NodeKind::Source {
                found.insert(at);
            }
            stack.extend(self.parents(at));
        }
        found
    }
}
