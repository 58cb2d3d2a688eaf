//! The configuration of the task: environment variables, read once at the start.

use std::{path::PathBuf, time::Duration};

use landfall_planner::{ATTEMPT_VARIABLE, PLAN_VARIABLE, Plan, RunId};

use crate::redactor::Redactor;

/// The most seconds that dbt may get to stop. Fargate's `stopTimeout` is at most 120 s, and the uploads after dbt's
/// end need some of it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout>
const MAX_STOP_SECONDS: u64 = 110;

/// The configuration of one task.
#[derive(Debug, Clone)]
pub struct Config {
    /// `LANDFALL_PLAN`: the address of plan.json.
    pub plan: PlanAddress,
    /// `LANDFALL_ATTEMPT`: the number of the attempt, from 1.
    pub attempt: u32,
    /// `ECS_CONTAINER_METADATA_URI_V4`: the task metadata endpoint, set by ECS.
    pub metadata_uri: String,
    /// `LANDFALL_PROJECT_DIR` (default `/project`): the folder of `dbt_project.yml`, and dbt's working directory.
    pub project_dir: PathBuf,
    /// `LANDFALL_DBT` (default `dbt`): the program to run.
    pub dbt: PathBuf,
    /// `LANDFALL_WORK_DIR`: an existing folder for working files. Each attempt creates a subfolder and keeps it. The
    /// default is a temporary folder that is deleted at the end.
    pub work_dir: Option<PathBuf>,
    /// `LANDFALL_STOP_SECONDS` (1 to 110, default 25): the time in which dbt must cancel its queries before it is
    /// killed. It must be some seconds less than `stopTimeout` of the task definition.
    pub stop_after: Duration,
    /// `DBT_STATE`: the folder of the manifest to which dbt defers, below the project's folder unless absolute.
    pub state: Option<PathBuf>,
    /// Whether S3 addresses have the bucket in the path: with `LANDFALL_S3_PATH_STYLE=true`, `AWS_ENDPOINT_URL` or
    /// `AWS_ENDPOINT_URL_S3`.
    pub path_style: bool,
    /// Removes the secrets of the environment from printed and stored text.
    pub redactor: Redactor,
}

/// The address of a plan: `s3://bucket/runs/<run_id>/plan.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanAddress {
    /// The state bucket.
    pub bucket: String,
    /// The run that the key names.
    pub run: RunId,
}

impl PlanAddress {
    /// Parses `s3://bucket/runs/<run_id>/plan.json`. Returns `None` for any other text.
    pub fn parse(address: &str) -> Option<Self> {
        let (bucket, key) = address.strip_prefix("s3://")?.split_once('/')?;
        let run = RunId::parse(key.strip_prefix("runs/")?.strip_suffix("/plan.json")?).ok()?;
        (!bucket.is_empty() && Plan::key(&run) == key).then(|| Self { bucket: bucket.to_owned(), run })
    }
}

/// The environment variables are missing or invalid. Names every variable that is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid environment: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// Fails if a required variable is missing, or a variable is out of its range.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(std::env::vars_os().filter_map(|(name, value)| {
            // Landfall's variables are UTF-8. dbt inherits the others all the same.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Reads the given variables. An empty value counts as absent.
    ///
    /// # Errors
    ///
    /// Fails if a required variable is missing, or a variable is out of its range.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
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
        let stop_seconds = stop_seconds.filter(|seconds| (1..=MAX_STOP_SECONDS).contains(seconds));
        if stop_seconds.is_none() {
            wrong.push(format!("LANDFALL_STOP_SECONDS must be a whole number from 1 to {MAX_STOP_SECONDS}"));
        }
        let (Some(plan), Some(attempt), Some(metadata_uri), Some(stop_seconds)) =
            (plan, attempt, metadata_uri, stop_seconds)
        else {
            return Err(ConfigError(wrong));
        };
        let project_dir = PathBuf::from(get("LANDFALL_PROJECT_DIR").unwrap_or("/project"));
        Ok(Self {
            plan,
            attempt,
            metadata_uri: metadata_uri.to_owned(),
            state: get("DBT_STATE").map(|state| project_dir.join(state)),
            project_dir,
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

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_empty_environment_is_refused_with_every_missing_variable() {
        let error = read(&[]).unwrap_err().to_string();
        for name in [PLAN_VARIABLE, ATTEMPT_VARIABLE, "ECS_CONTAINER_METADATA_URI_V4"] {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn optional_variables_have_the_defaults_of_the_image() {
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
    fn an_address_outside_a_runs_folder_is_no_plan() {
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
