//! ECS: the call as it stands on the wire, and every way in which `RunTask` says no, or says nothing.

use std::{collections::BTreeMap, time::Duration};

use landfall_aws::{
    Config, Tasks,
    events::parse_task_stopped,
    tasks::{RunTaskOutcome, StartRefusal, StopOutcome},
};
use landfall_engine::ports::TaskStop;
use landfall_planner::{Capacity, RunTaskCall, TaskArn, TaskSettings};
use serde_json::{Value, json};

use crate::stub::{Reply, Request, Stub};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop";
const TASK: &str = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef";

fn task_arn() -> TaskArn {
    TaskArn::parse(TASK).unwrap()
}

fn config() -> Config {
    let lookup = |name: &str| {
        let value = match name {
            "LANDFALL_STACK" | "LANDFALL_STATE_BUCKET" => "shop",
            "LANDFALL_CLUSTER" => CLUSTER,
            "LANDFALL_CONTAINER" => "dbt",
            _ => return None,
        };
        Some(value.to_owned())
    };
    Config::read(lookup).unwrap()
}

async fn tasks(stub: &Stub) -> Tasks {
    stub.clients().await.tasks(&config()).unwrap()
}

fn call() -> RunTaskCall {
    RunTaskCall {
        settings: TaskSettings {
            cluster: CLUSTER.to_owned(),
            task_definition: "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:7".to_owned(),
            container: "dbt".to_owned(),
            subnets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
            security_groups: vec!["sg-1".to_owned()],
            assign_public_ip: false,
            state_bucket: "shop-state".to_owned(),
        },
        client_token: "token-of-attempt-1".to_owned(),
        started_by: "20261122t171417z-9f3a2c1b-0".to_owned(),
        capacity: Capacity::OnDemand,
        environment: BTreeMap::from([
            ("LANDFALL_PLAN".to_owned(), "s3://shop-state/runs/r/plan.json".to_owned()),
            ("LANDFALL_ATTEMPT".to_owned(), "1".to_owned()),
        ]),
    }
}

fn started() -> Reply {
    Reply::json(200, &json!({ "tasks": [{ "taskArn": TASK, "lastStatus": "PROVISIONING" }], "failures": [] }))
}

fn failure(reason: &str) -> Reply {
    Reply::json(200, &json!({ "tasks": [], "failures": [{ "arn": CLUSTER, "reason": reason }] }))
}

async fn run(replies: Vec<Reply>) -> (RunTaskOutcome, Vec<Request>) {
    let stub = Stub::script(replies).await;
    let outcome = tasks(&stub).await.run(&call()).await;
    (outcome, stub.seen())
}

fn refused(outcome: &RunTaskOutcome) -> StartRefusal {
    let RunTaskOutcome::Refused { class, .. } = outcome else { panic!("{outcome:?}") };
    *class
}

#[tokio::test]
async fn the_call_has_exactly_the_plans_parameters() {
    let (outcome, seen) = run(vec![started()]).await;
    assert_eq!(outcome, RunTaskOutcome::Started { task_arn: task_arn() });
    assert_eq!(seen[0].operation(), "RunTask");
    assert_eq!(
        seen[0].json(),
        json!({
            "clientToken": "token-of-attempt-1",
            "cluster": CLUSTER,
            "count": 1,
            "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"
            } },
            "overrides": { "containerOverrides": [{ "name": "dbt", "environment": [
                { "name": "LANDFALL_ATTEMPT", "value": "1" },
                { "name": "LANDFALL_PLAN", "value": "s3://shop-state/runs/r/plan.json" }
            ] }] },
            "propagateTags": "TASK_DEFINITION",
            "startedBy": "20261122t171417z-9f3a2c1b-0",
            "tags": [
                { "key": "landfall:run", "value": "20261122t171417z-9f3a2c1b-0" },
                { "key": "landfall:stack", "value": "shop" }
            ],
            "taskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:7"
        })
    );
}

#[tokio::test]
async fn a_spot_task_is_requested_by_capacity_provider() {
    let stub = Stub::script(vec![started()]).await;
    tasks(&stub).await.run(&RunTaskCall { capacity: Capacity::Spot, ..call() }).await;
    let asked = stub.seen()[0].json();
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0 }]);
    assert_eq!(asked["capacityProviderStrategy"], strategy);
    assert!(asked.get("launchType").is_none(), "ECS takes one or the other: {asked}");
}

