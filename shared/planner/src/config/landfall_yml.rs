//! landfall.yml as a whole: its sections, and the rules that YAML's shape does not express. Unknown keys are errors,
//! because a misspelt key that is ignored is a load that never runs.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigDuration, DatasetConfig, DatasetName, JobConfig, JobName, LimitsConfig, LoadsConfig, ReleaseConfig,
    RetryRule, RunsConfig,
};

/// The settings of a dbt project for Landfall: the file `landfall.yml` beside `dbt_project.yml`. Only `version` is
/// required.
// The doc comments of these types are the descriptions of landfall.schema.json, which editors show to users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LandfallYml {
    /// The version of this file's format: always 1.
    pub version: u32,
    /// Settings of every dataset. The settings of one dataset take precedence.
    #[serde(default)]
    pub loads: LoadsConfig,
    /// Datasets by name. `source.table` names a dbt source table. Another name is a group of your own, which needs
    /// `select` or nodes with that name as a tag. A source whose definition states its location needs no entry.
    #[serde(default)]
    pub datasets: BTreeMap<DatasetName, DatasetConfig>,
    /// Runs by schedule, by name. A name has 1 to 40 letters, digits, `-` or `_`.
    #[serde(default)]
    pub jobs: BTreeMap<JobName, JobConfig>,
    /// What a new release runs, apart from loads.
    #[serde(default)]
    pub release: ReleaseConfig,
    /// How runs execute.
    #[serde(default)]
    pub runs: RunsConfig,
    /// Limits on the number of runs.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What Landfall does about a failed attempt. A run has at most 4 attempts. `[]` turns retries off.
    /// Default: `[relaunch, failed]`.
    #[serde(default = "RetryRule::defaults")]
    pub retry: Vec<RetryRule>,
    /// The website with the project's dbt docs.
    #[serde(default)]
    pub docs: DocsConfig,
}

/// The website with the project's dbt docs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DocsConfig {
    /// Whether runs generate docs and Landfall publishes them. Default: `true`.
    pub publish: bool,
    /// The shortest time between two versions of the site. Default: `10m`.
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
            retry: RetryRule::defaults(),
            docs: DocsConfig::default(),
        }
    }
}

/// A landfall.yml that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LandfallYmlError {
    /// The text is not YAML, or has a missing, unknown or malformed key.
    #[error("landfall.yml: {0}")]
    Unreadable(String),
    /// The file's format has another version.
    #[error("landfall.yml: version is {0}, but this Landfall reads version 1: write `version: 1`")]
    Version(u32),
    /// A value breaks a rule that YAML's shape does not express.
    #[error("landfall.yml: {key}: {problem}")]
    InvalidValue {
        /// The key's path, such as `runs.max_parallel`.
        key: String,
        /// What is wrong, and which values are valid.
        problem: String,
    },
}

impl LandfallYml {
    /// Reads the text of landfall.yml after its `{{ env_var(...) }}` calls were rendered. [`compile`](crate::compile())
    /// checks the result against the manifest.
    ///
    /// # Errors
    ///
    /// Fails if the text is not YAML, if a key is unknown or missing, or if a value is out of range.
    pub fn from_yaml(text: &str) -> Result<Self, LandfallYmlError> {
        let project: Self =
            serde_saphyr::from_str(text).map_err(|error| LandfallYmlError::Unreadable(error.to_string()))?;
        project.validate()?;
        Ok(project)
    }

    fn validate(&self) -> Result<(), LandfallYmlError> {
        let invalid =
            |key: String, problem: &str| Err(LandfallYmlError::InvalidValue { key, problem: problem.to_owned() });
        if self.version != 1 {
            return Err(LandfallYmlError::Version(self.version));
        }
        if self.runs.max_parallel == 0 {
            return invalid("runs.max_parallel".into(), "0 is too small, no run would ever start: give 1 or more");
        }
        if self.runs.timeout.0 < SignedDuration::from_secs(1) {
            return invalid("runs.timeout".into(), "too short: give 1s or more");
        }
        // Waiting out the drain must not outlast the time in which the RunTask call may be repeated: the attempt would
        // count as lost.
        if self.runs.drain.0 > SignedDuration::from_mins(30) {
            return invalid("runs.drain".into(), "too long: give 30m or less");
        }
        let datasets = self.datasets.iter();
        let own =
            datasets.filter_map(|(name, config)| Some((format!("datasets.{name}.ready"), config.ready.as_ref()?)));
        for (key, ready) in std::iter::once(("loads.ready".to_owned(), &self.loads.ready)).chain(own) {
            if let Some(problem) = ready.problem() {
                return invalid(key, problem);
            }
        }
        for (name, job) in &self.jobs {
            if job.freshness.is_none() && job.test.is_none() && job.build.is_none() {
                return invalid(format!("jobs.{name}"), "the job does nothing: give freshness, test or build");
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
    fn a_file_with_every_section_survives_serialization() {
        let project = LandfallYml::from_yaml(FULL).unwrap();
        assert_eq!(project.loads.ready.quiet, Some(ConfigDuration(SignedDuration::from_secs(60))));
        assert_eq!(project.datasets.len(), 2);
        let again = serde_json::from_str::<LandfallYml>(&serde_json::to_string(&project).unwrap()).unwrap();
        assert_eq!(again, project);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = LandfallYml::from_yaml("version: 1\nloads: { quite: 60s }\n").unwrap_err().to_string();
        assert!(error.contains("quite"), "{error}");
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_place() {
        for (yaml, word) in [
            ("version: 1\nloads: { min_interval: soon }", "soon"),
            ("version: 1\nloads: { ready: { quiet: 2s, every_object: true } }", "loads.ready"),
            ("version: 1\njobs: { x: { schedule: 'rate(1 day)' } }", "jobs.x"),
            ("version: 1\nruns: { max_parallel: 0 }", "runs.max_parallel"),
            ("version: 1\nruns: { drain: 31m }", "runs.drain"),
            ("version: 2\n", "version is 2"),
        ] {
            let error = LandfallYml::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
