//! ECS tasks: start, describe, stop.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_sdk_ecs::{
    config::retry::RetryConfig,
    error::SdkError,
    operation::{
        describe_tasks::DescribeTasksError,
        run_task::{RunTaskError, RunTaskOutput},
    },
    types::{
        AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, KeyValuePair, LaunchType,
        NetworkConfiguration, PropagateTags, Tag, TaskOverride,
    },
};
use landfall_concurrency::Backoff;
use landfall_engine::{DescribeFailure, ports::TaskStop};
use landfall_planner::{Capacity, RunTaskCall, TaskArn};

pub use landfall_engine::{DescribedTasks, RunTaskOutcome, StartRefusal};

use crate::{CallError, Fault, sleep_up_to, task_state};

/// The number of tries of `RunTask` in one invocation. Each is the same call with the same client token.
const TRIES: u32 = 3;
/// The waits between these tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(400), Duration::from_millis(1_600));
/// No try begins later than this after the first: the function has other effects to perform, and the next function makes the same call.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// The number of tasks in one call of `DescribeTasks`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const BATCH: usize = 100;
/// The tag that names the run in the bill and in the console.
const RUN_TAG: &str = "landfall:run";
/// The tag that names the stack. `StopTask` is allowed for the tasks that have it, in any cluster.
const STACK_TAG: &str = "landfall:stack";
/// The capacity provider of the cluster in template.yaml.
const SPOT: &str = "FARGATE_SPOT";

/// The tasks of a stack. Cheap to clone. `RunTask` names the plan's cluster. The other calls name the cluster of the
/// task's ARN, because the stack's cluster may have changed since.
#[derive(Debug, Clone)]
pub struct Tasks {
    ecs: aws_sdk_ecs::Client,
    cluster: String,
    container: String,
    stack: String,
}

/// The outcome of [`Tasks::stop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// ECS stops the task: SIGTERM now, and SIGKILL after the container's `stopTimeout`. The task still runs.
    Requested,
    /// ECS knows no such task.
    NotFound,
}

impl Tasks {
    /// The tasks of this cluster (ARN), in which the container with this name is the one that counts.
    pub(crate) fn new(ecs: aws_sdk_ecs::Client, cluster: &str, container: &str, stack: &str) -> Self {
        Self { ecs, cluster: cluster.to_owned(), container: container.to_owned(), stack: stack.to_owned() }
    }

    /// Returns the cluster to ask about a task. ECS answers `MISSING` for a task of another cluster.
    fn cluster_of(&self, task_arn: &TaskArn) -> String {
        task_arn.cluster().unwrap_or_else(|| self.cluster.clone())
    }

    /// Starts the attempt's task as the plan says. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
    ///
    /// The SDK's retries are off: the SDK does not report that the reply to an earlier try was lost, so a refusal of the last try would be
    /// mistaken for "no task exists". Needs `ecs:RunTask`, `ecs:TagResource` and `iam:PassRole` for the task's two roles.
    pub async fn run(&self, call: &RunTaskCall) -> RunTaskOutcome {
        let (mut lost_a_reply, mut tried, began) = (false, 0, Instant::now());
        loop {
            tried += 1;
            let outcome = match self.run_once(call).await {
                Ok(answer) => of_answer(answer),
                Err(error) => of_error(&error, &call.settings.cluster),
            };
            let again = match &outcome {
                RunTaskOutcome::Started { .. } | RunTaskOutcome::Conflict { .. } => return outcome,
                RunTaskOutcome::Unknown { .. } => {
                    lost_a_reply = true;
                    true
                }
                RunTaskOutcome::Refused { class, .. } => *class == StartRefusal::Throttled,
            };
            if !again || tried >= TRIES || began.elapsed() > TIME_LIMIT {
                return match outcome {
                    RunTaskOutcome::Refused { reason, .. } if lost_a_reply => RunTaskOutcome::Unknown {
                        error: format!("an earlier reply to the same call was lost; then: {reason}"),
                    },
                    outcome => outcome,
                };
            }
            tracing::debug!(run = call.started_by, tried, ?outcome, "RunTask was throttled or its reply was lost");
            sleep_up_to(BACKOFF.limit(tried)).await;
        }
    }

