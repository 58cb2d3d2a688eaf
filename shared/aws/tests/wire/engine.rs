//! The calls of the engine in one invocation, counted on the wire.

use std::collections::BTreeMap;

use landfall_aws::{
    Config, clock,
    engine_ports::{Aws, AwsEngine, Deadline, Offered, ReleaseParts},
};
use landfall_manifest::Index;
use landfall_planner::{BOARD_KEY, Board, DatasetLoaded, InboundEvent, Input, LandfallYml, ReleaseId};
use serde_json::json;

use crate::stub::{Reply, Request, Stub};

const TASK: &str = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";

const PROJECT: &str = r#"
version: 1
datasets:
  jaffle.raw_orders: { location: "s3://landing-bucket/orders/", ready: { event: true } }
"#;

/// A state bucket in memory with conditional writes, beside an ECS that starts every task and an event bus that accepts every event.
fn services() -> impl FnMut(&Request) -> Reply + Send {
    let mut objects: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut etags = 0;
    move |request| match (request.method.as_str(), request.operation()) {
        ("POST", "RunTask") => Reply::json(200, &json!({ "tasks": [{ "taskArn": TASK }], "failures": [] })),
        ("POST", "PutEvents") => Reply::json(200, &json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] })),
        ("POST", _) => Reply::json(200, &json!({ "MessageId": "1", "MD5OfMessageBody": "0" })),
        ("PUT", _) => {
            let there = objects.get(key(request)).map(|(etag, _)| format!("\"{etag}\""));
            let is_refused = request.header("if-none-match").is_some() && there.is_some()
                || request.header("if-match").is_some_and(|etag| Some(etag) != there.as_deref());
            if is_refused {
                return Reply::xml_error(412, "PreconditionFailed");
            }
            etags += 1;
            let body = String::from_utf8_lossy(&request.body).into_owned();
            objects.insert(key(request).to_owned(), (etags, body));
            Reply::written(&etags.to_string())
        }
        _ => match objects.get(key(request)) {
            Some((etag, body)) => Reply::object(&etag.to_string(), body),
            None => Reply::xml_error(404, "NoSuchKey"),
        },
    }
}

fn key(request: &Request) -> &str {
    let path = request.target.split('?').next().unwrap_or_default();
    path.strip_prefix("/state/").unwrap_or(path)
}

fn count(calls: &[Request], method: &str, key_end: &str) -> usize {
    calls.iter().filter(|call| call.method == method && key(call).ends_with(key_end)).count()
}

async fn engine(stub: &Stub) -> AwsEngine {
    let endpoint = stub.endpoint().to_owned();
    let config = Config::read(|name| {
        Some(match name {
            "LANDFALL_STACK" => "shop".to_owned(),
            "LANDFALL_STATE_BUCKET" => "state".to_owned(),
            "LANDFALL_LOADS_QUEUE_URL" => format!("{endpoint}/111122223333/loads"),
            "LANDFALL_CLUSTER" => "arn:aws:ecs:eu-west-1:111122223333:cluster/shop".to_owned(),
            "LANDFALL_TASK_DEFINITION" => "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:1".to_owned(),
            "LANDFALL_CONTAINER" => "dbt".to_owned(),
            "LANDFALL_SUBNETS" => "subnet-1".to_owned(),
            _ => return None,
        })
    });
    AwsEngine::new(Aws::new(stub.clients().await, config.unwrap()).unwrap())
}

#[tokio::test]
async fn one_invocation_reads_the_board_once_and_never_the_plan_that_it_wrote() {
    let stub = Stub::start(services()).await;
    let engine = engine(&stub).await;
    let deadline = Deadline::after(clock::now(), jiff::SignedDuration::from_secs(30));
    let board = Board::new(clock::now()).to_json().unwrap();
    engine.ports().store().put(BOARD_KEY, &board, "application/json").await.unwrap();
    let manifest = include_bytes!("../../../planner/fixtures/example-manifest.json.zst");
    let index = Index::from_slice(&zstd::decode_all(&manifest[..]).unwrap()).unwrap();
    // Every relation exists, so that the release itself starts no run.
    let existing = index.nodes().map(|node| node.unique_id().to_owned()).collect();
    let parts = ReleaseParts {
        id: ReleaseId::parse("r1").unwrap(),
        index,
        project: LandfallYml::from_yaml(PROJECT).unwrap(),
        existing,
        task_definition: None,
        landing_bucket: Some("landing".to_owned()),
        force: false,
    };
    let offered = engine.offer(&parts, deadline).await.unwrap();
    assert!(matches!(offered, Offered::InPlace { .. }), "{offered:?}");

    let before = stub.seen().len();
    let loaded = InboundEvent::DatasetLoaded(DatasetLoaded {
        event_id: "e1".to_owned(),
        time: clock::now(),
        dataset: "jaffle.raw_orders".to_owned(),
        loaded_at: None,
        batch_id: None,
    });
    let board = engine.conduct(&Input::Events(&[loaded]), deadline).await.unwrap();
    assert_eq!(board.runs.len(), 1, "the load is running");

    let calls = &stub.seen()[before..];
    let tasks = calls.iter().filter(|call| call.operation() == "RunTask").count();
    assert_eq!((count(calls, "PUT", "plan.json"), tasks), (1, 1));
    assert_eq!(count(calls, "PUT", BOARD_KEY), 2, "the decision, and the start of its task");
    assert_eq!(count(calls, "GET", BOARD_KEY), 1, "the second compare-and-swap uses the ETag of the first");
    assert_eq!(count(calls, "GET", "plan.json"), 0, "the plan is kept in memory");
}
