//! Reading the state of a task from ECS's answers and events.

use jiff::Timestamp;
use landfall_engine::TaskState;
use landfall_planner::{ATTEMPT_VARIABLE, PLAN_VARIABLE, TaskArn};
use serde::Deserialize;

use crate::timestamp;

/// Reads an answer of `DescribeTasks`; none if it names no valid task ARN.
pub(crate) fn of_task(task: &aws_sdk_ecs::types::Task, container: &str) -> Option<TaskState> {
    let ours = task.containers().iter().find(|it| it.name() == Some(container));
    let environment = |name: &str| {
        let overrides = task.overrides()?.container_overrides();
        let ours = overrides.iter().find(|it| it.name() == Some(container))?;
        ours.environment().iter().find(|pair| pair.name() == Some(name))?.value().map(str::to_owned)
    };
    Some(TaskState {
        task_arn: TaskArn::parse(task.task_arn()?).ok()?,
        last_status: task.last_status()?.to_owned(),
        desired_status: task.desired_status().map(str::to_owned),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason().map(str::to_owned),
        exit_code: ours.and_then(aws_sdk_ecs::types::Container::exit_code),
        container_reason: ours.and_then(|it| it.reason()).map(str::to_owned),
        started_by: task.started_by().map(str::to_owned),
        attempt: environment(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()),
        plan: environment(PLAN_VARIABLE),
        created_at: task.created_at().and_then(timestamp),
        stopped_at: task.stopped_at().and_then(timestamp),
        version: task.version(),
    })
}

/// Reads the `detail` of an `ECS Task State Change`.
pub(crate) fn of_event(detail: TaskDetail, container: &str) -> TaskState {
    let ours = detail.containers.into_iter().find(|it| it.name == container);
    let overrides = detail.overrides.unwrap_or_default().container_overrides;
    let environment = overrides.into_iter().find(|it| it.name == container).unwrap_or_default().environment;
    let value = |name: &str| environment.iter().find(|pair| pair.name == name).map(|pair| pair.value.clone());
    TaskState {
        task_arn: detail.task_arn,
        last_status: detail.last_status,
        desired_status: detail.desired_status,
        stop_code: detail.stop_code,
        stopped_reason: detail.stopped_reason,
        exit_code: ours.as_ref().and_then(|it| it.exit_code),
        container_reason: ours.and_then(|it| it.reason),
        started_by: detail.started_by,
        attempt: value(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()),
        plan: value(PLAN_VARIABLE),
        created_at: detail.created_at,
        stopped_at: detail.stopped_at,
        version: detail.version,
    }
}

/// The fields used of the event's `detail`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskDetail {
    task_arn: TaskArn,
    last_status: String,
    desired_status: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    started_by: Option<String>,
    created_at: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
    version: i64,
    #[serde(default)]
    containers: Vec<ContainerDetail>,
    overrides: Option<Overrides>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerDetail {
    #[serde(default)]
    name: String,
    exit_code: Option<i32>,
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<ContainerOverride>,
}

#[derive(Debug, Default, Deserialize)]
struct ContainerOverride {
    #[serde(default)]
    name: String,
    #[serde(default)]
    environment: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}
