//! The environment, read once at the start.

use std::{path::PathBuf, time::Duration};

use landfall_planner::{ATTEMPT_VARIABLE, PLAN_VARIABLE, Plan, RunId};

use crate::redact::Redactor;

/// `stopTimeout` of a Fargate task is at most 120 s, and after dbt's end there are uploads to do.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout>
const LONGEST_STOP: u64 = 110;

/// What the container is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// `LANDFALL_PLAN`: where plan.json lies.
    pub plan: PlanAddress,
    /// `LANDFALL_ATTEMPT`: which attempt this task is for; 1 is the first.
    pub attempt: u32,
    /// `ECS_CONTAINER_METADATA_URI_V4`, set by ECS.
    pub metadata_uri: String,
    /// `LANDFALL_PROJECT_DIR` (default `/project`): where `dbt_project.yml` lies; dbt's working directory.
    pub project_dir: PathBuf,
    /// `LANDFALL_DBT` (default `dbt`): the program to run.
    pub dbt: PathBuf,
    /// `LANDFALL_WORK_DIR`: an existing folder for working files; each attempt makes a folder of its own in it and leaves it there. Without it a
    /// temporary one that goes with the task.
    pub work_dir: Option<PathBuf>,
    /// `LANDFALL_STOP_SECONDS` (default 25, at most 110): how long dbt may take to cancel its queries before it is killed. It must stay some
    /// seconds below the task definition's `stopTimeout`.
    pub stop_after: Duration,
    /// `LANDFALL_S3_PATH_STYLE=true`, or an endpoint of one's own (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`).
    pub path_style: bool,
    /// Values of the environment that look like secrets, to be struck out of what is printed and kept.
    pub redactor: Redactor,
}

/// `s3://bucket/runs/<run_id>/plan.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanAddress {
    /// The state bucket.
    pub bucket: String,
    /// The run, as the key names it.
    pub run: RunId,
}

impl PlanAddress {
    /// Takes `s3://bucket/runs/<run_id>/plan.json` apart; `None` for anything else.
    pub fn parse(address: &str) -> Option<Self> {
        let (bucket, key) = address.strip_prefix("s3://")?.split_once('/')?;
        let run = RunId::parse(key.strip_prefix("runs/")?.strip_suffix("/plan.json")?).ok()?;
        (!bucket.is_empty() && Plan::key(&run) == key).then(|| Self { bucket: bucket.to_owned(), run })
    }
}

/// An environment that does not say what to do; names everything that is wrong with it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment does not say what to run: {}", .0.join("; "))]
pub struct BadConfig(Vec<String>);

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, BadConfig> {
        Self::from_variables(std::env::vars_os().filter_map(|(name, value)| {
            // What is not UTF-8 is none of our names, and dbt gets it all the same.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Reads these variables; an empty value counts as absent.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadConfig> {
        let variables: std::collections::BTreeMap<String, String> =
            variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let get = |name: &str| variables.get(name).map(String::as_str);
        let mut wrong = Vec::new();

        let plan = get(PLAN_VARIABLE).and_then(PlanAddress::parse);
        if plan.is_none() {
            wrong.push(format!("{PLAN_VARIABLE} must be s3://BUCKET/runs/RUN_ID/plan.json"));
        }
        let attempt = get(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()).filter(|attempt| *attempt >= 1);
        if attempt.is_none() {
            wrong.push(format!("{ATTEMPT_VARIABLE} must be a whole number from 1"));
        }
        let metadata_uri = get("ECS_CONTAINER_METADATA_URI_V4").filter(|uri| uri.starts_with("http://"));
        if metadata_uri.is_none() {
            wrong.push("ECS_CONTAINER_METADATA_URI_V4 must be an http:// address, as ECS sets it".to_owned());
        }
        let stop_seconds = get("LANDFALL_STOP_SECONDS").map_or(Some(25), |text| text.parse().ok());
        let stop_seconds = stop_seconds.filter(|seconds| (1..=LONGEST_STOP).contains(seconds));
        if stop_seconds.is_none() {
            wrong.push(format!("LANDFALL_STOP_SECONDS must be a whole number from 1 to {LONGEST_STOP}"));
        }
        let (Some(plan), Some(attempt), Some(metadata_uri), Some(stop_seconds)) =
            (plan, attempt, metadata_uri, stop_seconds)
        else {
            return Err(BadConfig(wrong));
        };
        Ok(Self {
            plan,
            attempt,
            metadata_uri: metadata_uri.to_owned(),
            project_dir: get("LANDFALL_PROJECT_DIR").unwrap_or("/project").into(),
            dbt: get("LANDFALL_DBT").unwrap_or("dbt").into(),
            work_dir: get("LANDFALL_WORK_DIR").map(PathBuf::from),
            stop_after: Duration::from_secs(stop_seconds),
            path_style: get("LANDFALL_S3_PATH_STYLE") == Some("true")
                || get("AWS_ENDPOINT_URL").is_some()
                || get("AWS_ENDPOINT_URL_S3").is_some(),
            redactor: Redactor::new(&variables),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, BadConfig> {
        Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_empty_environment_names_all_that_is_missing() {
        let error = read(&[]).unwrap_err().to_string();
        for name in [PLAN_VARIABLE, ATTEMPT_VARIABLE, "ECS_CONTAINER_METADATA_URI_V4"] {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn defaults_suit_the_image() {
        let config = read(&[
            (PLAN_VARIABLE, "s3://state/runs/r-1/plan.json"),
            (ATTEMPT_VARIABLE, "2"),
            ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/x"),
        ])
        .unwrap();
        assert_eq!(config.project_dir, PathBuf::from("/project"));
        assert_eq!(config.stop_after, Duration::from_secs(25));
        assert!(!config.path_style);
        assert_eq!(config.plan.run.as_str(), "r-1");
    }

    #[test]
    fn a_plan_lies_nowhere_but_in_its_runs_folder() {
        for address in [
            "s3://b/plan.json",
            "s3:///runs/r/plan.json",
            "b/runs/r/plan.json",
            "s3://b/runs/../plan.json",
            "s3://b/runs/a/b/plan.json",
        ] {
            assert_eq!(PlanAddress::parse(address), None, "{address}");
        }
    }
}
