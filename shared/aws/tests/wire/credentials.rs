//! Where credentials come from over HTTP, they come by the client that the SDK was given: it is built without one of its own.

use std::process::Stdio;

use landfall_aws::{Clients, Config};
use serde_json::json;

use crate::stub::{Reply, Stub};

/// Not a test: what an instance of this program does whose environment the test below has made.
#[tokio::test]
#[ignore = "run by the other test of this file, in another environment"]
async fn read_an_object() {
    let clients = Clients::connect(&Config::from_env().unwrap()).await.unwrap();
    assert_eq!(clients.store("state").get("board").await.unwrap().unwrap().bytes, b"{}");
}

/// The variables that say where credentials are, and who signed the request to S3 that followed.
async fn signer(source: &str, path: &str) -> String {
    let stub = Stub::start(|request| match request.target.as_str() {
        "/latest/api/token" => Reply::Answer {
            status: 200,
            headers: vec![("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned())],
            body: "token".to_owned(),
        },
        target if target.ends_with("/security-credentials/") || target.ends_with("/security-credentials-extended/") => {
            Reply::Answer { status: 200, headers: vec![], body: "machine".to_owned() }
        }
        target if target.starts_with("/state") => Reply::object("1", "{}"),
        target => Reply::json(
            200,
            &json!({
                "Code": "Success",
                "Type": "AWS-HMAC",
                "AccessKeyId": if target == "/task" { "OF-THE-TASK" } else { "OF-THE-MACHINE" },
                "SecretAccessKey": "secret",
                "Token": "session",
                "AccountId": "111122223333",
                "LastUpdated": "2026-11-22T17:00:00Z",
                "Expiration": "2099-01-01T00:00:00Z",
            }),
        ),
    })
    .await;
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "credentials::read_an_object", "--ignored", "--nocapture"])
        .env_clear()
        .env(source, format!("{}{path}", stub.endpoint()))
        .envs([("AWS_REGION", "eu-west-1"), ("LANDFALL_STACK", "shop"), ("LANDFALL_STATE_BUCKET", "state")])
        .env("AWS_ENDPOINT_URL_S3", stub.endpoint())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let seen = stub.seen();
    let read = seen.iter().find(|request| request.target.starts_with("/state")).unwrap();
    let authorization = read.header("authorization").unwrap();
    authorization.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn credentials_of_a_task_and_of_a_machine_are_read_with_the_shared_http_client() {
    assert_eq!(signer("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/task").await, "OF-THE-TASK");
    assert_eq!(signer("AWS_EC2_METADATA_SERVICE_ENDPOINT", "").await, "OF-THE-MACHINE");
}
