//! The part of the index that is small and read once: metadata, selectors, disabled nodes.

use serde::{Deserialize, Serialize};

/// The manifest's own `metadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The root project's name; manifests of dbt 1.5 lack it.
    pub project_name: Option<String>,
    /// The package of the root project, also where the name is not written: found by `project_id`.
    pub root_package: Option<String>,
    /// The adapter, such as `duckdb` or `snowflake`.
    pub adapter_type: Option<String>,
    /// The dbt version that wrote the manifest.
    pub dbt_version: Option<String>,
    /// The schema's URL, such as `https://schemas.getdbt.com/dbt/manifest/v12.json`.
    pub dbt_schema_version: String,
    /// When it was written, RFC 3339.
    pub generated_at: Option<String>,
    /// The id of the dbt invocation that wrote it.
    pub invocation_id: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "four facts, none of which rules another out")]
/// A node that the manifest lists under `disabled`, as far as `state:` asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Its unique id.
    pub unique_id: String,
    /// Whether it is a model.
    pub model: bool,
    /// Whether it is versioned.
    pub versioned: bool,
    /// Whether its contract is enforced.
    pub contract_enforced: bool,
    /// Its `config.enabled`.
    pub enabled: bool,
    /// Its deprecation date, as written.
    pub deprecation_date: Option<String>,
}

/// What is stored as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) metadata: Metadata,
    /// The manifest's `selectors`, as written.
    pub(crate) selectors: Option<String>,
    pub(crate) disabled: Vec<Disabled>,
}
