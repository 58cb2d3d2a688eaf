use landfall_planner::{LedgerOutcome, NodeStatus, Trigger};
use serde_json::json;

use crate::world::{World, models, outcomes, run_of};

#[tokio::test]
async fn bad_input_is_reported_and_no_load_is_lost() {
    let world = World::start("bad-input", |_| {}).await;

    // A malformed message among good ones ends in the dead letters, and the others go through.
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let dead_letters = world.stack.stack.output("LoadsDeadLetterQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    world.hold_loads();
    sqs.send_message().queue_url(&queue).message_body("{ not json").send().await.unwrap();

    // Keys that a shell, a selector or a URL would misread.
    let hostile = ["orders/-rf $(touch x) '\".csv", "orders/a+b %20%2F.csv", "orders/größe \u{1f355}.csv"];
    let good = std::fs::read(world.project.path().join("landing/orders/2026-11-01.csv")).unwrap();
    for key in hostile {
        world.put(key, &good).await;
    }
    // DuckDB's own S3 client cannot ask for a key with a newline, so this one lies where no model reads.
    let unmapped = ["elsewhere/new\nline.csv", "order/misspelt.csv"];
    for key in unmapped {
        world.put(key, &good).await;
    }
    world.put("orders/_SUCCESS", b"").await;
    world.deliver_loads(7).await;
    world.recorded(&[&hostile[..], &unmapped[..], &["orders/_SUCCESS"]].concat()).await;
    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let lines = world.ledger_lines().await;
    for key in hostile {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Mapped], "{key:?}");
    }
    for key in unmapped {
        assert_eq!(outcomes(&lines, key), [LedgerOutcome::Unmapped], "{key:?}");
    }
    assert!(lines.iter().any(|line| line.outcome == LedgerOutcome::Unmapped && line.detail.contains("/orders/")));
    assert_eq!(outcomes(&lines, "orders/_SUCCESS"), [LedgerOutcome::Ignored]);
    let dead = world
        .wait_for("the malformed message among the dead letters", async || {
            let received = sqs.receive_message().queue_url(&dead_letters).send().await.unwrap();
            received.messages.unwrap_or_default().into_iter().next()
        })
        .await;
    assert_eq!(dead.body.as_deref(), Some("{ not json"));
    let lines = world.ledger_lines().await;
    let malformed = lines.iter().filter(|line| line.outcome == LedgerOutcome::Malformed).count();
    assert_eq!(malformed, 1, "one line in the ledger, however often the message was received");

    // A file with bad data: the run fails and names the model, and what was built before stays.
    let before = world.query("select count(*) from analytics.fct_orders");
    world.upload("landing-bad/orders/2026-11-03.csv", "orders/2026-11-03.csv").await;
    let ends = world.settled(2).await;
    assert_eq!(ends[1].outcome, LedgerOutcome::Failed);
    assert!(ends[1].detail.contains("model.jaffle.stg_orders"), "{}", ends[1].detail);
    let (run, attempt) = run_of(&ends[1]);
    let result = world.result(&run, attempt).await;
    let failing = result.nodes.iter().find(|node| node.status == NodeStatus::Error).unwrap();
    assert!(failing.message.as_ref().unwrap().contains("14.5O"), "dbt's own message: {failing:?}");
    let entry = world.board().await.backlog[&Trigger::Load("jaffle.raw_orders".parse().unwrap())].clone();
    assert_eq!(entry.quarantine.unwrap().run, Some(run.clone()));
    assert_eq!(world.query("select count(*) from analytics.fct_orders"), before);
    let why = landfall::why::explain(&world.stack.stack, run.as_str()).await.unwrap();
    assert!(why.contains("14.5O") && why.contains("stg_orders"), "{why}");

    // The corrected file ends the quarantine.
    world.upload("landing/orders/2026-11-03.csv", "orders/2026-11-03.csv").await;
    let ends = world.settled(3).await;
    assert_eq!(ends[2].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert!(models(&world.plan(&run_of(&ends[2]).0).await).contains(&"fct_orders"));
    assert_eq!(world.query("select count(*) from analytics.fct_orders where order_id = 1040"), "1");

    // A release that cannot be read is refused with the reason, and the active release stays.
    let release = world.board().await.release;
    let state = world.stack.stack.state().unwrap();
    let prefix = "releases/99991231t000000z-bad";
    state.put(&format!("{prefix}/manifest.json"), b"{\"metadata\": ", "application/json").await.unwrap();
    let offer = json!({ "version": 2, "release": "99991231t000000z-bad", "created_at": "2026-11-22T00:00:00Z" });
    state.put(&format!("{prefix}/release.json"), offer.to_string().as_bytes(), "application/json").await.unwrap();
    let refused = world
        .wait_for("the release refused", async || state.get(&format!("{prefix}/refused.json")).await.unwrap())
        .await;
    let refused = String::from_utf8(refused.bytes).unwrap();
    assert!(refused.contains("manifest.json"), "{refused}");
    assert_eq!(world.board().await.release, release);
}
