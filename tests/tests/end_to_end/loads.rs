use landfall_aws::Store;
use landfall_planner::{LedgerOutcome, NodeId, Trigger};
use serde_json::{Value, json};

use crate::world::{World, models, outcomes, run_of};

async fn document(store: &Store, key: &str) -> Value {
    serde_json::from_slice(&store.get(key).await.unwrap().unwrap_or_else(|| panic!("{key} is there")).bytes).unwrap()
}

/// What dbt executed is what was planned: no more, no less.
async fn assert_exact(world: &World, run: &landfall_planner::RunId, attempt: u32) {
    let state = world.stack.stack.state().unwrap();
    let results = document(&state, &format!("runs/{run}/{attempt}/run_results.json")).await;
    let mut executed: Vec<String> =
        results["results"].as_array().unwrap().iter().map(|r| r["unique_id"].as_str().unwrap().to_owned()).collect();
    executed.retain(|id| !id.starts_with("operation."));
    executed.sort();
    let planned: Vec<String> = world.plan(run).await.nodes.iter().map(|node| node.id.to_string()).collect();
    assert_eq!(executed, planned);
}

async fn published(world: &World) -> (Value, Value, Value) {
    let docs = world.stack.stack.docs().unwrap();
    let pointer = document(&docs, "current.json").await;
    let version = pointer["version"].as_str().unwrap().to_owned();
    let catalog = document(&docs, &format!("versions/{version}/catalog.json")).await;
    let manifest = document(&docs, &format!("versions/{version}/manifest.json")).await;
    assert!(docs.get(&format!("versions/{version}/index.html")).await.unwrap().is_some());
    assert!(docs.get("index.html").await.unwrap().is_some());
    (pointer, catalog, manifest)
}

#[tokio::test]
async fn a_load_runs_its_models_once_and_what_waited_runs_when_its_parent_lands() {
    let world = World::start("loads", |_| {}).await;

    // Two objects of one load.
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world.land("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let (run, attempt) = run_of(&ends[0]);
    let plan = world.plan(&run).await;
    assert_eq!(models(&plan), ["daily_sales", "fct_orders", "stg_orders"]);
    assert_exact(&world, &run, attempt).await;
    let waiting: Vec<&str> = plan.waiting.iter().map(|node| node.id.as_str()).collect();
    assert!(waiting.contains(&"model.jaffle.customer_orders"), "{waiting:?}");
    let lines = world.lines().await;
    for key in ["orders/2026-11-01.csv", "orders/2026-11-02.csv"] {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Mapped], "one outcome each");
    }
    let rows: u32 = world.ask("select count(*) from analytics.fct_orders").parse().unwrap();
    assert!(rows > 0);
    let (first, catalog, manifest) = published(&world).await;
    assert_eq!(first["run_id"], json!(run.as_str()));
    assert!(catalog["nodes"]["model.jaffle.fct_orders"].is_object());
    assert!(manifest["nodes"]["model.jaffle.fct_orders"]["compiled_code"].is_string());

    // The same event, delivered again and again by a queue that may.
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    let event = json!({
        "version": "0", "id": "5a0f0c3e-7a0b-4f0e-9d0a-000000000001", "detail-type": "Object Created", "source": "aws.s3",
        "account": "111122223333", "time": jiff_now(), "region": "eu-west-1", "resources": [],
        "detail": {
            "version": "0",
            "bucket": { "name": world.stack.state.landing_buckets[0] },
            "object": { "key": "orders/2026-11-03.csv", "size": 1, "etag": "e", "sequencer": "0067" },
            "request-id": "r", "requester": "111122223333", "source-ip-address": "127.0.0.1", "reason": "PutObject",
        },
    });
    for _ in 0..5 {
        sqs.send_message().queue_url(&queue).message_body(event.to_string()).send().await.unwrap();
    }
    let ends = world.settled(2).await;
    assert_eq!(ends.len(), 2, "five deliveries, one run: {ends:#?}");
    let told = world
        .until("five lines about the repeated event", async || {
            let told = outcomes(&world.lines().await, "orders/2026-11-03.csv");
            (told.len() == 5).then_some(told)
        })
        .await;
    assert_eq!(told.iter().filter(|outcome| **outcome == LedgerOutcome::Mapped).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|outcome| **outcome == LedgerOutcome::Covered).count(), 4, "{told:?}");
    assert_eq!(world.settled(2).await.len(), 2);

    // The other dataset: only its models, and the mart that waited for it.
    world.land("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    let ends = world.settled(3).await;
    assert_eq!(ends.len(), 3);
    let (run, attempt) = run_of(&ends[2]);
    let plan = world.plan(&run).await;
    assert_eq!(models(&plan), ["customer_orders", "dim_customers", "stg_customers"]);
    assert!(
        plan.triggers.iter().any(|c| c.trigger == Trigger::Load("jaffle.raw_orders".parse().unwrap())),
        "its backlog entry is completed too"
    );
    assert_exact(&world, &run, attempt).await;
    let (second, catalog, manifest) = published(&world).await;
    assert_ne!(first["version"], second["version"]);
    for node in ["model.jaffle.fct_orders", "model.jaffle.dim_customers"] {
        assert!(catalog["nodes"][node].is_object(), "{node}: docs never shrink because a run was partial");
        assert!(manifest["nodes"][node]["compiled_code"].is_string(), "{node}");
    }
    let board = world.board().await;
    assert!(board.runs.is_empty());
    let backlog = &board.backlog[&Trigger::Load("jaffle.raw_orders".parse().unwrap())];
    assert!(backlog.quarantine.is_none() && !backlog.nodes.is_empty(), "what needs payments is pending, and waits");
}

#[tokio::test]
async fn a_load_that_lands_while_its_run_is_live_is_followed_by_one_more_run() {
    let world = World::start("live", |_| {}).await;
    // Two datasets at once.
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world.land("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    world
        .until("a live task", async || {
            let board = world.board().await;
            board.runs.values().any(|run| run.attempt.task_arn().is_some()).then_some(())
        })
        .await;
    for n in 2..=3 {
        world.land(&format!("landing/orders/2026-11-0{n}.csv"), &format!("orders/2026-11-0{n}.csv")).await;
    }
    let during = world.board().await;
    assert_eq!(during.runs.len(), 1, "DuckDB has one writer");
    let last = world
        .until("the follow-up", async || {
            let ends = world.settled(2).await;
            let lines = world.lines().await;
            let told = ["orders/2026-11-02.csv", "orders/2026-11-03.csv"].map(|key| outcomes(&lines, key).len());
            (told == [1, 1]).then(|| ends.last().cloned()).flatten()
        })
        .await;
    let ends = world.settled(2).await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    assert!(ends.len() <= 3, "two loads and one follow-up at most: {ends:#?}");
    let plan = world.plan(&run_of(&last).0).await;
    assert!(models(&plan).contains(&"stg_orders"));
    assert_eq!(world.ask("select count(distinct landed_file) from analytics.stg_orders"), "3");
    let mut built: Vec<NodeId> = Vec::new();
    for end in &ends {
        let (run, attempt) = run_of(end);
        built.extend(world.result(&run, attempt).await.nodes.into_iter().map(|node| node.id));
    }
    assert!(built.iter().any(|id| id.as_str() == "model.jaffle.customer_orders"));
}

fn jiff_now() -> String {
    landfall_aws::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
