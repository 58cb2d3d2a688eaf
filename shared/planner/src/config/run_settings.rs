//! landfall.yml's `runs` and `limits`: how runs run, and what stops a runaway.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::ConfigDuration;

/// How runs run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RunsConfig {
    /// At most so many at once.
    pub max_parallel: usize,
    /// How tasks are bought.
    pub capacity: Capacity,
    /// A run is stopped after so long.
    pub timeout: ConfigDuration,
    /// `exclusive`: one run at a time (the default for `DuckDB`, whose file has one writer); `shared`: as leases allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseSharing>,
    /// `exclusive`: on-run hooks of the project write tables, so that no two runs may live at once.
    pub hooks: Hooks,
    /// For so long after a task stopped its statements may go on in the warehouse: what it held stays held.
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

/// How tasks are bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// Fargate at its list price, never taken away.
    #[default]
    OnDemand,
    /// A run's first attempt on Fargate Spot, which is cheaper and may be taken away after a warning of two minutes; its other attempts on
    /// demand. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>
    Spot,
}

/// Whether runs may share the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarehouseSharing {
    /// One run at a time.
    Exclusive,
    /// As leases of relations allow.
    Shared,
}

/// What on-run hooks (`on-run-start`, `on-run-end`) do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// They write tables.
    Exclusive,
    /// Nothing that two runs could meet in.
    Shared,
}

/// What stops a runaway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Runs planned in any 24 hours.
    pub runs_per_day: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { runs_per_day: 200 }
    }
}