    async fn run_once(&self, call: &RunTaskCall) -> Result<RunTaskOutput, RunTaskFailure> {
        let settings = &call.settings;
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(settings.subnets.clone()))
            .set_security_groups((!settings.security_groups.is_empty()).then(|| settings.security_groups.clone()))
            .assign_public_ip(if settings.assign_public_ip {
                AssignPublicIp::Enabled
            } else {
                AssignPublicIp::Disabled
            })
            .build()
            .map_err(SdkError::construction_failure)?;
        let environment =
            call.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
        let container =
            ContainerOverride::builder().name(&settings.container).set_environment(Some(environment.collect())).build();
        // A launch type and a strategy exclude each other.
        let (launch_type, strategy) = match call.capacity {
            Capacity::OnDemand => (Some(LaunchType::Fargate), None),
            Capacity::Spot => {
                let spot = CapacityProviderStrategyItem::builder().capacity_provider(SPOT).weight(1).build();
                (None, Some(vec![spot.map_err(SdkError::construction_failure)?]))
            }
        };
        self.ecs
            .run_task()
            .cluster(&settings.cluster)
            .task_definition(&settings.task_definition)
            .count(1)
            .set_launch_type(launch_type)
            .set_capacity_provider_strategy(strategy)
            .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build())
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .client_token(&call.client_token)
            .started_by(&call.started_by)
            .propagate_tags(PropagateTags::TaskDefinition)
            .tags(Tag::builder().key(RUN_TAG).value(&call.started_by).build())
            .tags(Tag::builder().key(STACK_TAG).value(&self.stack).build())
            .customize()
            .config_override(aws_sdk_ecs::config::Config::builder().retry_config(RetryConfig::disabled()))
            .send()
            .await
    }

    /// Returns what ECS knows of these tasks. A task without an answer may still run. Needs `ecs:DescribeTasks`.
    ///
    /// # Errors
    ///
    /// Fails if a call fails.
    pub async fn describe(&self, task_arns: &[TaskArn]) -> Result<DescribedTasks, CallError> {
        let mut described = DescribedTasks::default();
        let mut by_cluster: BTreeMap<String, Vec<&TaskArn>> = BTreeMap::new();
        for arn in task_arns {
            by_cluster.entry(self.cluster_of(arn)).or_default().push(arn);
        }
        let batches =
            by_cluster.iter().flat_map(|(cluster, arns)| arns.chunks(BATCH).map(move |batch| (cluster, batch)));
        for (cluster, batch) in batches {
            let answer = self
                .ecs
                .describe_tasks()
                .cluster(cluster)
                .set_tasks(Some(batch.iter().map(ToString::to_string).collect()))
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                // ECS deletes a cluster only if no task runs in it.
                Err(error)
                    if error.as_service_error().is_some_and(DescribeTasksError::is_cluster_not_found_exception) =>
                {
                    described.missing.extend(batch.iter().copied().cloned());
                    continue;
                }
                Err(error) => return Err(CallError::of("ecs:DescribeTasks", cluster, &error)),
            };
            described.tasks.extend(answer.tasks().iter().filter_map(|task| task_state::of_task(task, &self.container)));
            for failure in answer.failures() {
                let task_arn = failure.arn().and_then(|arn| TaskArn::parse(arn).ok());
                match (failure.reason(), task_arn) {
                    (Some("MISSING"), Some(task_arn)) => described.missing.push(task_arn),
                    (reason, task_arn) => described
                        .failed
                        .push(DescribeFailure { task_arn, reason: reason.unwrap_or("no reason given").to_owned() }),
                }
            }
        }
        Ok(described)
    }

    /// Asks ECS to stop a task. The task still runs when this returns. Needs `ecs:StopTask`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails for another reason than a task that ECS does not know.
    pub async fn stop(&self, TaskStop { task_arn, reason }: TaskStop<'_>) -> Result<StopOutcome, CallError> {
        // The longest reason that ECS keeps.
        let reason: String = reason.chars().take(255).collect();
        let sent =
            self.ecs.stop_task().cluster(self.cluster_of(task_arn)).task(task_arn.as_str()).reason(reason).send().await;
        let Err(error) = sent else { return Ok(StopOutcome::Requested) };
        let fault = Fault::of(&error);
        if fault.code.as_deref() == Some("InvalidParameterException") && fault.message.contains("not found") {
            return Ok(StopOutcome::NotFound);
        }
        Err(CallError::new("ecs:StopTask", task_arn.as_str(), fault))
    }
}

type RunTaskFailure = SdkError<RunTaskError, aws_sdk_ecs::config::http::HttpResponse>;

/// Reads an answer with HTTP 200: it holds a task, or the reasons why there is none.
fn of_answer(answer: RunTaskOutput) -> RunTaskOutcome {
    if let Some(task_arn) =
        answer.tasks.unwrap_or_default().into_iter().find_map(|task| TaskArn::parse(task.task_arn?).ok())
    {
        return RunTaskOutcome::Started { task_arn };
    }
    let reasons: Vec<String> = answer
        .failures
        .unwrap_or_default()
        .into_iter()
        .map(|failure| match (failure.reason, failure.detail) {
            (Some(reason), Some(detail)) => format!("{reason} ({detail})"),
            (reason, detail) => reason.or(detail).unwrap_or_else(|| "no reason given".to_owned()),
        })
        .collect();
    if reasons.is_empty() {
        return RunTaskOutcome::Unknown { error: "ECS answered with neither a task nor a failure".to_owned() };
    }
    let reason = reasons.join("; ");
    let class = of_failure(&reason);
    RunTaskOutcome::Refused { class, reason }
}

