//! A release: one immutable version of the dbt project, compiled once into what the planner needs.

use std::collections::{BTreeMap, HashMap};

use landfall_manifest::Index;
use serde::{Deserialize, Serialize};

use super::graph::{Graph, Vertex};
use crate::{
    ConfigDuration, DatasetName, DocsConfig, DocumentError, JobName, KeyPlacement, LimitsConfig, Location, Locations,
    NodeId, OnDelete, Operation, OrdinalSet, ReadinessPolicy, ReleaseConfig, ReleaseId, RetryRule, RunsConfig,
    config::NodeMeta, protocol::Format,
};

/// The version of compiled.json that this code reads and writes.
pub const COMPILED_VERSION: u32 = 2;

const FORMAT: Format =
    Format { document: "compiled.json", version: COMPILED_VERSION, remedy: "run `landfall release` again" };

/// compiled.json: everything that landfall.yml and the manifest say together, resolved to nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compiled {
    /// [`COMPILED_VERSION`].
    pub version: u32,
    /// The release.
    pub release: ReleaseId,
    /// The release that was in place when this one was compiled: its dictionaries are the start of these.
    pub base: Option<ReleaseId>,
    /// The task definition that runs it, pinned to a revision; absent: the stack's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// unique ids by ordinal; only ever grows from release to release, so that the board's sets keep their meaning.
    pub nodes: Vec<NodeId>,
    /// Relation keys by ordinal; only ever grows.
    pub relations: Vec<String>,
    /// By name.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// By name.
    pub jobs: BTreeMap<JobName, Job>,
    /// Nodes whose relation was seen in the warehouse when the release was made.
    pub existing: OrdinalSet,
    /// What the release has pending: the nodes that differ from the base, by `release.select`.
    pub changed: OrdinalSet,
    /// From landfall.yml.
    pub release_config: ReleaseConfig,
    /// From landfall.yml.
    pub runs: RunsConfig,
    /// From landfall.yml.
    pub limits: LimitsConfig,
    /// From landfall.yml.
    pub retry: Vec<RetryRule>,
    /// Models that the rung `full_refresh` may build anew from nothing.
    #[serde(default, skip_serializing_if = "OrdinalSet::is_empty")]
    pub may_refresh: OrdinalSet,
    /// From landfall.yml.
    pub docs: DocsConfig,
    /// One run at a time holds the whole warehouse.
    pub exclusive: bool,
}

/// A dataset, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Where it lands.
    pub locations: Vec<Location>,
    /// The source that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<NodeId>,
    /// Its selection, one `--select` argument an element.
    pub select: Vec<String>,
    /// `loads.exclude`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// What a load of it has pending.
    pub nodes: OrdinalSet,
    /// When it counts as loaded.
    pub ready: ReadinessPolicy,
    /// What the deletion of an object is.
    #[serde(default, skip_serializing_if = "OnDelete::is_ignore")]
    pub on_delete: OnDelete,
    /// From one run to the next.
    pub min_interval: ConfigDuration,
    /// What its runs do before they build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Operation>,
}

/// A job, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `cron(...)` or `rate(...)`.
    pub schedule: String,
    /// IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Sources whose freshness it asks.
    pub freshness: OrdinalSet,
    /// Data tests it runs.
    pub test: OrdinalSet,
    /// Nodes it builds.
    pub build: OrdinalSet,
    /// All it selects, for people.
    pub select: String,
}

/// A release, loaded: compiled.json and its index, with what is worked out of both.
#[derive(Debug)]
pub struct Release {
    /// compiled.json.
    pub compiled: Compiled,
    /// The index.
    pub index: Index,
    locations: Locations,
    graph: Graph,
    /// Every ordinal, in the order of the node ids.
    by_id: Vec<u32>,
    dataset_of_source: HashMap<u32, DatasetName>,
    extra_leases: HashMap<u32, Vec<u32>>,
}

