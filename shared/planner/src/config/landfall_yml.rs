//! landfall.yml: which datasets there are, when they count as loaded, what runs by schedule. Unknown keys fail, because a misspelt key that is
//! quietly ignored is a load that quietly never runs.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{ConfigDuration, DatasetName, JobName, LimitsConfig, OnDelete, ReadinessConfig, RunsConfig, StringList};

/// landfall.yml, read and checked by itself; [`crate::compile`](crate::compile()) checks it against the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LandfallYml {
    /// 1.
    pub version: u32,
    /// What holds for every dataset that does not say otherwise.
    #[serde(default)]
    pub loads: LoadsConfig,
    /// By name: `source.table`, or a name of one's own with `select` or the tag of that name.
    #[serde(default)]
    pub datasets: BTreeMap<DatasetName, DatasetConfig>,
    /// Scheduled runs.
    #[serde(default)]
    pub jobs: BTreeMap<JobName, JobConfig>,
    /// What a new release has pending.
    #[serde(default)]
    pub release: ReleaseConfig,
    /// How runs run.
    #[serde(default)]
    pub runs: RunsConfig,
    /// What stops a runaway.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// The rungs of the retry ladder, in order.
    #[serde(default = "default_retry")]
    pub retry: Vec<RetryRule>,
    /// The docs site.
    #[serde(default)]
    pub docs: DocsConfig,
}

/// What holds for every load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LoadsConfig {
    /// A dataset also runs `tag:<dataset>+`.
    pub by_tag: bool,
    /// Never run by a load; dbt's selection syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<StringList>,
    /// When a dataset counts as loaded.
    pub ready: ReadinessConfig,
    /// What the deletion of an object is.
    #[serde(skip_serializing_if = "OnDelete::is_ignore")]
    pub on_delete: OnDelete,
    /// At least so long from one run of a dataset to its next.
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

/// One dataset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DatasetConfig {
    /// A prefix in the landing bucket (`orders/`), or `s3://bucket/prefix/`; one or more.
    #[serde(skip_serializing_if = "StringList::is_empty")]
    pub location: StringList,
    /// Instead of the default selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<StringList>,
    /// Instead of `loads.ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadinessConfig>,
    /// Instead of `loads.on_delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// Instead of `loads.min_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_interval: Option<ConfigDuration>,
    /// What the run does before it builds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Operation>,
}

/// `run-operation: MACRO`, perhaps with `args`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The macro.
    #[serde(rename = "run-operation")]
    pub run_operation: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, serde_json::Value>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// `cron(...)` or `rate(...)` of [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    pub schedule: String,
    /// IANA name; UTC unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// `dbt source freshness` of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<SelectionConfig>,
    /// `dbt test` of these, data tests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SelectionConfig>,
    /// `dbt build` of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<SelectionConfig>,
}

/// What a job selects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelectionConfig {
    /// dbt's selection syntax.
    pub select: StringList,
    /// dbt's selection syntax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<StringList>,
}

/// What a new release has pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseConfig {
    /// Evaluated against the release before.
    pub select: StringList,
    /// What the very first one has pending.
    pub first: FirstRelease,
    /// Above so many nodes an operator approves.
    pub max_nodes: usize,
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        Self { select: StringList(vec!["state:modified+".to_owned()]), first: FirstRelease::Adopt, max_nodes: 50 }
    }
}

/// What the very first release has pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FirstRelease {
    /// Everything.
    Build,
    /// Nothing: relations that exist count as built.
    Adopt,
}

/// A rung of the retry ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryRule {
    /// The task never started, or was lost or stopped before it was done: again, what remains.
    Relaunch,
    /// dbt failed on a node (not on a test): again, once, what failed and what was skipped for it.
    Failed,
    /// An incremental model failed by itself: it is built anew from nothing, once, if it is selected here. Never a snapshot or a seed, nor a model
    /// with `full_refresh: false` or `meta: { landfall: { protected: true } }`, nor after a failing test, a time-out or a denied right.
    FullRefresh(SelectionConfig),
}

fn default_retry() -> Vec<RetryRule> {
    vec![RetryRule::Relaunch, RetryRule::Failed]
}

/// The docs site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DocsConfig {
    /// Whether there is one.
    pub publish: bool,
    /// At least so long from one version to the next.
    pub every: ConfigDuration,
}

impl Default for DocsConfig {
    fn default() -> Self {
        Self { publish: true, every: ConfigDuration(SignedDuration::from_mins(10)) }
    }
}

impl Default for LandfallYml {
    fn default() -> Self {
        Self {
            version: 1,
            loads: LoadsConfig::default(),
            datasets: BTreeMap::new(),
            jobs: BTreeMap::new(),
            release: ReleaseConfig::default(),
            runs: RunsConfig::default(),
            limits: LimitsConfig::default(),
            retry: default_retry(),
            docs: DocsConfig::default(),
        }
    }
}

