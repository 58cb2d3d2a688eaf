use landfall_planner::{LedgerOutcome, Step, Trigger};
use serde_json::json;

use crate::world::{World, models, outcomes, run_of};

#[tokio::test]
async fn a_loaders_event_loads_its_dataset_and_a_job_tests_what_is_built() {
    let world = World::start("loader-events", |_| {}).await;
    let bus = aws_sdk_eventbridge::Client::new(world.stack.stack.sdk());
    let dataset_loaded = async |dataset: &str, batch: &str| {
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .source("my.loader")
            .detail_type("Dataset Loaded")
            .detail(json!({ "dataset": dataset, "batch_id": batch }).to_string())
            .build();
        let answer = bus.put_events().entries(entry).send().await.unwrap();
        assert_eq!(answer.failed_entry_count, 0);
    };

    // An object of a dataset with the readiness policy `event` is recorded and starts no run.
    world.upload("landing/accounts/2026-11-01.csv", "accounts/2026-11-01.csv").await;
    world.recorded(&["accounts/2026-11-01.csv"]).await;
    assert_eq!(outcomes(&world.ledger_lines().await, "accounts/2026-11-01.csv"), [LedgerOutcome::Ignored]);
    assert!(world.board().await.runs.is_empty());

    dataset_loaded("crm.accounts", "batch-1").await;
    dataset_loaded("crm.accounts", "batch-1").await;
    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "an event sent twice is one load: {ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let (run, attempt) = run_of(&ends[0]);
    let plan = world.plan(&run).await;
    assert!(matches!(&plan.steps[0], Step::RunOperation { operation, .. } if operation == "load_accounts"));
    assert_eq!(models(&plan), ["stg_accounts"]);
    assert!(world.query("select count(*) from crm.accounts").parse::<u32>().unwrap() > 0);
    let result = world.result(&run, attempt).await;
    assert_eq!(result.steps[0].step, "run_operation");
    assert!(result.unplanned_nodes.is_empty());

    dataset_loaded("crm.acounts", "batch-2").await;
    world
        .wait_for("the unknown dataset in the ledger", async || {
            let lines = world.ledger_lines().await;
            lines
                .into_iter()
                .find(|line| line.outcome == LedgerOutcome::Unmapped && line.detail.contains("crm.accounts"))
        })
        .await;

    // The job runs data tests of built models, and builds nothing.
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world.settled(2).await;
    let payload = json!({ "job": "nightly-qa", "scheduled_time": "2026-11-22T04:00:00Z" });
    for _ in 0..2 {
        world.invoke("OnSchedule", &payload.to_string());
    }
    let ends = world.settled(3).await;
    assert_eq!(ends.len(), 3, "a schedule delivered twice runs once: {ends:#?}");
    let plan = world.plan(&run_of(&ends[2]).0).await;
    assert_eq!(plan.triggers[0].trigger, Trigger::Job("nightly-qa".parse().unwrap()));
    assert!(plan.nodes.iter().all(|node| node.id.as_str().starts_with("test.")), "{plan:#?}");
    assert!(matches!(plan.steps.as_slice(), [Step::Test(_)]));
    assert_eq!(ends[2].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert!(!world.board().await.backlog.keys().any(|trigger| matches!(trigger, Trigger::Job(_))));
}
