//! ECS: the call as it stands on the wire, and every way in which `RunTask` says no, or says nothing.

use std::collections::BTreeMap;

use landfall_cloud::{
    Config, Tasks,
    events::parse_task_stopped,
    tasks::{Refusal, RunOutcome, Stopping},
};
use landfall_pipeline::{RunTaskCall, TaskSettings};
use serde_json::{Value, json};

use crate::stub::{Reply, Request, Stub};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop";
const TASK: &str = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef";

async fn tasks(stub: &Stub) -> Tasks {
    let lookup = |name: &str| {
        let value = match name {
            "LANDFALL_STACK" | "LANDFALL_STATE_BUCKET" => "shop",
            "LANDFALL_CLUSTER" => CLUSTER,
            "LANDFALL_CONTAINER" => "dbt",
            _ => return None,
        };
        Some(value.to_owned())
    };
    stub.clients().await.tasks(&Config::read(lookup).unwrap()).unwrap()
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

async fn run(replies: Vec<Reply>) -> (RunOutcome, Vec<Request>) {
    let stub = Stub::script(replies).await;
    let outcome = tasks(&stub).await.run(&call()).await;
    (outcome, stub.seen())
}

fn refused(outcome: &RunOutcome) -> Refusal {
    let RunOutcome::Refused { class, .. } = outcome else { panic!("{outcome:?}") };
    *class
}

#[tokio::test]
async fn the_call_is_exactly_the_plans() {
    let (outcome, seen) = run(vec![started()]).await;
    assert_eq!(outcome, RunOutcome::Started { task_arn: TASK.to_owned() });
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
            "tags": [{ "key": "landfall:run", "value": "20261122t171417z-9f3a2c1b-0" }],
            "taskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:7"
        })
    );
}

#[tokio::test]
async fn a_failure_inside_an_answer_with_200_is_a_refusal() {
    let (outcome, seen) = run(vec![failure("Capacity is unavailable at this time. Please try again later")]).await;
    assert_eq!(refused(&outcome), Refusal::Capacity);
    assert_eq!(seen.len(), 1);
    assert_eq!(refused(&run(vec![failure("RESOURCE:CPU")]).await.0), Refusal::Capacity);
}

#[tokio::test]
async fn an_answer_with_neither_task_nor_failure_is_unknown() {
    let nothing = || Reply::json(200, &json!({ "tasks": [], "failures": [] }));
    let (outcome, seen) = run(vec![nothing(), nothing(), nothing()]).await;
    assert!(matches!(outcome, RunOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn throttling_in_the_words_of_an_invalid_parameter_is_tried_again() {
    let hidden = || {
        Reply::error(
            400,
            "InvalidParameterException",
            "Error retrieving subnet information for [subnet-1]: Request limit exceeded.",
        )
    };
    let (outcome, seen) = run(vec![hidden(), started()]).await;
    assert!(matches!(outcome, RunOutcome::Started { .. }), "{outcome:?}");
    assert_eq!(seen[0].body, seen[1].body, "the very same call");
    let (outcome, seen) = run(vec![hidden(), hidden(), hidden()]).await;
    assert_eq!((refused(&outcome), seen.len()), (Refusal::Throttled, 3));
}

#[tokio::test]
async fn a_call_that_never_can_succeed_is_made_once() {
    for (code, message) in [
        ("InvalidParameterException", "No Fargate configuration exists for given values."),
        ("ClientException", "TaskDefinition is inactive"),
        ("ClusterNotFoundException", "Cluster not found."),
        ("AccessDeniedException", "not authorized to perform: iam:PassRole"),
    ] {
        let (outcome, seen) = run(vec![Reply::error(400, code, message)]).await;
        assert_eq!((refused(&outcome), seen.len()), (Refusal::Configuration, 1), "{code}");
        assert!(matches!(&outcome, RunOutcome::Refused { reason, .. } if reason.contains(message)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_token_used_with_other_parameters_gives_the_tasks_that_bear_it() {
    let body = json!({ "__type": "ConflictException", "message": "token was used", "resourceIds": [TASK] });
    let (outcome, _) = run(vec![Reply::json(400, &body)]).await;
    assert_eq!(outcome, RunOutcome::Conflict { task_arns: vec![TASK.to_owned()] });
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_with_the_same_token() {
    for lost in [Reply::Cut, Reply::error(500, "ServerException", "oops")] {
        let (outcome, seen) = run(vec![lost, started()]).await;
        assert_eq!(outcome, RunOutcome::Started { task_arn: TASK.to_owned() });
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].body, seen[1].body);
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_reply_proves_nothing() {
    let (outcome, _) = run(vec![Reply::Cut, Reply::error(400, "AccessDeniedException", "role was taken away")]).await;
    assert!(matches!(&outcome, RunOutcome::Unknown { error } if error.contains("role was taken away")), "{outcome:?}");
    let (outcome, seen) = run(vec![Reply::Cut, Reply::Cut, Reply::Cut]).await;
    assert!(matches!(outcome, RunOutcome::Unknown { .. }), "{outcome:?}");
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
async fn a_task_is_the_same_told_by_an_answer_or_by_an_event() {
    let mut answered = stopped_task();
    answered["createdAt"] = json!(1_795_367_657.25);
    answered["stoppedAt"] = json!(1_795_367_700);
    let stub = Stub::script(vec![Reply::json(200, &json!({ "tasks": [answered], "failures": [] }))]).await;
    let described = tasks(&stub).await.describe(&[TASK.to_owned()]).await.unwrap();

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
    let arns: Vec<String> = (0..150).map(|n| format!("{TASK}{n}")).collect();
    let described = tasks(&stub).await.describe(&arns).await.unwrap();
    assert_eq!(described.missing, arns);
    assert!(described.tasks.is_empty() && described.failed.is_empty());
    let sizes: Vec<usize> = stub.seen().iter().map(|it| it.json()["tasks"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 50]);
    assert_eq!(tasks(&stub).await.describe(&[]).await.unwrap().missing.len(), 0);
}

#[tokio::test]
async fn a_task_that_is_gone_needs_no_stopping() {
    let stub = Stub::script(vec![
        Reply::json(200, &json!({ "task": { "taskArn": TASK } })),
        Reply::error(400, "InvalidParameterException", "The referenced task was not found."),
        Reply::error(400, "InvalidParameterException", "Invalid identifier"),
    ])
    .await;
    let tasks = tasks(&stub).await;
    assert_eq!(tasks.stop(TASK, &"x".repeat(2000)).await, Ok(Stopping::Asked));
    assert_eq!(tasks.stop(TASK, "timed out").await, Ok(Stopping::NotFound));
    assert!(tasks.stop(TASK, "timed out").await.is_err());
    let seen = stub.seen();
    assert_eq!(seen[0].json()["reason"].as_str().unwrap().len(), 255);
    assert_eq!(seen[1].json(), json!({ "cluster": CLUSTER, "task": TASK, "reason": "timed out" }));
}
