//! landfall.yml and the `meta` of dbt nodes: datasets and their locations, readiness policies, jobs, run settings.

mod dataset_settings;
mod job_settings;
#[cfg(test)]
mod json_schema;
mod key_pattern;
mod landfall_yml;
mod location;
mod location_lookup;
mod node_meta;
mod readiness_policy;
#[cfg(test)]
mod reference_page;
mod release_settings;
mod run_settings;
mod schedule_expression;
mod time_zones;
mod yaml_values;

pub use dataset_settings::{DatasetConfig, LoadsConfig, OnDelete, Operation};
pub use job_settings::{JobConfig, SelectionConfig};
pub use key_pattern::{GlobSyntax, KeyPattern};
pub use landfall_yml::{DocsConfig, LandfallYml, LandfallYmlError};
pub(crate) use location::s3_uris;
pub use location::{Location, LocationError, ObjectAddress};
pub use location_lookup::{KeyPlacement, Locations, NearestLocation};
pub(crate) use node_meta::NodeMeta;
pub use readiness_policy::{MAX_COUNT, ReadinessConfig, ReadinessPolicy};
pub use release_settings::{FirstRelease, ReleaseConfig};
pub use run_settings::{Capacity, Hooks, LimitsConfig, RetryRule, RunsConfig, WarehouseSharing};
pub use schedule_expression::{
    ScheduleProblem, check_flexible_window, check_schedule_expression, check_schedule_name, check_time_zone,
};
pub use yaml_values::{ConfigDuration, StringList};