/// The failure reasons that ECS documents: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>
#[tokio::test]
async fn each_failure_in_a_reply_with_status_200_has_its_next_step() {
    for (reason, class, calls) in [
        ("RESOURCE:CPU", StartRefusal::Capacity, 1),
        ("RESOURCE:MEMORY", StartRefusal::Capacity, 1),
        ("RESOURCE:ENI", StartRefusal::Capacity, 1),
        ("AGENT", StartRefusal::Capacity, 1),
        ("Capacity is unavailable at this time. Please try again later", StartRefusal::Capacity, 1),
        ("EMPTY CAPACITY PROVIDER", StartRefusal::Capacity, 1),
        ("No Container Instances were found in your cluster.", StartRefusal::Capacity, 1),
        ("You've reached the limit on the number of tasks you can run concurrently", StartRefusal::Capacity, 1),
        ("Rate exceeded", StartRefusal::Throttled, 3),
        ("Request limit exceeded.", StartRefusal::Throttled, 3),
        ("ATTRIBUTE", StartRefusal::Configuration, 1),
        ("LOCATION", StartRefusal::Configuration, 1),
        ("MISSING", StartRefusal::Configuration, 1),
        ("INACTIVE", StartRefusal::Configuration, 1),
        ("MemberOf placement constraint unsatisfied.", StartRefusal::Configuration, 1),
        ("A WORD OF THE FUTURE", StartRefusal::Other, 1),
    ] {
        let (outcome, seen) = run((0..calls).map(|_| failure(reason)).collect()).await;
        assert_eq!((refused(&outcome), seen.len()), (class, calls), "{reason}");
        assert!(
            matches!(&outcome, RunTaskOutcome::Refused { reason: told, .. } if told.contains(reason)),
            "{outcome:?}"
        );
    }
}

