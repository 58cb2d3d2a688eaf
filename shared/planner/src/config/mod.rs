//! landfall.yml and the `meta` of dbt nodes: datasets and their locations, readiness policies, jobs, run settings.

#[cfg(test)]
mod json_schema;
mod landfall_yml;
mod locations;
mod node_meta;
mod readiness_policy;
mod run_settings;
mod values;

pub use landfall_yml::{
    DatasetConfig, DocsConfig, FirstRelease, JobConfig, LandfallYml, LandfallYmlError, LoadsConfig, Operation,
    ReleaseConfig, RetryRule, SelectionConfig,
};
pub(crate) use locations::s3_uris;
pub use locations::{KeyPlacement, Location, LocationError, Locations};
pub(crate) use node_meta::NodeMeta;
pub use readiness_policy::{MAX_COUNT, OnDelete, ReadinessConfig, ReadinessPolicy};
pub use run_settings::{Capacity, Hooks, LimitsConfig, RunsConfig, WarehouseSharing};
pub use values::{ConfigDuration, StringList};
