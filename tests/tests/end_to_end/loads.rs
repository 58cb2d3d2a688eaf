use landfall_aws::Store;
use landfall_planner::{LedgerOutcome, Trigger};
use serde_json::{Value, json};

use crate::world::{World, models, outcomes, run_of, signal};

async fn document(store: &Store, key: &str) -> Value {
    serde_json::from_slice(&store.get(key).await.unwrap().unwrap_or_else(|| panic!("no {key}")).bytes).unwrap()
}

/// Asserts that dbt executed exactly the planned nodes.
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

/// The docs site's pointer, and the catalog and the manifest that it points to.
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
async fn a_load_builds_its_models_once_and_a_waiting_model_runs_when_its_other_parent_is_loaded() {
    let world = World::start("loads", |_| {}).await;

    // Two objects of one load.
    world.hold_loads();
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world.upload("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    world.deliver_loads(2).await;
    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let (run, attempt) = run_of(&ends[0]);
    let plan = world.plan(&run).await;
    assert_eq!(models(&plan), ["daily_sales", "fct_orders", "stg_orders"]);
    assert_exact(&world, &run, attempt).await;
    let waiting: Vec<&str> = plan.waiting.iter().map(|node| node.id.as_str()).collect();
    assert!(waiting.contains(&"model.jaffle.customer_orders"), "{waiting:?}");
    let lines = world.ledger_lines().await;
    for key in ["orders/2026-11-01.csv", "orders/2026-11-02.csv"] {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Mapped], "{key}");
    }
    let rows: u32 = world.query("select count(*) from analytics.fct_orders").parse().unwrap();
    assert!(rows > 0);
    let (first, catalog, manifest) = published(&world).await;
    assert_eq!(first["run_id"], json!(run.as_str()));
    assert!(catalog["nodes"]["model.jaffle.fct_orders"].is_object());
    assert!(manifest["nodes"]["model.jaffle.fct_orders"]["compiled_code"].is_string());

    // The same event five times: SQS delivers at least once.
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    let event = json!({
        "version": "0", "id": "5a0f0c3e-7a0b-4f0e-9d0a-000000000001", "detail-type": "Object Created", "source": "aws.s3",
        "account": "111122223333", "time": now(), "region": "eu-west-1", "resources": [],
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
    let repeated = world
        .wait_for("five lines about the repeated event", async || {
            let repeated = outcomes(&world.ledger_lines().await, "orders/2026-11-03.csv");
            (repeated.len() == 5).then_some(repeated)
        })
        .await;
    assert_eq!(repeated.iter().filter(|outcome| **outcome == LedgerOutcome::Mapped).count(), 1, "{repeated:?}");
    assert_eq!(repeated.iter().filter(|outcome| **outcome == LedgerOutcome::Covered).count(), 4, "{repeated:?}");
    assert_eq!(world.settled(2).await.len(), 2);

    // The other dataset: its models, and the mart that waited for it.
    world.upload("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    let ends = world.settled(3).await;
    assert_eq!(ends.len(), 3);
    let (run, attempt) = run_of(&ends[2]);
    let plan = world.plan(&run).await;
    assert_eq!(models(&plan), ["customer_cohorts", "customer_orders", "dim_customers", "stg_customers"]);
    assert!(
        plan.triggers.iter().any(|c| c.trigger == Trigger::Load("jaffle.raw_orders".parse().unwrap())),
        "the backlog entry of the orders is a trigger too"
    );
    assert_exact(&world, &run, attempt).await;
    let (second, catalog, manifest) = published(&world).await;
    assert_ne!(first["version"], second["version"]);
    for node in ["model.jaffle.fct_orders", "model.jaffle.dim_customers"] {
        assert!(catalog["nodes"][node].is_object(), "{node}: a partial run keeps the docs of the other nodes");
        assert!(manifest["nodes"][node]["compiled_code"].is_string(), "{node}");
    }
    let board = world.board().await;
    assert!(board.runs.is_empty());
    let backlog = &board.backlog[&Trigger::Load("jaffle.raw_orders".parse().unwrap())];
    assert!(
        backlog.quarantine.is_none() && !backlog.nodes.is_empty(),
        "the models that need payments are still pending"
    );
}

#[tokio::test]
async fn loads_that_arrive_during_a_run_are_followed_by_one_more_run() {
    let world = World::start("live", |_| {}).await;
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let run = world
        .wait_for("a task that runs", async || {
            let board = world.board().await;
            let (run, live) = board.runs.iter().next()?;
            live.attempt.task_arn().is_some().then(|| run.clone())
        })
        .await;
    // The frozen task cannot report its end, so all that follows arrives while its run is live.
    let plan = format!("runs/{run}/plan.json ");
    let task = world
        .wait_for("the process of the task", async || {
            let found = world.processes("landfall-task", &[&plan]);
            (!found.is_empty()).then_some(found)
        })
        .await;
    signal("STOP", &task);
    let later = ["orders/2026-11-02.csv", "orders/2026-11-03.csv", "customers/2026-11-01.csv"];
    for key in later {
        world.upload(&format!("landing/{key}"), key).await;
    }
    world.recorded(&later).await;
    world
        .wait_for("both loads ready", async || {
            let board = world.board().await;
            board.backlog.values().all(|entry| !entry.is_gathering()).then_some(())
        })
        .await;
    let runs: Vec<_> = world.board().await.runs.into_keys().collect();
    assert_eq!(runs, std::slice::from_ref(&run), "DuckDB has one writer");
    signal("CONT", &task);

    let ends = world.settled(2).await;
    assert_eq!(ends.len(), 2, "one follow-up: {ends:#?}");
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    assert_eq!(run_of(&ends[0]), (run, 1));
    let lines = world.ledger_lines().await;
    for key in later {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Mapped], "{key}");
    }
    let plan = world.plan(&run_of(&ends[1]).0).await;
    let expected = [
        "customer_cohorts",
        "customer_orders",
        "daily_sales",
        "dim_customers",
        "fct_orders",
        "stg_customers",
        "stg_orders",
    ];
    assert_eq!(models(&plan), expected);
    assert_eq!(world.query("select count(distinct landed_file) from analytics.stg_orders"), "3");
}

fn now() -> String {
    landfall_aws::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