/// A landfall.yml that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LandfallYmlError {
    /// Not YAML, or not of this shape.
    #[error("landfall.yml: {0}")]
    Unreadable(String),
    /// Another version.
    #[error("landfall.yml has version {0}; this landfall reads version 1")]
    Version(u32),
    /// A rule that YAML's shape does not tell.
    #[error("landfall.yml: {place}: {rule}")]
    Rule {
        /// Where.
        place: String,
        /// What is wrong, and what would be right.
        rule: String,
    },
}

impl LandfallYml {
    /// Reads landfall.yml, already rendered.
    pub fn from_yaml(text: &str) -> Result<Self, LandfallYmlError> {
        let project: Self =
            serde_saphyr::from_str(text).map_err(|error| LandfallYmlError::Unreadable(error.to_string()))?;
        project.check()?;
        Ok(project)
    }

    fn check(&self) -> Result<(), LandfallYmlError> {
        let rule = |place: String, rule: &str| Err(LandfallYmlError::Rule { place, rule: rule.to_owned() });
        if self.version != 1 {
            return Err(LandfallYmlError::Version(self.version));
        }
        if self.runs.max_parallel == 0 {
            return rule("runs.max_parallel".into(), "at least 1, or nothing ever runs");
        }
        if self.runs.timeout.0 < SignedDuration::from_secs(1) {
            return rule("runs.timeout".into(), "at least 1s");
        }
        // An attempt that waits longer than its call may be repeated would be given up for lost.
        if self.runs.drain.0 > SignedDuration::from_mins(30) {
            return rule("runs.drain".into(), "at most 30m");
        }
        for (name, ready) in std::iter::once(("loads.ready".to_owned(), &self.loads.ready)).chain(
            self.datasets
                .iter()
                .filter_map(|(name, d)| d.ready.as_ref().map(|r| (format!("datasets.{name}.ready"), r))),
        ) {
            if let Some(problem) = ready.problem() {
                return rule(name, problem);
            }
        }
        for (name, job) in &self.jobs {
            if job.freshness.is_none() && job.test.is_none() && job.build.is_none() {
                return rule(format!("jobs.{name}"), "does nothing: give freshness, test or build");
            }
            let schedule = job.schedule.trim();
            if !(schedule.starts_with("cron(") || schedule.starts_with("rate(")) || !schedule.ends_with(')') {
                return rule(format!("jobs.{name}.schedule"), "write cron(...) or rate(...)");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
version: 1
loads:
  by_tag: true
  exclude: "tag:nightly"
  ready: { quiet: 60s, at_most: 10m }
  min_interval: 5m
datasets:
  jaffle.raw_orders:
    location: orders/
    select: "tag:orders+"
  crm.accounts: { ready: { event: true }, before: [ { run-operation: load_accounts } ] }
jobs:
  nightly-qa: { schedule: "cron(0 4 * * ? *)", timezone: Australia/Sydney, freshness: { select: "source:*" }, test: { select: "tag:qa" } }
release: { select: "state:modified+", first: adopt, max_nodes: 50 }
runs:    { max_parallel: 2, timeout: 2h, capacity: on_demand }
limits:  { runs_per_day: 200 }
retry:   [relaunch, failed]
docs:    { publish: true, every: 10m }
"#;

    #[test]
    fn the_documented_example_is_read_and_reads_back() {
        let project = LandfallYml::from_yaml(FULL).unwrap();
        assert_eq!(project.loads.ready.quiet, Some(ConfigDuration(SignedDuration::from_secs(60))));
        assert_eq!(project.datasets.len(), 2);
        let again = serde_json::from_str::<LandfallYml>(&serde_json::to_string(&project).unwrap()).unwrap();
        assert_eq!(again, project);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = LandfallYml::from_yaml("version: 1\nloads: { quite: 60s }\n").unwrap_err().to_string();
        assert!(error.contains("quite"), "{error}");
    }

    #[test]
    fn a_wrong_duration_and_two_policies_and_an_idle_job_are_refused() {
        for (yaml, word) in [
            ("version: 1\nloads: { min_interval: soon }", "soon"),
            ("version: 1\nloads: { ready: { quiet: 2s, every_object: true } }", "loads.ready"),
            ("version: 1\njobs: { x: { schedule: 'rate(1 day)' } }", "jobs.x"),
            ("version: 1\njobs: { x: { schedule: 'daily', test: { select: 'a' } } }", "schedule"),
            ("version: 2\n", "version 2"),
        ] {
            let error = LandfallYml::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
