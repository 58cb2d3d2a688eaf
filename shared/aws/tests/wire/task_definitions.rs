//! Pinning an image.

use landfall_aws::task_definitions::PinError;
use serde_json::{Value, json};

use crate::stub::{Reply, Request, Stub};

const FAMILY: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop";

/// A revision as ECS describes it, with all that it adds itself.
fn described(revision: u32, image: &str, cpu: &str) -> Value {
    json!({
        "taskDefinition": {
            "taskDefinitionArn": format!("{FAMILY}:{revision}"), "revision": revision, "status": "ACTIVE",
            "registeredAt": 1_795_367_657, "registeredBy": "arn:aws:iam::111122223333:root",
            "compatibilities": ["EC2", "FARGATE"], "requiresAttributes": [{ "name": "ecs.capability.task-eni" }],
            "family": "shop", "cpu": cpu, "memory": "2048", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "volumes": [], "placementConstraints": [],
            "taskRoleArn": "arn:aws:iam::111122223333:role/task", "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
            "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
            "ephemeralStorage": { "sizeInGiB": 30 },
            "containerDefinitions": [
                { "name": "dbt", "image": image, "cpu": 0, "essential": true, "stopTimeout": 110,
                  "environment": [{ "name": "DBT_TARGET", "value": "prod" }],
                  "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "shop" } } },
                { "name": "sidecar", "image": "sidecar:1", "cpu": 0, "essential": false }
            ]
        },
        "tags": [{ "key": "team", "value": "data" }, { "key": "aws:cloudformation:stack-name", "value": "shop" }]
    })
}

async fn pin(base: Value, newest: Value, container: &str) -> (Result<String, PinError>, Vec<Request>) {
    let stub = Stub::start(move |request| match request.operation() {
        "DescribeTaskDefinition" if request.json()["taskDefinition"] == "shop" => Reply::json(200, &newest),
        "DescribeTaskDefinition" => Reply::json(200, &base),
        "RegisterTaskDefinition" => {
            Reply::json(200, &json!({ "taskDefinition": { "taskDefinitionArn": format!("{FAMILY}:9") } }))
        }
        other => Reply::error(400, "Unexpected", other),
    })
    .await;
    let pinned =
        stub.clients().await.task_definitions().pin(&format!("{FAMILY}:3"), container, "repo@sha256:new").await;
    (pinned, stub.seen())
}

#[tokio::test]
async fn a_new_image_becomes_a_revision_that_equals_the_base_otherwise() {
    let (pinned, seen) = pin(described(3, "repo:old", "512"), described(4, "repo@sha256:before", "512"), "dbt").await;
    assert_eq!(pinned, Ok(format!("{FAMILY}:9")));
    let registered = seen.iter().find(|it| it.operation() == "RegisterTaskDefinition").unwrap().json();
    assert_eq!(
        registered,
        json!({
            "family": "shop", "cpu": "512", "memory": "2048", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "taskRoleArn": "arn:aws:iam::111122223333:role/task", "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
            "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
            "ephemeralStorage": { "sizeInGiB": 30 },
            "containerDefinitions": [
                { "name": "dbt", "image": "repo@sha256:new", "cpu": 0, "essential": true, "stopTimeout": 110,
                  "environment": [{ "name": "DBT_TARGET", "value": "prod" }],
                  "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "shop" } } },
                { "name": "sidecar", "image": "sidecar:1", "cpu": 0, "essential": false }
            ],
            "tags": [{ "key": "team", "value": "data" }]
        })
    );
}

#[tokio::test]
async fn the_newest_revision_is_used_again_if_it_equals_the_wanted_one() {
    let (pinned, seen) = pin(described(3, "repo:old", "512"), described(4, "repo@sha256:new", "512"), "dbt").await;
    assert_eq!(pinned, Ok(format!("{FAMILY}:4")));
    assert!(seen.iter().all(|it| it.operation() != "RegisterTaskDefinition"));
}

#[tokio::test]
async fn a_revision_of_an_older_base_is_not_used_again() {
    let (pinned, _) = pin(described(5, "repo:old", "1024"), described(4, "repo@sha256:new", "512"), "dbt").await;
    assert_eq!(pinned, Ok(format!("{FAMILY}:9")));
}

#[tokio::test]
async fn a_container_that_the_base_does_not_have_is_named() {
    let (pinned, _) = pin(described(3, "repo:old", "512"), described(3, "repo:old", "512"), "main").await;
    assert!(pinned.unwrap_err().to_string().contains("has no container \"main\""));
}
