//! The part of the index that is stored as JSON: metadata, selectors and disabled nodes.

use serde::{Deserialize, Serialize};

/// The `metadata` of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The name of the root project. Manifests of dbt 1.5 lack it.
    pub project_name: Option<String>,
    /// The package of the root project. Where the manifest lacks the name, it is the package that matches `project_id`.
    pub root_package: Option<String>,
    /// The adapter, such as `duckdb` or `snowflake`.
    pub adapter_type: Option<String>,
    /// The dbt version that wrote the manifest.
    pub dbt_version: Option<String>,
    /// The schema's URL, such as `https://schemas.getdbt.com/dbt/manifest/v12.json`.
    pub dbt_schema_version: String,
    /// The time at which the manifest was written, in RFC 3339.
    pub generated_at: Option<String>,
    /// The id of the dbt invocation that wrote it.
    pub invocation_id: Option<String>,
}

/// The facts that `state:` uses about a node under `disabled` in the manifest.
#[expect(clippy::struct_excessive_bools, reason = "four facts, none of which rules another out")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// The unique id of the node.
    pub unique_id: String,
    /// Whether the node is a model.
    pub model: bool,
    /// Whether the model has a version.
    pub versioned: bool,
    /// Whether the contract of the model is enforced.
    pub contract_enforced: bool,
    /// The value of `config.enabled`.
    pub enabled: bool,
    /// The deprecation date, as written.
    pub deprecation_date: Option<String>,
}

/// The part of the index that is stored as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) metadata: Metadata,
    /// The JSON text of `selectors`, as written.
    pub(crate) selectors: Option<String>,
    pub(crate) disabled: Vec<Disabled>,
}
