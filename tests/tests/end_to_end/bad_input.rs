use landfall_planner::{LedgerOutcome, NodeStatus, Trigger};
use serde_json::json;

use crate::world::{World, models, outcomes, run_of};

#[tokio::test]
async fn bad_input_is_told_and_nothing_is_lost() {
    let world = World::start("bad-input", |_| {}).await;

    // A poison message among good ones: it ends in the dead letters, its neighbours go through.
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let letters = world.stack.stack.output("LoadsDeadLetterQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    sqs.send_message().queue_url(&queue).message_body("{ not json").send().await.unwrap();

    // Keys that would hurt a shell, a selector or a URL.
    let hostile = ["orders/-rf $(touch x) '\".csv", "orders/a+b %20%2F.csv", "orders/größe \u{1f355}.csv"];
    let good = std::fs::read(world.project.path().join("landing/orders/2026-11-01.csv")).unwrap();
    for key in hostile {
        world.put(key, &good).await;
    }
    // DuckDB's own S3 client cannot ask for a key with a newline, so this one lands where nothing reads.
    world.put("elsewhere/new\nline.csv", &good).await;
    world.put("order/misspelt.csv", &good).await;
    world.put("orders/_SUCCESS", b"").await;
    let ends = world.settled(1).await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    let lines = world.lines().await;
    for key in hostile {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Mapped], "{key:?}");
    }
    assert_eq!(outcomes(&lines, "elsewhere/new\nline.csv"), [LedgerOutcome::Unmapped]);
    assert_eq!(outcomes(&lines, "order/misspelt.csv"), [LedgerOutcome::Unmapped]);
    assert!(lines.iter().any(|line| line.outcome == LedgerOutcome::Unmapped && line.detail.contains("/orders/")));
    assert_eq!(outcomes(&lines, "orders/_SUCCESS"), [LedgerOutcome::Ignored]);
    let dead = world
        .until("the poison message among the dead letters", async || {
            let got = sqs.receive_message().queue_url(&letters).send().await.unwrap();
            got.messages.unwrap_or_default().into_iter().next()
        })
        .await;
    assert_eq!(dead.body.as_deref(), Some("{ not json"));
    let malformed = world.lines().await.iter().filter(|line| line.outcome == LedgerOutcome::Malformed).count();
    assert_eq!(malformed, 1, "ledgered once, however often it was received");

    // A bad file: the run fails by name, and what was built stays.
    let before = world.ask("select count(*) from analytics.fct_orders");
    let runs = world.settled(1).await.len();
    world.land("landing-bad/orders/2026-11-03.csv", "orders/2026-11-03.csv").await;
    let ends = world.settled(runs + 1).await;
    let end = ends.last().unwrap();
    assert_eq!(end.outcome, LedgerOutcome::Failed);
    assert!(end.detail.contains("model.jaffle.stg_orders"), "{}", end.detail);
    let (run, attempt) = run_of(end);
    let result = world.result(&run, attempt).await;
    let failing = result.nodes.iter().find(|node| node.status == NodeStatus::Error).unwrap();
    assert!(failing.message.as_ref().unwrap().contains("14.5O"), "dbt's own words: {failing:?}");
    let entry = world.board().await.backlog[&Trigger::Load("jaffle.raw_orders".parse().unwrap())].clone();
    assert_eq!(entry.quarantine.unwrap().run, Some(run.clone()));
    assert_eq!(world.ask("select count(*) from analytics.fct_orders"), before);
    let why = landfall::why::explain(&world.stack.stack, run.as_str()).await.unwrap();
    assert!(why.contains("14.5O") && why.contains("stg_orders"), "{why}");

    // The good file repairs it.
    world.land("landing/orders/2026-11-03.csv", "orders/2026-11-03.csv").await;
    let ends = world.settled(runs + 2).await;
    let end = ends.last().unwrap();
    assert_eq!(end.outcome, LedgerOutcome::Succeeded, "{end:#?}");
    assert!(models(&world.plan(&run_of(end).0).await).contains(&"fct_orders"));
    assert_eq!(world.ask("select count(*) from analytics.fct_orders where order_id = 1040"), "1");

    // A release that cannot be read is refused with the reason, and the old one stays.
    let release = world.board().await.release;
    let state = world.stack.stack.state().unwrap();
    let prefix = "releases/99991231t000000z-bad";
    state.put(&format!("{prefix}/manifest.json"), b"{\"metadata\": ", "application/json").await.unwrap();
    let offer = json!({ "version": 2, "release": "99991231t000000z-bad", "created_at": "2026-11-22T00:00:00Z" });
    state.put(&format!("{prefix}/release.json"), offer.to_string().as_bytes(), "application/json").await.unwrap();
    let refused =
        world.until("the release refused", async || state.get(&format!("{prefix}/refused.json")).await.unwrap()).await;
    let refused = String::from_utf8(refused.bytes).unwrap();
    assert!(refused.contains("manifest.json"), "{refused}");
    assert_eq!(world.board().await.release, release);
}
