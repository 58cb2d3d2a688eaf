//! landfall.yml's `release`: what a new release of the project runs.

use serde::{Deserialize, Serialize};

use crate::StringList;

/// What a new release runs, apart from loads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseConfig {
    /// The nodes that a new release makes pending, in dbt's selection syntax. `state:` compares with the release in
    /// place. Default: `state:modified+`.
    pub select: StringList,
    /// What the first release of a stack makes pending: `adopt` or `build`. Default: `adopt`.
    pub first: FirstRelease,
    /// The number of nodes up to which a release runs without approval. Above it, the nodes wait for
    /// `landfall retry --approve`. The first release needs no approval. Default: 50.
    pub max_nodes: usize,
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        Self { select: StringList(vec!["state:modified+".to_owned()]), first: FirstRelease::Adopt, max_nodes: 50 }
    }
}

/// What the first release of a stack makes pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FirstRelease {
    /// Everything is built.
    Build,
    /// What exists in the warehouse counts as built. The rest is pending, and is built once its data is there.
    Adopt,
}
