//! The functions, and the environment variables that the template sets.

use std::path::Path;

use tokio::process::Command;

/// The names of the functions' crates and binaries.
pub const FUNCTIONS: [&str; 5] = [
    "landfall-on-load",
    "landfall-on-schedule",
    "landfall-on-release",
    "landfall-on-task-stopped",
    "landfall-publish-docs",
];

/// The variables of Lambda and of template.yaml that a function reads, with the names of the samples in `events/`.
const ENVIRONMENT: [(&str, &str); 23] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_SESSION_TOKEN", "test"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_DEFAULT_REGION", "eu-west-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "shop"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("LANDFALL_STACK", "shop"),
    ("LANDFALL_STATE_BUCKET", "shop-statebucket-1a2b3c4d"),
    ("LANDFALL_LANDING_BUCKETS", "shop-landing"),
    ("LANDFALL_DOCS_BUCKET", "shop-docsbucket-1a2b3c4d"),
    ("LANDFALL_LOADS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/shop-LoadsQueue"),
    ("LANDFALL_DEAD_LETTER_QUEUE_URLS", ""),
    ("LANDFALL_CLUSTER", "arn:aws:ecs:eu-west-1:111122223333:cluster/shop-Cluster-AbCdEfGhIjKl"),
    ("LANDFALL_TASK_DEFINITION", "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop-dbt:1"),
    ("LANDFALL_CONTAINER", "dbt"),
    ("LANDFALL_SUBNETS", "subnet-0a1b2c3d4e5f60718,subnet-1a1b2c3d4e5f60718"),
    ("LANDFALL_SECURITY_GROUPS", "sg-0a1b2c3d4e5f60718"),
    ("LANDFALL_ASSIGN_PUBLIC_IP", "true"),
    ("LANDFALL_SCHEDULE_GROUP", "shop-ScheduleGroup-AbCdEfGhIjKl"),
    ("LANDFALL_ON_SCHEDULE_ARN", "arn:aws:lambda:eu-west-1:111122223333:function:shop-OnScheduleFunction"),
    ("LANDFALL_SCHEDULER_ROLE_ARN", "arn:aws:iam::111122223333:role/shop-SchedulerRole"),
];

/// Returns the command of a function as Lambda starts it, without this process's environment. Dropping the child
/// kills it.
pub fn command(program: &Path, runtime_api: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", runtime_api).kill_on_drop(true);
    command
}
