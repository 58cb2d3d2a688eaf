use landfall_planner::{LedgerLine, LedgerOutcome, LedgerSubject, Step, Trigger};
use serde_json::{Value, json};

use crate::{
    operator_cli::{root, text},
    world::{World, models, outcomes, run_of},
};

/// Sends `Dataset Loaded` as a loader does. Returns the event's id.
async fn send(bus: &aws_sdk_eventbridge::Client, detail: &Value) -> String {
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .source("my.loader")
        .detail_type("Dataset Loaded")
        .detail(detail.to_string())
        .build();
    let answer = bus.put_events().entries(entry).send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 0);
    answer.entries.unwrap().remove(0).event_id.unwrap()
}

impl World {
    /// Waits for the ledger's line of the event.
    async fn line_of(&self, event: &str) -> LedgerLine {
        let what = format!("event {event} in the ledger");
        self.wait_for(&what, async || self.ledger_lines().await.into_iter().find(|line| line.event == event)).await
    }
}

#[tokio::test]
async fn a_loaders_event_loads_its_dataset_and_a_job_tests_what_is_built() {
    let world = World::start("loader-events", |_| {}).await;
    let bus = aws_sdk_eventbridge::Client::new(world.stack.stack.sdk());
    let loaded_at = "2026-11-22T08:00:00Z";
    let dataset_loaded = async |dataset: &str, batch: &str| {
        send(&bus, &json!({ "dataset": dataset, "batch_id": batch, "loaded_at": loaded_at })).await
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

    // Loads of any time: none stops the stack, none is lost, and a repeated `batch_id` is another load.
    for (loaded_at, kept) in [
        ("1900-01-01T00:00:00Z", true),
        ("1969-12-31T00:00:00Z", true),
        ("0001-01-01T00:00:00Z", true),
        ("2099-01-01T00:00:00Z", false),
    ] {
        let event =
            send(&bus, &json!({ "dataset": "crm.accounts", "batch_id": "batch-1", "loaded_at": loaded_at })).await;
        let line = world.line_of(&event).await;
        assert_eq!(line.outcome, LedgerOutcome::Mapped, "{loaded_at}: {line:?}");
        let LedgerSubject::Loaded { loaded_at: recorded, .. } = &line.about else { panic!("{line:?}") };
        assert_eq!(recorded.map(|at| at.to_string()), kept.then(|| loaded_at.to_owned()));
        assert_eq!(line.detail.contains("was dropped"), !kept, "{line:?}");
    }
    let ended = world.settled(4).await;
    assert!(ended.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ended:#?}");

    // Rows that a loader committed 60 s after the read point, by a clock that is 75 s slow.
    let read_point = world.board().await.now;
    let slow = read_point - jiff::SignedDuration::from_secs(15);
    let event = send(&bus, &json!({ "dataset": "crm.accounts", "loaded_at": slow })).await;
    assert_eq!(world.line_of(&event).await.outcome, LedgerOutcome::Mapped);
    world.settled(ended.len() + 1).await;

    // `landfall load` waits for its line of the ledger and prints it, also for a mark that was used before.
    for _ in 0..2 {
        let output = world.landfall(&root(), &["load", "crm.accounts", "--batch-id", ""]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains("of crm.accounts"), "{}", text(&output));
    }
    let output = world.landfall(&root(), &["load", "crm.acounts"]).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("it has crm.accounts"), "{}", text(&output));
}
