//! The environment of a function, read once at start-up. All problems are reported together.

use std::fmt;

use landfall_planner::TaskSettings;

/// The settings that the template passes to a function. A function gets only those that it needs. A method that returns a missing one fails with the
/// name of its variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    stack: String,
    state_bucket: String,
    landing_buckets: Vec<String>,
    docs_bucket: Option<String>,
    loads_queue_url: Option<String>,
    dead_letter_queue_urls: Vec<String>,
    cluster: Option<String>,
    task_definition: Option<String>,
    container: Option<String>,
    subnets: Vec<String>,
    security_groups: Vec<String>,
    assign_public_ip: bool,
    schedule_group: Option<String>,
    on_schedule_arn: Option<String>,
    scheduler_role_arn: Option<String>,
    path_style: bool,
}

/// The group of the job schedules, and the function that they call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// The group that holds the job schedules and nothing else.
    pub group: String,
    /// The ARN of the function `on-schedule`.
    pub target_arn: String,
    /// The role with which the scheduler calls the function.
    pub role_arn: String,
}

/// One problem of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A variable is not set, or empty.
    Missing {
        /// The name of the variable.
        variable: &'static str,
        /// What the variable should hold.
        meaning: &'static str,
    },
    /// A variable has a value of another form.
    Malformed {
        /// The name of the variable.
        variable: &'static str,
        /// The value of the variable.
        text: String,
        /// What the variable should hold.
        meaning: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { variable, meaning } => write!(f, "{variable} is not set (it holds {meaning})"),
            Self::Malformed { variable, text, meaning } => write!(f, "{variable} is {text:?}, but it holds {meaning}"),
        }
    }
}

/// All problems of the environment. The template sets it, so an operator must check the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's environment is not as template.yaml makes it: {}", self.0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    fn missing(variable: &'static str, meaning: &'static str) -> Self {
        Self(vec![Problem::Missing { variable, meaning }])
    }
}

