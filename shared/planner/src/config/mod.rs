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
    DatasetConfig, DocsConfig, FirstRelease, JobConfig, JobSelection, LandfallYml, LandfallYmlError, LoadsConfig,
    Operation, ReleaseConfig, RetryRung,
};
pub(crate) use locations::uris;
pub use locations::{KeyPlacement, Location, LocationError, Locations};
pub(crate) use node_meta::Meta;
pub use readiness_policy::{MOST_COUNTED, OnDelete, ReadinessConfig, ReadinessPolicy};
pub use run_settings::{Capacity, Hooks, LimitsConfig, RunsConfig, Warehouse};
pub use values::{ConfigDuration, StringList};