/// Classifies a reason in `failures[]`. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>
fn of_failure(reason: &str) -> StartRefusal {
    let low = reason.to_lowercase();
    if ["throttl", "rate exceeded", "request limit exceeded", "too many"].iter().any(|phrase| low.contains(phrase)) {
        StartRefusal::Throttled
    } else if ["resource", "agent", "no container instances", "no active instances", "empty capacity provider"]
        .iter()
        .any(|start| low.starts_with(start))
        || names_capacity(&low)
    {
        StartRefusal::Capacity
    } else if ["attribute", "missing", "inactive", "location", "memberof", "access denied", "blocked"]
        .iter()
        .any(|start| low.starts_with(start))
    {
        StartRefusal::Configuration
    } else {
        StartRefusal::Other
    }
}

/// Whether the text names a lack of capacity or a quota, as Fargate words it.
fn names_capacity(low: &str) -> bool {
    ["capacity is unavailable", "insufficient capacity", "no capacity", "limit on the number of"]
        .iter()
        .any(|phrase| low.contains(phrase))
}

fn of_error(error: &RunTaskFailure, cluster: &str) -> RunTaskOutcome {
    if let Some(RunTaskError::ConflictException(conflict)) = error.as_service_error() {
        let task_arns: Vec<TaskArn> = conflict.resource_ids().iter().filter_map(|id| task_arn(id, cluster)).collect();
        if !task_arns.is_empty() {
            return RunTaskOutcome::Conflict { task_arns };
        }
    }
    // Nothing was sent.
    if matches!(error, SdkError::ConstructionFailure(_)) {
        let reason = Fault::of(error).to_string();
        return RunTaskOutcome::Refused { class: StartRefusal::Configuration, reason };
    }
    let fault = Fault::of(error);
    // A 5xx may come after the task was created, even if its message names throttling.
    if fault.is_ambiguous() && !fault.is_named_throttling() {
        return RunTaskOutcome::Unknown { error: fault.to_string() };
    }
    RunTaskOutcome::Refused { class: of_fault(&fault), reason: fault.to_string() }
}

/// Classifies an error of `RunTask`. A quota and Fargate's lack of capacity come as a `ClientException`, throttling by EC2 behind ECS as any code.
fn of_fault(fault: &Fault) -> StartRefusal {
    let code = fault.code.as_deref().unwrap_or_default();
    if names_capacity(&fault.message.to_lowercase()) {
        StartRefusal::Capacity
    } else if fault.is_throttled() {
        StartRefusal::Throttled
    } else if fault.is_denied()
        || matches!(
            code,
            "ClientException"
                | "ClusterNotFoundException"
                | "InvalidParameterException"
                | "PlatformTaskDefinitionIncompatibilityException"
                | "PlatformUnknownException"
                | "UnsupportedFeatureException"
                | "BlockedException"
        )
    {
        StartRefusal::Configuration
    } else {
        StartRefusal::Other
    }
}

/// Completes a bare task id to an ARN: `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
fn task_arn(id: &str, cluster: &str) -> Option<TaskArn> {
    let arn = match cluster.split_once(":cluster/") {
        Some((account, name)) if !id.starts_with("arn:") => format!("{account}:task/{name}/{id}"),
        _ => id.to_owned(),
    };
    TaskArn::parse(arn).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_reason_has_its_next_step() {
        for (reason, class) in [
            ("RESOURCE:MEMORY", StartRefusal::Capacity),
            (
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
                StartRefusal::Capacity,
            ),
            ("MISSING", StartRefusal::Configuration),
            ("ATTRIBUTE", StartRefusal::Configuration),
            ("Rate exceeded", StartRefusal::Throttled),
            ("a new word", StartRefusal::Other),
        ] {
            assert_eq!(of_failure(reason), class, "{reason}");
        }
    }

    #[test]
    fn each_error_has_the_next_step_of_its_kind() {
        for (status, code, message, class) in [
            (
                400,
                "ClientException",
                "You've reached the limit on the number of vCPUs you can run concurrently",
                StartRefusal::Capacity,
            ),
            (
                400,
                "InvalidParameterException",
                "Error retrieving subnets: Request limit exceeded.",
                StartRefusal::Throttled,
            ),
            (400, "ThrottlingException", "Rate exceeded", StartRefusal::Throttled),
            (400, "ClientException", "TaskDefinition is inactive", StartRefusal::Configuration),
            (400, "AccessDeniedException", "no", StartRefusal::Configuration),
            (400, "NewException", "hm", StartRefusal::Other),
        ] {
            let fault = Fault { status: Some(status), code: Some(code.to_owned()), message: message.to_owned() };
            assert_eq!(of_fault(&fault), class, "{fault}");
        }
    }

    #[test]
    fn a_bare_task_id_becomes_the_tasks_arn() {
        let cluster = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop";
        let arn = TaskArn::parse("arn:aws:ecs:eu-west-1:111122223333:task/shop/0123").unwrap();
        assert_eq!(task_arn("0123", cluster), Some(arn.clone()));
        assert_eq!(task_arn(arn.as_str(), cluster), Some(arn));
    }
}
