//! The graph of a release as the planner sees it: nodes by their ordinals, and edges that skip ephemeral models.

use std::collections::{BTreeSet, HashMap};
use std::iter::zip;

use landfall_manifest::{Index, Node, NodeIx, ResourceType};

use super::adjacency_lists::AdjacencyLists;
use crate::OrdinalSet;

/// The kind of a node, by how a run treats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A model that is not ephemeral, or a snapshot: SQL or Python that builds a relation.
    Model,
    /// A CSV file of the project.
    Seed,
    /// A data test. Unit tests have no kind.
    Test,
    /// A source table, which a loader fills.
    Source,
    /// A node that dbt does not run: an ephemeral model, which dbt compiles into its children, or one without code.
    Ephemeral,
    /// A user-defined function that dbt builds.
    Function,
}

/// A node of the dictionary that the release has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    /// The node's position in the index.
    pub(crate) ix: NodeIx,
    /// The node's kind.
    pub(crate) kind: NodeKind,
    /// The relation that the node is or writes, by its ordinal.
    pub(crate) relation: Option<u32>,
}

/// The graph of a release. `vertices` has `None` for nodes that only earlier releases had.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    vertices: Vec<Option<Vertex>>,
    parents: AdjacencyLists,
    children: AdjacencyLists,
    nodes_of_relation: AdjacencyLists,
    /// Every node that the release has.
    present: OrdinalSet,
    /// Nodes whose relation must be built before their children can run.
    buildable: OrdinalSet,
}

/// Returns the kind of a node. `None` for what no run executes: unit tests, exposures, analyses and others.
pub(crate) fn node_kind(node: &Node<'_>) -> Option<NodeKind> {
    match node.resource_type() {
        ResourceType::Model | ResourceType::Snapshot | ResourceType::Function
            if node.is_ephemeral() || node.has_blank_code() =>
        {
            Some(NodeKind::Ephemeral)
        }
        ResourceType::Test if node.has_blank_code() => None,
        ResourceType::Model | ResourceType::Snapshot => Some(NodeKind::Model),
        ResourceType::Seed => Some(NodeKind::Seed),
        ResourceType::Test => Some(NodeKind::Test),
        ResourceType::Source => Some(NodeKind::Source),
        ResourceType::Function => Some(NodeKind::Function),
        _ => None,
    }
}

/// Returns the lease key of a node's relation: `database.schema.name`, lower-case and unquoted. The node's id would
/// not do, because two nodes (or a node and its renamed successor) may write one table. A test has a relation only
/// where it stores its failures.
pub(crate) fn relation_key(node: &Node<'_>) -> Option<String> {
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
    /// Builds the graph. `nodes` are the unique ids of the dictionary with their ordinals, in the order of the ids.
    /// `relations` are the lease keys by ordinal.
    pub(crate) fn new<'a>(
        index: &Index,
        nodes: impl ExactSizeIterator<Item = (&'a str, u32)>,
        relations: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let ordinal_of_relation: HashMap<&str, u32> = relations.into_iter().zip(0..).collect();
        let mut graph = Self { vertices: vec![None; nodes.len()], ..Self::default() };
        let mut ordinal_of: Vec<Option<u32>> = vec![None; index.len()];
        // Both are in the order of the ids, so one pass over both replaces a search per node.
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
        let mut reversed: Vec<(u32, u32)> = edges.iter().map(|(child, parent)| (*parent, *child)).collect();
        reversed.sort_unstable();
        graph.parents = AdjacencyLists::from_sorted_pairs(edges.into_iter());
        graph.children = AdjacencyLists::from_sorted_pairs(reversed.into_iter());
        let mut relations: Vec<(u32, u32)> =
            graph.iter().filter_map(|(ordinal, vertex)| Some((vertex.relation?, ordinal))).collect();
        relations.sort_unstable();
        graph.nodes_of_relation = AdjacencyLists::from_sorted_pairs(relations.into_iter());
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

    /// Returns the nodes that must exist before this one can run, in ascending order and without ephemeral models.
    pub(crate) fn parents(&self, ordinal: u32) -> &[u32] {
        self.parents.get(ordinal)
    }

    /// Returns the nodes that read this one, in ascending order and without ephemeral models.
    pub(crate) fn children(&self, ordinal: u32) -> &[u32] {
        self.children.get(ordinal)
    }

    /// Returns the nodes that are or write this relation, in ascending order.
    pub(crate) fn nodes_of_relation(&self, relation: u32) -> &[u32] {
        self.nodes_of_relation.get(relation)
    }

    /// Returns every node that the release has.
    pub(crate) fn present(&self) -> &OrdinalSet {
        &self.present
    }

    /// Returns models, snapshots, seeds and functions: nodes that must be built before their children can run.
    pub(crate) fn buildable(&self) -> &OrdinalSet {
        &self.buildable
    }

    /// Returns the node with this ordinal, if the release has it.
    pub(crate) fn get(&self, ordinal: u32) -> Option<&Vertex> {
        self.vertices.get(usize::try_from(ordinal).ok()?)?.as_ref()
    }

    /// Iterates over the nodes that the release has.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Vertex)> {
        zip(&self.vertices, 0..).filter_map(|(vertex, ordinal)| Some((ordinal, vertex.as_ref()?)))
    }

    /// Iterates over the sources that the release has.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (u32, &Vertex)> {
        self.iter().filter(|(_, vertex)| vertex.kind == NodeKind::Source)
    }

    /// Returns the nodes of `within` that descend from a node of `from` by a path that does not leave `within`.
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

    /// Returns all sources among the node's ancestors.
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