/// A compiled release that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadReleaseError {
    /// compiled.json is malformed or of another format version.
    #[error(transparent)]
    Compiled(#[from] DocumentError),
    /// The index beside it.
    #[error("index.bin: {0}")]
    Index(#[from] landfall_manifest::IndexError),
}

impl Release {
    /// Joins compiled.json and index.bin.
    pub fn load(compiled: &[u8], index: &[u8]) -> Result<Self, LoadReleaseError> {
        let compiled: Compiled = FORMAT.read(compiled)?;
        Ok(Self::new(compiled, Index::from_bytes(index)?))
    }

    /// Joins what was compiled with its index.
    pub fn new(compiled: Compiled, index: Index) -> Self {
        let mut by_id: Vec<u32> = (0..).take(compiled.nodes.len()).collect();
        let id_of = |ordinal: &u32| compiled.nodes.get(*ordinal as usize).map_or("", NodeId::as_str);
        // Mostly sorted already, since each release adds its new nodes in the order of their ids.
        by_id.sort_by(|a, b| id_of(a).cmp(id_of(b)));
        let graph = Graph::new(
            &index,
            by_id.iter().map(|ordinal| (id_of(ordinal), *ordinal)),
            compiled.relations.iter().map(String::as_str),
        );
        let locations = Locations::new(
            compiled.datasets.iter().flat_map(|(name, d)| d.locations.iter().map(|l| (l.clone(), name.clone()))),
        );
        let extra_leases = extra_leases(&compiled, &index, &graph);
        let dataset_of_source = HashMap::new();
        let mut release = Self { compiled, index, locations, graph, by_id, dataset_of_source, extra_leases };
        let sources = release.compiled.datasets.iter();
        release.dataset_of_source =
            sources.filter_map(|(name, d)| Some((release.ordinal(d.source.as_ref()?)?, name.clone()))).collect();
        release
    }

    /// The key of compiled.json in the state bucket.
    pub fn compiled_key(id: &ReleaseId) -> String {
        format!("releases/{id}/compiled.json")
    }

    /// The key of index.bin in the state bucket.
    pub fn index_key(id: &ReleaseId) -> String {
        format!("releases/{id}/index.bin")
    }

    /// Its id.
    pub fn id(&self) -> &ReleaseId {
        &self.compiled.release
    }

    /// Where things land.
    pub fn locations(&self) -> &Locations {
        &self.locations
    }

    /// Where an object belongs. A marker (`ready: { marker: ... }`) may have a name that no data has.
    pub fn place(&self, bucket: &str, key: &str) -> KeyPlacement<'_> {
        let marked = self.locations.owner(bucket, key).filter(|(name, location)| {
            self.dataset(name).is_some_and(|dataset| dataset.ready.is_marker(location.below(key)))
        });
        match marked {
            Some((name, location)) => KeyPlacement::Dataset(name, location),
            None => self.locations.place(bucket, key),
        }
    }

    /// A dataset by name.
    pub fn dataset(&self, name: &DatasetName) -> Option<&Dataset> {
        self.compiled.datasets.get(name)
    }

    /// The dataset that a source is, by the source's ordinal.
    pub fn dataset_of_source(&self, source: u32) -> Option<&DatasetName> {
        self.dataset_of_source.get(&source)
    }

    /// The graph.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn vertex(&self, ordinal: u32) -> Option<&Vertex> {
        self.graph.get(ordinal)
    }

    /// The leases (ordinals of the relations' dictionary) that a node takes beside its relation's: `meta.landfall.lease`.
    pub(crate) fn extra_leases(&self, ordinal: u32) -> &[u32] {
        self.extra_leases.get(&ordinal).map(Vec::as_slice).unwrap_or_default()
    }

    /// Nodes that take leases beside their relation's, with those.
    pub(crate) fn nodes_with_extra_leases(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.extra_leases.iter().map(|(node, leases)| (*node, leases.as_slice()))
    }

    /// Sources that are datasets.
    pub(crate) fn dataset_sources(&self) -> impl Iterator<Item = (u32, &DatasetName)> {
        self.dataset_of_source.iter().map(|(source, name)| (*source, name))
    }

    /// A node's ordinal.
    pub fn ordinal(&self, id: &NodeId) -> Option<u32> {
        let found = self.by_id.binary_search_by(|ordinal| self.id_of(*ordinal).cmp(&Some(id))).ok()?;
        self.by_id.get(found).copied()
    }

    /// The node id of an ordinal, also of a node that the release does not have any more.
    pub fn id_of(&self, ordinal: u32) -> Option<&NodeId> {
        self.compiled.nodes.get(usize::try_from(ordinal).ok()?)
    }

    /// The ids of a set, sorted.
    pub fn ids(&self, set: &OrdinalSet) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = set.iter().filter_map(|ordinal| self.id_of(ordinal).cloned()).collect();
        ids.sort();
        ids
    }

    /// The set of ids; those outside the dictionary are left out.
    pub fn set<'a>(&self, ids: impl IntoIterator<Item = &'a NodeId>) -> OrdinalSet {
        ids.into_iter().filter_map(|id| self.ordinal(id)).collect()
    }

    /// The relation keys of a set of relations, sorted.
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
        // Compiling has refused what cannot be read.
        let meta = index.node(vertex.ix).and_then(|node| NodeMeta::from_node(&node).ok()).unwrap_or_default();
        meta.lease_keys().filter_map(|key| known.get(key.as_str()).copied()).collect()
    };
    graph.iter().map(|(ordinal, vertex)| (ordinal, leases(vertex))).filter(|(_, leases)| !leases.is_empty()).collect()
}
