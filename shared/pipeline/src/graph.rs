//! The release's graph as the planner sees it: by ordinals of the dictionary, ephemeral models looked through.

use std::collections::{BTreeSet, HashMap};

use crate::Set;
use landfall_manifest::{Index, NodeIx, ResourceType};

/// What a node means to the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
#[derive(Debug, Clone)]
pub(crate) struct Vertex {
    /// Where it is in the index.
    pub(crate) ix: NodeIx,
    /// What it is.
    pub(crate) kind: Kind,
    /// The relation that it is or writes, by its ordinal.
    pub(crate) relation: Option<u32>,
    /// Nodes that must exist before it can run; never ephemeral ones.
    pub(crate) parents: Vec<u32>,
    /// Nodes that need it.
    pub(crate) children: Vec<u32>,
}

/// The graph: by ordinal; `None` where the release does not have the node any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    vertices: Vec<Option<Vertex>>,
}

/// The planner's kind of a node, if it has one: unit tests, exposures, analyses and the like have none.
pub(crate) fn kind(node: &landfall_manifest::Node<'_>) -> Option<Kind> {
    match node.resource_type() {
        ResourceType::Model if node.is_ephemeral() => Some(Kind::Ephemeral),
        ResourceType::Model | ResourceType::Snapshot => Some(Kind::Model),
        ResourceType::Seed => Some(Kind::Seed),
        ResourceType::Test => Some(Kind::Test),
        ResourceType::Source => Some(Kind::Source),
        ResourceType::Function => Some(Kind::Function),
        _ => None,
    }
}

/// The lease key of a node's relation: `database.schema.name`, lower-cased and unquoted, so that a renamed model keeps its table.
/// Tests have one only where they store their failures.
pub(crate) fn relation_key(node: &landfall_manifest::Node<'_>) -> Option<String> {
    let name = match kind(node)? {
        Kind::Ephemeral => return None,
        Kind::Test if !node.tests_stored() => return None,
        Kind::Source => node.identifier().unwrap_or_else(|| node.name()),
        Kind::Test | Kind::Model | Kind::Seed | Kind::Function => node.alias().unwrap_or_else(|| node.name()),
    };
    let part = |text: Option<&str>| text.unwrap_or_default().trim_matches(['"', '`', '[', ']']).to_lowercase();
    Some(format!("{}.{}.{}", part(node.database()), part(node.schema()), part(Some(name))))
}

impl Graph {
    /// `nodes` and `relations` are the release's dictionaries: unique ids and relation keys by ordinal.
    pub(crate) fn new<'a>(
        index: &Index,
        nodes: impl IntoIterator<Item = &'a str>,
        relations: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let ordinal_of_relation: HashMap<&str, u32> = relations.into_iter().zip(0..).collect();
        let mut ordinal_of: HashMap<NodeIx, u32> = HashMap::new();
        let mut vertices: Vec<Option<Vertex>> = Vec::new();
        for (id, ordinal) in nodes.into_iter().zip(0..) {
            let vertex = index.get(id).and_then(|node| {
                let kind = kind(&node)?;
                let relation = relation_key(&node).and_then(|key| ordinal_of_relation.get(key.as_str()).copied());
                ordinal_of.insert(node.ix, ordinal);
                Some(Vertex { ix: node.ix, kind, relation, parents: Vec::new(), children: Vec::new() })
            });
            vertices.push(vertex);
        }
        let mut graph = Self { vertices };
        let edges: Vec<(u32, BTreeSet<u32>)> = graph
            .iter()
            .map(|(ordinal, vertex)| (ordinal, graph.parents_through_ephemerals(index, vertex.ix, &ordinal_of)))
            .collect();
        for (child, parents) in edges {
            for parent in &parents {
                if let Some(vertex) = graph.get_mut(*parent) {
                    vertex.children.push(child);
                }
            }
            if let Some(vertex) = graph.get_mut(child) {
                vertex.parents = parents.into_iter().collect();
            }
        }
        graph
    }

    fn parents_through_ephemerals(
        &self,
        index: &Index,
        ix: NodeIx,
        ordinal_of: &HashMap<NodeIx, u32>,
    ) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut stack: Vec<NodeIx> = index.parents(ix).to_vec();
        while let Some(parent) = stack.pop() {
            if !seen.insert(parent) {
                continue;
            }
            let Some(ordinal) = ordinal_of.get(&parent).copied() else { continue };
            match self.get(ordinal).map(|vertex| vertex.kind) {
                Some(Kind::Ephemeral) => stack.extend(index.parents(parent)),
                Some(Kind::Test) | None => {}
                Some(_) => {
                    found.insert(ordinal);
                }
            }
        }
        found
    }

    /// The node with this ordinal, if the release has it.
    pub(crate) fn get(&self, ordinal: u32) -> Option<&Vertex> {
        self.vertices.get(usize::try_from(ordinal).ok()?)?.as_ref()
    }

    fn get_mut(&mut self, ordinal: u32) -> Option<&mut Vertex> {
        self.vertices.get_mut(usize::try_from(ordinal).ok()?)?.as_mut()
    }

    /// Every node that the release has.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Vertex)> {
        self.vertices.iter().zip(0..).filter_map(|(vertex, ordinal)| Some((ordinal, vertex.as_ref()?)))
    }

    /// Those of `within` that are built from one of `from`, however far down, by ways that stay within.
    pub(crate) fn descendants(&self, from: &Set, within: &Set) -> Set {
        let mut found = Set::new();
        let mut stack: Vec<u32> = from.iter().collect();
        while let Some(at) = stack.pop() {
            let Some(vertex) = self.get(at) else { continue };
            for child in &vertex.children {
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
            if vertex.kind == Kind::Source {
                found.insert(at);
            }
            stack.extend(&vertex.parents);
        }
        found
    }
}