const STACK: &str = "the stack's name";
const STATE_BUCKET: &str = "the name of the state bucket";
const DOCS_BUCKET: &str = "the name of the docs bucket";
const BUCKETS: &str = "names of landing buckets, separated by commas";
const QUEUE: &str = "the URL of the queue of loads";
const CLUSTER: &str = "the ARN of the ECS cluster";
const TASK_DEFINITION: &str = "the ARN of the template's own task definition revision";
const CONTAINER: &str = "the name of the container that runs dbt";
const SUBNETS: &str = "subnet ids, separated by commas";
const GROUP: &str = "the name of the group of job schedules";
const ON_SCHEDULE: &str = "the ARN of the function on-schedule";
const SCHEDULER_ROLE: &str = "the ARN of the role by which the scheduler calls on-schedule";
const BOOLEAN: &str = "true or false";

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// Fails with all problems of the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(variable)
    }

    /// Reads any source of variables. An empty value counts as absent, because a template cannot omit a variable.
    ///
    /// # Errors
    ///
    /// Fails with all problems of the environment.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let endpoint = reader.text("AWS_ENDPOINT_URL").or_else(|| reader.text("AWS_ENDPOINT_URL_S3"));
        let config = Self {
            stack: reader.required("LANDFALL_STACK", STACK),
            state_bucket: reader.required("LANDFALL_STATE_BUCKET", STATE_BUCKET),
            landing_buckets: reader.list("LANDFALL_LANDING_BUCKETS"),
            docs_bucket: reader.text("LANDFALL_DOCS_BUCKET"),
            loads_queue_url: reader.checked("LANDFALL_LOADS_QUEUE_URL", QUEUE, |text| text.starts_with("http")),
            dead_letter_queue_urls: reader.list("LANDFALL_DEAD_LETTER_QUEUE_URLS"),
            cluster: reader.arn("LANDFALL_CLUSTER", CLUSTER),
            task_definition: reader.arn("LANDFALL_TASK_DEFINITION", TASK_DEFINITION),
            container: reader.text("LANDFALL_CONTAINER"),
            subnets: reader.list("LANDFALL_SUBNETS"),
            security_groups: reader.list("LANDFALL_SECURITY_GROUPS"),
            assign_public_ip: reader.flag("LANDFALL_ASSIGN_PUBLIC_IP"),
            schedule_group: reader.text("LANDFALL_SCHEDULE_GROUP"),
            on_schedule_arn: reader.arn("LANDFALL_ON_SCHEDULE_ARN", ON_SCHEDULE),
            scheduler_role_arn: reader.arn("LANDFALL_SCHEDULER_ROLE_ARN", SCHEDULER_ROLE),
            path_style: reader.flag("LANDFALL_S3_PATH_STYLE") || endpoint.is_some(),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError(reader.problems)) }
    }

    /// Returns the stack's name.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// Returns the bucket that holds the board, the plans, the releases and the ledger.
    pub fn state_bucket(&self) -> &str {
        &self.state_bucket
    }

    /// Returns the buckets in which data lands, at least one. Relative locations in landfall.yml are in the first.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn landing_buckets(&self) -> Result<&[String], ConfigError> {
        if self.landing_buckets.is_empty() {
            return Err(ConfigError::missing("LANDFALL_LANDING_BUCKETS", BUCKETS));
        }
        Ok(&self.landing_buckets)
    }

    /// Returns the bucket that holds the docs site.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn docs_bucket(&self) -> Result<&str, ConfigError> {
        require(self.docs_bucket.as_ref(), "LANDFALL_DOCS_BUCKET", DOCS_BUCKET)
    }

    /// Returns the URL of the queue of loads.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn loads_queue_url(&self) -> Result<&str, ConfigError> {
        require(self.loads_queue_url.as_ref(), "LANDFALL_LOADS_QUEUE_URL", QUEUE)
    }

    /// Returns the URLs of the dead-letter queues. Only `on-schedule` has them.
    pub fn dead_letter_queue_urls(&self) -> &[String] {
        &self.dead_letter_queue_urls
    }

    /// Returns the cluster in which tasks run.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn cluster(&self) -> Result<&str, ConfigError> {
        require(self.cluster.as_ref(), "LANDFALL_CLUSTER", CLUSTER)
    }

    /// Returns the template's own revision of the task definition, the base of the revisions that releases pin.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn task_definition(&self) -> Result<&str, ConfigError> {
        require(self.task_definition.as_ref(), "LANDFALL_TASK_DEFINITION", TASK_DEFINITION)
    }

    /// Returns the name of the container whose exit code counts.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set.
    pub fn container(&self) -> Result<&str, ConfigError> {
        require(self.container.as_ref(), "LANDFALL_CONTAINER", CONTAINER)
    }

    /// Returns what a plan says about its task, with the template's own revision. A release's pinned revision replaces it.
    ///
    /// # Errors
    ///
    /// Fails with all missing variables.
    pub fn task_settings(&self) -> Result<TaskSettings, ConfigError> {
        let subnets = match self.subnets.as_slice() {
            [] => Err(ConfigError::missing("LANDFALL_SUBNETS", SUBNETS)),
            subnets => Ok(subnets.to_vec()),
        };
        match (self.cluster(), self.task_definition(), self.container(), subnets) {
            (Ok(cluster), Ok(task_definition), Ok(container), Ok(subnets)) => Ok(TaskSettings {
                cluster: cluster.to_owned(),
                task_definition: task_definition.to_owned(),
                container: container.to_owned(),
                subnets,
                security_groups: self.security_groups.clone(),
                assign_public_ip: self.assign_public_ip,
                state_bucket: self.state_bucket.clone(),
            }),
            (cluster, task_definition, container, subnets) => {
                Err(combine([cluster.err(), task_definition.err(), container.err(), subnets.err()]))
            }
        }
    }

    /// Returns the group of the job schedules, and the function that they call.
    ///
    /// # Errors
    ///
    /// Fails with all missing variables.
    pub fn schedule_settings(&self) -> Result<ScheduleSettings, ConfigError> {
        let group = require(self.schedule_group.as_ref(), "LANDFALL_SCHEDULE_GROUP", GROUP);
        let target = require(self.on_schedule_arn.as_ref(), "LANDFALL_ON_SCHEDULE_ARN", ON_SCHEDULE);
        let role = require(self.scheduler_role_arn.as_ref(), "LANDFALL_SCHEDULER_ROLE_ARN", SCHEDULER_ROLE);
        match (group, target, role) {
            (Ok(group), Ok(target), Ok(role)) => Ok(ScheduleSettings {
                group: group.to_owned(),
                target_arn: target.to_owned(),
                role_arn: role.to_owned(),
            }),
            (group, target, role) => Err(combine([group.err(), target.err(), role.err()])),
        }
    }

    /// Whether S3 is addressed as `endpoint/bucket/key`: emulators and most other stores have no host name for each bucket.
    pub fn path_style(&self) -> bool {
        self.path_style
    }
}

fn require<'a>(
    value: Option<&'a String>,
    variable: &'static str,
    meaning: &'static str,
) -> Result<&'a str, ConfigError> {
    value.map(String::as_str).ok_or_else(|| ConfigError::missing(variable, meaning))
}

