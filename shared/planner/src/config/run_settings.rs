//! landfall.yml's `runs`, `limits` and `retry`: how runs execute, how many, and what follows a failed attempt.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{ConfigDuration, SelectionConfig};

/// How runs execute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RunsConfig {
    /// How many runs may execute at the same time: 1 or more. Default: 2.
    pub max_parallel: usize,
    /// The Fargate capacity of the tasks: `on_demand` or `spot`. Default: `on_demand`.
    pub capacity: Capacity,
    /// The time after which a run's task stops dbt and itself: `1s` or more. Default: `2h`.
    pub timeout: ConfigDuration,
    /// Whether two runs may use the warehouse at the same time: `exclusive` or `shared`. Default: `exclusive` with the
    /// `DuckDB` adapter, because a `DuckDB` file has one writer, and `shared` with every other adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseSharing>,
    /// Whether the project's on-run hooks allow two runs at the same time: `exclusive` or `shared`. Default: `shared`.
    pub hooks: Hooks,
    /// How long the statements of a stopped task may continue in the warehouse: `0s` to `30m`. Until then, no other run
    /// may use the relations of the stopped run. Default: `0s`.
    pub drain: ConfigDuration,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self {
            max_parallel: 2,
            capacity: Capacity::OnDemand,
            timeout: ConfigDuration(SignedDuration::from_hours(2)),
            warehouse: None,
            hooks: Hooks::Shared,
            drain: ConfigDuration(SignedDuration::ZERO),
        }
    }
}

/// The Fargate capacity of the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// Fargate at the list price. AWS does not reclaim it.
    #[default]
    OnDemand,
    /// Fargate Spot for the first attempt of a run. Spot costs less, and AWS may reclaim it with a warning of 2
    /// minutes. Later attempts run on demand.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>
    Spot,
}

/// Whether two runs may use the warehouse at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarehouseSharing {
    /// One run at a time.
    Exclusive,
    /// Runs overlap where neither writes a relation that the other one reads or writes.
    Shared,
}

/// What the project's [on-run hooks](https://docs.getdbt.com/reference/project-configs/on-run-start-on-run-end)
/// (`on-run-start`, `on-run-end`) do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// The hooks write tables. One run at a time.
    Exclusive,
    /// The hooks of two runs do not conflict.
    Shared,
}

/// Limits on the number of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// How many runs Landfall starts within 24 hours. At the limit, new data stays pending until the 24 hours end or a
    /// release raises the limit. Default: 200.
    pub runs_per_day: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { runs_per_day: 200 }
    }
}

/// One rule of `retry`: after which failure Landfall tries again, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryRule {
    /// The task did not start, was lost, or was stopped early. The next attempt runs what remains.
    Relaunch,
    /// dbt failed on a node that is not a test. One more attempt runs the failed nodes and those skipped because of
    /// them.
    Failed,
    /// An incremental model failed. Another run rebuilds it once with `--full-refresh`, if the model is selected here.
    /// Excluded are snapshots, seeds, and models with `full_refresh: false` or `meta: { landfall: { protected: true }
    /// }`. A failed test, a timeout or a denied permission leads to no full refresh.
    FullRefresh(SelectionConfig),
}

impl RetryRule {
    /// The rules of a landfall.yml without the key `retry`.
    pub(super) fn defaults() -> Vec<Self> {
        vec![Self::Relaunch, Self::Failed]
    }
}
