//! landfall.yml's `jobs`: runs by schedule.

use serde::{Deserialize, Serialize};

use crate::StringList;

/// One job: a run by schedule. Give at least one of `freshness`, `test` and `build`. They run in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// When the job runs: `cron(...)`, `rate(...)` or `at(...)` of
    /// [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    /// Examples: `cron(0 4 * * ? *)`, `rate(1 day)`.
    pub schedule: String,
    /// The IANA time zone of a `cron(...)` or `at(...)` schedule. Example: `Australia/Sydney`. Default: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The sources that the job checks with `dbt source freshness`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<SelectionConfig>,
    /// The data tests that the job runs with `dbt test`. Unit tests are left out. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SelectionConfig>,
    /// The nodes that the job builds with `dbt build`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<SelectionConfig>,
}

/// A selection of nodes in [dbt's selection syntax](https://docs.getdbt.com/reference/node-selection/syntax).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelectionConfig {
    /// What is selected. Example: `tag:qa`. A list selects the union of its elements.
    pub select: StringList,
    /// What is left out of it. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<StringList>,
}
