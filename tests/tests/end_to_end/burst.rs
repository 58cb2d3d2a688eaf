use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::QueueAttributeName;
use landfall_planner::{LedgerOutcome, LedgerSubject, RunId};

use crate::world::{World, models, run_of};

const OBJECTS: usize = 2_000;
/// The number of concurrent uploads.
const WRITERS: usize = 8;
const FOLDERS: [&str; 3] = ["orders", "customers", "payments"];

#[tokio::test]
async fn two_thousand_objects_of_three_datasets_are_three_loads_and_each_model_is_built_once() {
    let world = World::start("burst", |project| {
        let settings = project.join("landfall.yml");
        let text = std::fs::read_to_string(&settings).unwrap();
        // Objects less than 15 s apart are one load.
        let slower = text.replace("{ quiet: 2s, at_most: 1m }", "{ quiet: 15s, at_most: 10m }");
        assert_ne!(text, slower);
        std::fs::write(settings, slower).unwrap();
    })
    .await;
    let files = FOLDERS
        .map(|folder| std::fs::read(world.project.path().join(format!("landing/{folder}/2026-11-01.csv"))).unwrap());
    let key = |n: usize| {
        let folder = n % FOLDERS.len();
        // The example's tests want unique keys, so one object of each dataset is a whole file, and the others have
        // the header alone.
        let whole = n < FOLDERS.len();
        let header = files[folder].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let bytes = if whole { &files[folder][..] } else { &files[folder][..header] };
        (format!("{}/burst-{n:04}.csv", FOLDERS[folder]), bytes)
    };
    let landing = world.stack.stack.landing().unwrap();
    let write = async |first: usize| {
        for n in (first..OBJECTS).step_by(WRITERS) {
            let (key, bytes) = key(n);
            landing.put(&key, bytes, "text/csv").await.unwrap();
        }
    };
    tokio::join!(write(0), write(1), write(2), write(3), write(4), write(5), write(6), write(7));

    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap();
    let recorded = world
        .wait_for("every object in the ledger", async || {
            // Reading the ledger is hundreds of requests, so the queue is asked first.
            if world.queue_count(queue, &QueueAttributeName::ApproximateNumberOfMessages).await > 0 {
                return None;
            }
            let mut recorded: BTreeMap<String, Vec<LedgerOutcome>> = BTreeMap::new();
            for line in world.ledger_lines().await {
                if let LedgerSubject::Object { key, .. } = line.about {
                    recorded.entry(key).or_default().push(line.outcome);
                }
            }
            (recorded.len() == OBJECTS).then_some(recorded)
        })
        .await;
    let built_by = built_by(&world).await;
    // DuckDB has one writer: the first dataset that is ready has a run of its own, and the datasets that get ready
    // meanwhile share the next.
    let runs: BTreeSet<&RunId> = built_by.values().collect();
    assert!((1..=2).contains(&runs.len()), "{built_by:#?}");
    for n in 0..OBJECTS {
        let (key, _) = key(n);
        assert!(
            matches!(recorded[&key].as_slice(), [LedgerOutcome::Mapped | LedgerOutcome::Covered]),
            "{key}: one outcome: {:?}",
            recorded[&key]
        );
    }
    let board = world.board().await;
    for (name, dataset) in &board.datasets {
        assert!(dataset.generation <= 1, "{name}: all its objects are one load");
    }
    let idle = board.backlog.values().all(|entry| entry.is_planned() && entry.quarantine.is_none());
    assert!(idle, "the backlog holds only what waits for the accounts: {:#?}", board.backlog);
    let why = landfall::why::explain(&world.stack.stack, "account_revenue").await.unwrap();
    assert!(why.contains("never built") && why.contains("waits for the first load of crm.accounts"), "{why}");
    assert_eq!(
        world.query("select count(distinct landed_file) from analytics.stg_orders"),
        "1",
        "one object of the orders has rows"
    );
    let bytes = board.to_json().unwrap().len();
    assert!(bytes < 1_000_000, "the board does not keep covered objects: {bytes} bytes");

    let bucket = &world.stack.state.landing_buckets[0];
    let (key, _) = key(OBJECTS - 1);
    let why = landfall::why::explain(&world.stack.stack, &format!("s3://{bucket}/{key}")).await.unwrap();
    assert!(why.contains("a load of jaffle.raw_") && why.contains("succeeded"), "{why}");
    let why = landfall::why::explain(&world.stack.stack, "fct_orders").await.unwrap();
    assert!(why.contains("last built") && why.contains(built_by["fct_orders"].as_str()), "{why}");
    assert!(why.contains("jaffle.raw_orders: up to load 1, newest object orders/burst-"), "{why}");
    let why = landfall::why::explain_from(&world.stack.stack, &format!("s3://{bucket}/orders/burst-0000.csv"), 2)
        .await
        .unwrap();
    assert!(why.contains("the newest 2 objects of the ledger"), "{why}");
}

/// Waits for the end of all runs, each of which must succeed. Returns the one run that built each model; a model
/// built twice is a failure.
async fn built_by(world: &World) -> BTreeMap<String, RunId> {
    let mut built_by = BTreeMap::new();
    for end in world.settled(1).await {
        assert_eq!(end.outcome, LedgerOutcome::Succeeded, "{end:#?}");
        let (run, attempt) = run_of(&end);
        assert_eq!(attempt, 1, "{end:#?}");
        for model in models(&world.plan(&run).await) {
            let other = built_by.insert(model.to_owned(), run.clone());
            assert_eq!(other, None, "{model} was built by two runs, the second is {run}");
        }
    }
    let expected = [
        "customer_cohorts",
        "customer_orders",
        "daily_sales",
        "dim_customers",
        "fct_orders",
        "order_balance",
        "order_payments",
        "stg_customers",
        "stg_orders",
        "stg_payments",
    ];
    assert_eq!(built_by.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    built_by
}