fn combine<const N: usize>(errors: [Option<ConfigError>; N]) -> ConfigError {
    ConfigError(errors.into_iter().flatten().flat_map(|error| error.0).collect())
}

/// Returns a variable of the process's environment, unless it is empty or not Unicode.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

struct Reader<L> {
    lookup: L,
    problems: Vec<Problem>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn required(&mut self, variable: &'static str, meaning: &'static str) -> String {
        self.text(variable).unwrap_or_else(|| {
            self.problems.push(Problem::Missing { variable, meaning });
            String::new()
        })
    }

    fn list(&self, variable: &str) -> Vec<String> {
        let text = self.text(variable).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn checked(&mut self, variable: &'static str, meaning: &'static str, ok: fn(&str) -> bool) -> Option<String> {
        let text = self.text(variable)?;
        if ok(&text) {
            return Some(text);
        }
        self.problems.push(Problem::Malformed { variable, text, meaning });
        None
    }

    fn arn(&mut self, variable: &'static str, meaning: &'static str) -> Option<String> {
        self.checked(variable, meaning, |text| text.starts_with("arn:"))
    }

    fn flag(&mut self, variable: &'static str) -> bool {
        self.checked(variable, BOOLEAN, |text| matches!(text, "true" | "false")).is_some_and(|text| text == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    const WHOLE: [(&str, &str); 12] = [
        ("LANDFALL_STACK", "shop"),
        ("LANDFALL_STATE_BUCKET", "shop-state"),
        ("LANDFALL_LANDING_BUCKETS", "shop-landing, other-landing"),
        ("LANDFALL_CLUSTER", "arn:aws:ecs:eu-west-1:111122223333:cluster/shop"),
        ("LANDFALL_TASK_DEFINITION", "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:1"),
        ("LANDFALL_CONTAINER", "dbt"),
        ("LANDFALL_SUBNETS", "subnet-1,subnet-2"),
        ("LANDFALL_SECURITY_GROUPS", ""),
        ("LANDFALL_ASSIGN_PUBLIC_IP", "true"),
        ("LANDFALL_SCHEDULE_GROUP", "shop-jobs"),
        ("LANDFALL_ON_SCHEDULE_ARN", "arn:aws:lambda:eu-west-1:111122223333:function:shop-on-schedule"),
        ("LANDFALL_SCHEDULER_ROLE_ARN", "arn:aws:iam::111122223333:role/shop-scheduler"),
    ];

    #[test]
    fn a_complete_environment_gives_the_settings_of_a_task() {
        let config = Config::read(lookup(&WHOLE)).unwrap();
        let task = config.task_settings().unwrap();
        assert_eq!(task.subnets, ["subnet-1", "subnet-2"]);
        assert_eq!(task.state_bucket, "shop-state");
        assert!(task.assign_public_ip && task.security_groups.is_empty());
        assert_eq!(config.landing_buckets().unwrap(), ["shop-landing", "other-landing"]);
        assert_eq!(config.schedule_settings().unwrap().group, "shop-jobs");
        assert!(config.dead_letter_queue_urls().is_empty(), "only on-schedule has them");
        assert!(!config.path_style());
    }

    #[test]
    fn all_problems_are_reported_together() {
        let wrong = [("LANDFALL_STACK", " "), ("LANDFALL_ASSIGN_PUBLIC_IP", "yes"), ("LANDFALL_CLUSTER", "shop")];
        let error = Config::read(lookup(&wrong)).unwrap_err().to_string();
        for part in
            ["LANDFALL_STACK is not set", "LANDFALL_STATE_BUCKET is not set", "\"yes\"", "LANDFALL_CLUSTER is \"shop\""]
        {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn a_missing_variable_is_named_when_its_value_is_needed() {
        let config = Config::read(lookup(&WHOLE[..2])).unwrap();
        assert_eq!(
            config.docs_bucket().unwrap_err().to_string(),
            "the function's environment is not as template.yaml makes it: LANDFALL_DOCS_BUCKET is not set (it holds the name of the docs bucket)"
        );
        let error = config.task_settings().unwrap_err();
        assert_eq!(error.0.len(), 4, "{error}");
        assert_eq!(config.schedule_settings().unwrap_err().0.len(), 3);
    }

    #[test]
    fn a_custom_endpoint_means_path_style() {
        let mut pairs = WHOLE.to_vec();
        pairs.push(("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"));
        assert!(Config::read(lookup(&pairs)).unwrap().path_style());
    }
}
