//! A release in memory, with the lookups that decisions need.

use std::collections::HashMap;

use landfall_manifest::Index;

use super::graph::{Graph, Vertex};
use crate::{
    Compiled, Dataset, DatasetName, DocumentError, KeyPlacement, Locations, NodeId, ObjectAddress, OrdinalSet,
    ReadinessPolicy, ReleaseId, config::NodeMeta,
};

/// A release in memory: compiled.json and the manifest's index, joined.
#[derive(Debug)]
pub struct Release {
    /// The contents of compiled.json.
    pub compiled: Compiled,
    /// The contents of index.bin: the manifest, indexed.
    pub index: Index,
    locations: Locations,
    /// The folders of the datasets that a marker completes. A marker does not match the pattern of the data.
    marker_folders: Locations,
    graph: Graph,
    /// All ordinals, in the order of their node ids.
    by_id: Vec<u32>,
    dataset_of_source: HashMap<u32, DatasetName>,
    extra_leases: HashMap<u32, Vec<u32>>,
}

/// A release whose files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadReleaseError {
    /// compiled.json is malformed or of another format version.
    #[error(transparent)]
    Compiled(#[from] DocumentError),
    /// index.bin is malformed or of another format version.
    #[error("index.bin cannot be used: {0}")]
    Index(#[from] landfall_manifest::IndexError),
}

impl Release {
    /// Reads compiled.json and index.bin, and joins them.
    ///
    /// # Errors
    ///
    /// Fails if either file is malformed or of another format version.
    pub fn load(compiled: &[u8], index: &[u8]) -> Result<Self, LoadReleaseError> {
        Ok(Self::new(Compiled::from_json(compiled)?, Index::from_bytes(index)?))
    }

    /// Joins a compiled release with the index of its manifest.
    pub fn new(compiled: Compiled, index: Index) -> Self {
        let mut by_id: Vec<u32> = (0..).take(compiled.nodes.len()).collect();
        let id_of = |ordinal: &u32| compiled.nodes.get(*ordinal as usize).map_or("", NodeId::as_str);
        // Each release appends its new nodes in the order of their ids, so this is nearly sorted already.
        by_id.sort_by(|a, b| id_of(a).cmp(id_of(b)));
        let graph = Graph::new(
            &index,
            by_id.iter().map(|ordinal| (id_of(ordinal), *ordinal)),
            compiled.relations.iter().map(String::as_str),
        );
        let every_location =
            || compiled.datasets.iter().flat_map(|(name, d)| d.locations.iter().map(move |l| (name, d, l)));
        let locations = Locations::new(every_location().map(|(name, _, location)| (location.clone(), name.clone())));
        let marker_folders = Locations::new(
            every_location()
                .filter(|(_, dataset, _)| matches!(dataset.ready, ReadinessPolicy::Marker { .. }))
                .map(|(name, _, location)| (location.parent_folder(), name.clone())),
        );
        let extra_leases = extra_leases(&compiled, &index, &graph);
        let dataset_of_source = HashMap::new();
        let mut release =
            Self { compiled, index, locations, marker_folders, graph, by_id, dataset_of_source, extra_leases };
        let sources = release.compiled.datasets.iter();
        release.dataset_of_source =
            sources.filter_map(|(name, d)| Some((release.ordinal(d.source.as_ref()?)?, name.clone()))).collect();
        release
    }

    /// Returns the key of compiled.json in the state bucket.
    pub fn compiled_key(id: &ReleaseId) -> String {
        format!("releases/{id}/compiled.json")
    }

    /// Returns the key of index.bin in the state bucket.
    pub fn index_key(id: &ReleaseId) -> String {
        format!("releases/{id}/index.bin")
    }

    /// Returns the release's id.
    pub fn id(&self) -> &ReleaseId {
        &self.compiled.release
    }

    /// Returns the locations of all datasets.
    pub fn locations(&self) -> &Locations {
        &self.locations
    }

    /// Returns where an object of that many bytes belongs, if its size is known. The marker of a dataset
    /// (`ready: { marker: _SUCCESS }`) belongs to it, although its name is one that data does not have.
    pub fn place(&self, object: ObjectAddress<'_>, size: Option<u64>) -> KeyPlacement<'_> {
        let marked: Vec<_> = self
            .marker_folders
            .matching(object)
            .filter(|(name, folder)| {
                self.dataset(name).is_some_and(|dataset| dataset.ready.is_marker(folder.relative_key(object.key)))
            })
            .collect();
        let mut placement = self.locations.place(object, size);
        if marked.is_empty() {
            return placement;
        }
        let mut found = match &mut placement {
            KeyPlacement::Datasets(found) => std::mem::take(found),
            KeyPlacement::Unmapped(_) | KeyPlacement::NotData(_) => Vec::new(),
        };
        for (name, folder) in marked {
            if !found.iter().any(|(other, _)| *other == name) {
                found.push((name, folder));
            }
        }
        found.sort();
        KeyPlacement::Datasets(found)
    }

    /// Returns a dataset by name.
    pub fn dataset(&self, name: &DatasetName) -> Option<&Dataset> {
        self.compiled.datasets.get(name)
    }

    /// Returns the dataset of a source, by the source's ordinal.
    pub fn dataset_of_source(&self, source: u32) -> Option<&DatasetName> {
        self.dataset_of_source.get(&source)
    }

    /// Returns the sources to which no dataset leads although a node reads them, each with the text that names it and
    /// the remedy. No load makes their tables exist, so the nodes wait unless the warehouse has the tables already.
    pub fn sources_without_dataset(&self) -> Vec<String> {
        let sources = self.graph.sources().filter(|(source, _)| !self.graph.children(*source).is_empty());
        sources.filter_map(|(source, _)| self.no_dataset_leads_to(source)).collect()
    }

    /// Returns the text about a source to which no dataset leads.
    pub(crate) fn no_dataset_leads_to(&self, source: u32) -> Option<String> {
        if self.dataset_of_source.contains_key(&source) {
            return None;
        }
        let node = self.index.node(self.vertex(source)?.ix)?;
        let mut name = format!("{}.{}", node.source_name().unwrap_or_default(), node.name());
        if Some(node.package_name()) != self.index.metadata().root_package.as_deref() {
            name = format!("{}.{name}", node.package_name());
        }
        Some(format!(
            "source {name}: no dataset leads to it; add it to landfall.yml, or set `datasets: {name}: {{ adopted: true }}` there if its table exists already"
        ))
    }

    /// Returns the graph of the release.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn vertex(&self, ordinal: u32) -> Option<&Vertex> {
        self.graph.get(ordinal)
    }

    /// Returns the leases that a node takes beside that of its relation (`meta.landfall.lease`), as ordinals of
    /// relations.
    pub(crate) fn extra_leases(&self, ordinal: u32) -> &[u32] {
        self.extra_leases.get(&ordinal).map(Vec::as_slice).unwrap_or_default()
    }

    /// Iterates over the nodes with leases beside that of their relation.
    pub(crate) fn nodes_with_extra_leases(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.extra_leases.iter().map(|(node, leases)| (*node, leases.as_slice()))
    }

    /// Returns a node's ordinal, also of a node that earlier releases had.
    pub fn ordinal(&self, id: &NodeId) -> Option<u32> {
        let found = self.by_id.binary_search_by(|ordinal| self.id_of(*ordinal).cmp(&Some(id))).ok()?;
        self.by_id.get(found).copied()
    }

    /// Returns the node id of an ordinal, also of a node that earlier releases had.
    pub fn id_of(&self, ordinal: u32) -> Option<&NodeId> {
        self.compiled.nodes.get(usize::try_from(ordinal).ok()?)
    }

    /// Returns the ids of a set of nodes, sorted.
    pub fn ids(&self, set: &OrdinalSet) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = set.iter().filter_map(|ordinal| self.id_of(ordinal).cloned()).collect();
        ids.sort();
        ids
    }

    /// Returns the set of these ids, without those outside the dictionary.
    pub fn set<'a>(&self, ids: impl IntoIterator<Item = &'a NodeId>) -> OrdinalSet {
        ids.into_iter().filter_map(|id| self.ordinal(id)).collect()
    }

    /// Returns the lease keys of a set of relations, sorted.
    pub fn relation_keys(&self, set: &OrdinalSet) -> Vec<String> {
        let mut keys: Vec<String> = set
            .iter()
            .filter_map(|ordinal| self.compiled.relations.get(usize::try_from(ordinal).ok()?).cloned())
            .collect();
        keys.sort();
        keys
    }
}

fn extra_leases(compiled: &Compiled, index: &Index, graph: &Graph) -> HashMap<u32, Vec<u32>> {
    let known: HashMap<&str, u32> = compiled
        .relations
        .iter()
        .zip(0..)
        .filter(|(key, _)| key.starts_with("lease:"))
        .map(|(key, ordinal)| (key.as_str(), ordinal))
        .collect();
    if known.is_empty() {
        return HashMap::new();
    }
    let leases = |vertex: &Vertex| -> Vec<u32> {
        // `compile` refuses a meta that cannot be read.
        let meta = index.node(vertex.ix).and_then(|node| NodeMeta::from_node(&node).ok()).unwrap_or_default();
        meta.lease_keys().filter_map(|key| known.get(key.as_str()).copied()).collect()
    };
    graph.iter().map(|(ordinal, vertex)| (ordinal, leases(vertex))).filter(|(_, leases)| !leases.is_empty()).collect()
}
