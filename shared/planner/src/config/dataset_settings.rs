//! landfall.yml's `loads` and `datasets`: what lands where, and what a load runs.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{ConfigDuration, ReadinessConfig, StringList};

/// Settings of every dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LoadsConfig {
    /// Whether a load also runs the nodes with the dataset's name as a tag, and their descendants (`tag:<dataset>+`).
    /// Default: `false`, which runs `source:<dataset>+` alone.
    pub by_tag: bool,
    /// Nodes that no load runs, in dbt's selection syntax. Example: `tag:nightly`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<StringList>,
    /// The rule by which a load counts as complete. Default: `quiet: 60s` with `at_most: 10m`.
    pub ready: ReadinessConfig,
    /// What the deletion of an object means for its dataset: `ignore` or `load`. Default: `ignore`.
    #[serde(skip_serializing_if = "OnDelete::is_ignore")]
    pub on_delete: OnDelete,
    /// The shortest time between the starts of two runs of one dataset. Later loads wait and share the next run.
    /// Example: `5m`. Default: `0s`.
    pub min_interval: ConfigDuration,
}

impl Default for LoadsConfig {
    fn default() -> Self {
        Self {
            by_tag: false,
            exclude: None,
            ready: ReadinessConfig::default(),
            on_delete: OnDelete::Ignore,
            min_interval: ConfigDuration(SignedDuration::ZERO),
        }
    }
}

/// One dataset: a dbt source table, or a group of your own. Every key is optional.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DatasetConfig {
    /// Where the dataset's objects land: a folder of the landing bucket (`orders/`), a pattern of keys
    /// (`orders/*.csv`, with `*`, `**`, `?`, `[..]` and `{a,b}`), or an S3 URI (`s3://bucket/orders/`), or a list of
    /// them. An object is a load of each dataset whose location matches. Default: what the source's definition in the
    /// manifest states.
    #[serde(skip_serializing_if = "StringList::is_empty")]
    pub location: StringList,
    /// What a load runs, in dbt's selection syntax, in place of the default. Default: `source:<dataset>+` for a source,
    /// and `tag:<dataset>+` for a group (for a source too with `loads.by_tag`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<StringList>,
    /// The rule by which a load of this dataset counts as complete. Default: `loads.ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadinessConfig>,
    /// What the deletion of an object of this dataset means: `ignore` or `load`. Default: `loads.on_delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// The shortest time between the starts of two runs of this dataset. Default: `loads.min_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_interval: Option<ConfigDuration>,
    /// Whether the source's table exists in the warehouse already, so that its models need not wait for a first load.
    /// Set it for a table that nothing loads through Landfall. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// dbt macros that the run executes before it builds, in this order. They can copy landed files into the warehouse.
    /// Example: `[{ run-operation: load_accounts }]`. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Operation>,
}

/// One macro that a run executes with [`dbt run-operation`](https://docs.getdbt.com/reference/commands/run-operation).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The macro's name. Example: `load_accounts`.
    #[serde(rename = "run-operation")]
    pub run_operation: String,
    /// The macro's arguments by name. Example: `{ full: false }`. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, serde_json::Value>,
}

/// What the deletion of an object means for its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// A deletion starts no run. The ledger records it.
    #[default]
    Ignore,
    /// A deletion is a load, as if an object had landed. Use it for models that read all objects of a location.
    Load,
}

impl OnDelete {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    pub(crate) fn is_ignore(&self) -> bool {
        *self == Self::Ignore
    }
}
