//! compiled.json: landfall.yml and the manifest of one release, resolved to nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ConfigDuration, DatasetName, DocsConfig, DocumentError, JobName, LimitsConfig, Location, NodeId, OnDelete,
    Operation, OrdinalSet, ReadinessPolicy, ReleaseConfig, ReleaseId, RetryRule, RunsConfig, protocol::Format,
};

/// The version of compiled.json that this code reads and writes.
pub const COMPILED_VERSION: u32 = 4;

const FORMAT: Format =
    Format { document: "compiled.json", version: COMPILED_VERSION, remedy: "run `landfall release` again" };

/// compiled.json: everything that landfall.yml and the manifest state together, resolved to nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compiled {
    /// The format version, [`COMPILED_VERSION`].
    pub version: u32,
    /// The release's id.
    pub release: ReleaseId,
    /// The release that was in place when this one was compiled. Its dictionaries are the start of these.
    pub base: Option<ReleaseId>,
    /// The task definition that runs the release, pinned to a revision. If absent, the stack's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// The dictionary of nodes: unique ids by ordinal. It only grows from release to release, so that the ordinal sets
    /// on the board keep their meaning.
    pub nodes: Vec<NodeId>,
    /// The dictionary of relations: lease keys by ordinal. It only grows.
    pub relations: Vec<String>,
    /// The datasets by name, those of landfall.yml and those whose source states a location.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// What an operator should know although the release is right, such as a source that no load can reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The jobs of landfall.yml by name.
    pub jobs: BTreeMap<JobName, Job>,
    /// Nodes and sources whose relation existed in the warehouse when the first release was made.
    pub existing: OrdinalSet,
    /// Nodes that the release makes pending: those that `release.select` selects against the base. For a first release
    /// with `first: build` all nodes, and with `first: adopt` none, because the planner adds those that do not exist.
    pub changed: OrdinalSet,
    /// The section `release` of landfall.yml.
    pub release_config: ReleaseConfig,
    /// The section `runs` of landfall.yml.
    pub runs: RunsConfig,
    /// The section `limits` of landfall.yml.
    pub limits: LimitsConfig,
    /// The section `retry` of landfall.yml.
    pub retry: Vec<RetryRule>,
    /// Incremental models that the rule `full_refresh` may rebuild.
    #[serde(default, skip_serializing_if = "OrdinalSet::is_empty")]
    pub may_refresh: OrdinalSet,
    /// The section `docs` of landfall.yml.
    pub docs: DocsConfig,
    /// Whether each run takes the whole warehouse exclusively.
    pub exclusive: bool,
}

/// A dataset with its settings resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The places where the dataset's objects land. Empty if only `Dataset Loaded` events load it.
    pub locations: Vec<Location>,
    /// The dbt source of the dataset's name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<NodeId>,
    /// The selection of a load, one `--select` argument per element.
    pub select: Vec<String>,
    /// `loads.exclude`, one `--exclude` argument per element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Nodes that a load of the dataset makes pending.
    pub nodes: OrdinalSet,
    /// The rule by which a load counts as complete.
    pub ready: ReadinessPolicy,
    /// What the deletion of an object means.
    #[serde(default, skip_serializing_if = "OnDelete::is_ignore")]
    pub on_delete: OnDelete,
    /// The shortest time between the starts of two runs of the dataset.
    pub min_interval: ConfigDuration,
    /// Whether its source's table exists in the warehouse without a load.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// The macros that a run executes before it builds, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Operation>,
}

/// A job with its selections resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The `cron(...)` or `rate(...)` expression of the schedule.
    pub schedule: String,
    /// The IANA time zone of the schedule. If absent, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Sources whose freshness the job checks.
    pub freshness: OrdinalSet,
    /// Data tests that the job runs.
    pub test: OrdinalSet,
    /// Nodes that the job builds.
    pub build: OrdinalSet,
    /// All selections of the job in dbt's syntax, for messages.
    pub select: String,
}

impl Compiled {
    /// Reads the bytes of compiled.json.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not the JSON of a compiled release, or are one of another format version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        FORMAT.read(bytes)
    }
}