/// The errors of `RunTask` that ECS documents: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html#API_RunTask_Errors>
#[tokio::test]
async fn each_error_has_the_next_step_of_its_kind() {
    let vcpus = "You've reached the limit on the number of vCPUs you can run concurrently";
    let subnets = "Error retrieving subnet information for [subnet-1]: Request limit exceeded.";
    let trust =
        "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/shop' that was provided for this task.";
    for (code, message, class, calls) in [
        ("ClientException", vcpus, StartRefusal::Capacity, 1),
        ("ClientException", "Capacity is unavailable at this time.", StartRefusal::Capacity, 1),
        ("ThrottlingException", "Rate exceeded", StartRefusal::Throttled, 3),
        (
            "ClientException",
            "Too many concurrent attempts to create a new task. Rate exceeded",
            StartRefusal::Throttled,
            3,
        ),
        ("InvalidParameterException", subnets, StartRefusal::Throttled, 3),
        (
            "InvalidParameterException",
            "No Fargate configuration exists for given values.",
            StartRefusal::Configuration,
            1,
        ),
        ("ClientException", "TaskDefinition is inactive", StartRefusal::Configuration, 1),
        ("ClientException", trust, StartRefusal::Configuration, 1),
        ("ClusterNotFoundException", "Cluster not found.", StartRefusal::Configuration, 1),
        ("AccessDeniedException", "not authorized to perform: iam:PassRole", StartRefusal::Configuration, 1),
        ("BlockedException", "Your account is currently blocked", StartRefusal::Configuration, 1),
        ("PlatformUnknownException", "the platform version does not exist", StartRefusal::Configuration, 1),
        ("PlatformTaskDefinitionIncompatibilityException", "not on this platform", StartRefusal::Configuration, 1),
        ("UnsupportedFeatureException", "not in this region", StartRefusal::Configuration, 1),
        ("ConflictException", "the token was used, and ECS names no task", StartRefusal::Other, 1),
        ("ExpiredTokenException", "The security token included in the request is expired", StartRefusal::Other, 1),
        ("FutureException", "hm", StartRefusal::Other, 1),
    ] {
        let (outcome, seen) = run((0..calls).map(|_| Reply::error(400, code, message)).collect()).await;
        assert_eq!((refused(&outcome), seen.len()), (class, calls), "{code}: {message}");
        assert!(matches!(&outcome, RunTaskOutcome::Refused { reason, .. } if reason.contains(message)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_fault_of_aws_leaves_the_outcome_unknown_even_if_its_message_mentions_throttling() {
    for (status, message) in
        [(500, "Service Unavailable. Please try again later."), (500, "Rate exceeded"), (503, "busy")]
    {
        let (outcome, seen) = run((0..3).map(|_| Reply::error(status, "ServerException", message)).collect()).await;
        assert!(matches!(&outcome, RunTaskOutcome::Unknown { .. }), "{message}: {outcome:?}");
        assert_eq!(seen.len(), 3, "the identical call may be repeated");
    }
    // By name it is throttling, and nothing was done.
    let busy = || Reply::error(503, "ThrottlingException", "Rate exceeded");
    assert_eq!(refused(&run(vec![busy(), busy(), busy()]).await.0), StartRefusal::Throttled);
}

#[tokio::test]
async fn a_call_that_is_never_answered_may_have_started_the_task() {
    let stub = Stub::script(vec![Reply::Silence, started()]).await;
    let tasks = stub.hasty_clients(Duration::from_millis(300)).await.tasks(&config()).unwrap();
    let outcome = tasks.run(&call()).await;
    assert_eq!(outcome, RunTaskOutcome::Started { task_arn: task_arn() }, "asked again with the same token");
    let seen = stub.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].body, seen[1].body);
    let stub = Stub::script(vec![Reply::Silence, Reply::Silence, Reply::Silence]).await;
    let tasks = stub.hasty_clients(Duration::from_millis(300)).await.tasks(&config()).unwrap();
    let outcome = tasks.run(&call()).await;
    assert!(matches!(outcome, RunTaskOutcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_with_neither_task_nor_failure_is_unknown() {
    let nothing = || Reply::json(200, &json!({ "tasks": [], "failures": [] }));
    let (outcome, seen) = run(vec![nothing(), nothing(), nothing()]).await;
    assert!(matches!(outcome, RunTaskOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn throttling_reported_as_an_invalid_parameter_is_retried() {
    let hidden = || {
        Reply::error(
            400,
            "InvalidParameterException",
            "Error retrieving subnet information for [subnet-1]: Request limit exceeded.",
        )
    };
    let (outcome, seen) = run(vec![hidden(), started()]).await;
    assert!(matches!(outcome, RunTaskOutcome::Started { .. }), "{outcome:?}");
    assert_eq!(seen[0].body, seen[1].body, "the very same call");
    let (outcome, seen) = run(vec![hidden(), hidden(), hidden()]).await;
    assert_eq!((refused(&outcome), seen.len()), (StartRefusal::Throttled, 3));
}

#[tokio::test]
async fn a_token_used_with_other_parameters_gives_the_tasks_that_have_it() {
    let body = json!({ "__type": "ConflictException", "message": "token was used", "resourceIds": [TASK] });
    let (outcome, _) = run(vec![Reply::json(400, &body)]).await;
    assert_eq!(outcome, RunTaskOutcome::Conflict { task_arns: vec![task_arn()] });
}

#[tokio::test]
async fn a_call_with_a_lost_reply_is_repeated_with_the_same_token() {
    for lost in [Reply::Cut, Reply::error(500, "ServerException", "oops")] {
        let (outcome, seen) = run(vec![lost, started()]).await;
        assert_eq!(outcome, RunTaskOutcome::Started { task_arn: task_arn() });
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].body, seen[1].body);
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_reply_leaves_the_outcome_unknown() {
    let (outcome, _) = run(vec![Reply::Cut, Reply::error(400, "AccessDeniedException", "role was taken away")]).await;
    assert!(
        matches!(&outcome, RunTaskOutcome::Unknown { error } if error.contains("role was taken away")),
        "{outcome:?}"
    );
    let (outcome, seen) = run(vec![Reply::Cut, Reply::Cut, Reply::Cut]).await;
    assert!(matches!(outcome, RunTaskOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(seen.len(), 3);
}

/// One stopped task, but for its times: numbers in an answer, texts in an event.
fn stopped_task() -> Value {
    json!({
        "taskArn": TASK, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "version": 5,
        "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
        "startedBy": "20261122t171417z-9f3a2c1b-0",
        "containers": [
            { "name": "sidecar", "exitCode": 0 },
            { "name": "dbt", "exitCode": 1, "reason": "OutOfMemoryError: container killed" }
        ],
        "overrides": { "containerOverrides": [
            { "name": "sidecar" },
            { "name": "dbt", "environment": [
                { "name": "LANDFALL_PLAN", "value": "s3://shop-state/runs/r/plan.json" },
                { "name": "LANDFALL_ATTEMPT", "value": "2" }
            ] }
        ] }
    })
}

#[tokio::test]
async fn a_task_reads_alike_from_a_reply_and_from_an_event() {
    let mut answered = stopped_task();
    answered["createdAt"] = json!(1_795_367_657.25);
    answered["stoppedAt"] = json!(1_795_367_700);
    let stub = Stub::script(vec![Reply::json(200, &json!({ "tasks": [answered], "failures": [] }))]).await;
    let described = tasks(&stub).await.describe(&[task_arn()]).await.unwrap();

    let mut told = stopped_task();
    told["createdAt"] = json!("2026-11-22T17:14:17.25Z");
    told["stoppedAt"] = json!("2026-11-22T17:15:00Z");
    let event = json!({ "id": "e1", "source": "aws.ecs", "detail-type": "ECS Task State Change", "time": "2026-11-22T17:15:01Z", "detail": told });
    let facts = parse_task_stopped(&event, "dbt").unwrap();

    assert_eq!(described.tasks, std::slice::from_ref(&facts));
    assert!(facts.is_stopped());
    assert_eq!((facts.exit_code, facts.attempt, facts.version), (Some(1), Some(2), 5));
    assert_eq!(facts.container_reason.as_deref(), Some("OutOfMemoryError: container killed"));
}

#[tokio::test]
async fn tasks_are_described_in_batches_and_the_missing_kept_apart() {
    let stub = Stub::start(|request| {
        let asked = request.json()["tasks"].as_array().unwrap().clone();
        let failures: Vec<Value> = asked.iter().map(|arn| json!({ "arn": arn, "reason": "MISSING" })).collect();
        Reply::json(200, &json!({ "tasks": [], "failures": failures }))
    })
    .await;
    let arns: Vec<TaskArn> = (0..150).map(|n| TaskArn::parse(format!("{TASK}{n}")).unwrap()).collect();
    let described = tasks(&stub).await.describe(&arns).await.unwrap();
    assert_eq!(described.missing, arns);
    assert!(described.tasks.is_empty() && described.failed.is_empty());
    let sizes: Vec<usize> = stub.seen().iter().map(|it| it.json()["tasks"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 50]);
    assert_eq!(tasks(&stub).await.describe(&[]).await.unwrap().missing.len(), 0);
}

fn stop<'a>(task_arn: &'a TaskArn, reason: &'a str) -> TaskStop<'a> {
    TaskStop { task_arn, reason }
}

#[tokio::test]
async fn stopping_a_task_that_no_longer_exists_succeeds() {
    let stub = Stub::script(vec![
        Reply::json(200, &json!({ "task": { "taskArn": TASK } })),
        Reply::error(400, "InvalidParameterException", "The referenced task was not found."),
        Reply::error(400, "InvalidParameterException", "Invalid identifier"),
    ])
    .await;
    let tasks = tasks(&stub).await;
    assert_eq!(tasks.stop(stop(&task_arn(), &"x".repeat(2000))).await, Ok(StopOutcome::Requested));
    assert_eq!(tasks.stop(stop(&task_arn(), "timed out")).await, Ok(StopOutcome::NotFound));
    assert!(tasks.stop(stop(&task_arn(), "timed out")).await.is_err());
    let seen = stub.seen();
    assert_eq!(seen[0].json()["reason"].as_str().unwrap().len(), 255);
    assert_eq!(seen[1].json(), json!({ "cluster": CLUSTER, "task": TASK, "reason": "timed out" }));
}

#[tokio::test]
async fn a_task_is_described_and_stopped_in_the_cluster_of_its_arn() {
    let other = "arn:aws:ecs:eu-west-1:111122223333:task/old/0123456789abcdef0123456789abcdef";
    let stub = Stub::start(|request| match request.operation() {
        "DescribeTasks" => Reply::json(200, &json!({ "tasks": [], "failures": [] })),
        _ => Reply::json(200, &json!({ "task": { "taskArn": TASK } })),
    })
    .await;
    let tasks = tasks(&stub).await;
    let arns = [task_arn(), TaskArn::parse(other).unwrap()];
    tasks.describe(&arns).await.unwrap();
    tasks.stop(stop(&arns[1], "timed out")).await.unwrap();
    let clusters: Vec<String> = stub
        .seen()
        .iter()
        .map(|call| call.json()["cluster"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(clusters, ["old", "shop", "old"]);
}
