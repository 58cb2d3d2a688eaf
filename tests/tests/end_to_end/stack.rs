use std::path::Path;

use landfall::terminal::Terminal;
use landfall_planner::LedgerOutcome;
use serde_json::{Value, json};

use crate::world::{World, models, run_of};

/// What there is in the emulated account, by kind, as far as a stack could have made it.
fn inventory(world: &World) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/inventory.py");
    serde_json::from_str(&world.script(&script, &[&world.stack.state.stack])).unwrap()
}

#[tokio::test]
async fn a_stack_is_deployed_runs_is_updated_runs_on_and_is_deleted_but_for_its_buckets() {
    let mut world = World::start("stack", |_| {}).await;
    let before = inventory(&world);
    assert_eq!(before["functions"].as_array().unwrap().len(), 5, "{before:#}");
    assert_eq!(before["alarms"].as_array().unwrap().len(), 13, "{before:#}");
    assert_eq!(before["distributions"], json!([]), "docs are private until somebody says otherwise");
    assert_eq!(before["log_groups"].as_object().unwrap().values().collect::<Vec<_>>(), vec![&json!(30); 6]);
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");

    world.options.parameters.extend([
        ("LogRetentionDays", "7".to_owned()),
        ("LandingPrefixes", "orders/,customers/".to_owned()),
        ("DocsAccess", "basic".to_owned()),
        ("DocsCredentialsSha256", "0".repeat(64)),
        ("AlarmEmail", "data@example.com".to_owned()),
    ]);
    world.stack.update(&Terminal::silent(), &world.options, &world.environments).await.unwrap();
    let after = inventory(&world);
    assert_eq!(after["log_groups"].as_object().unwrap().values().collect::<Vec<_>>(), vec![&json!(7); 6]);
    assert_eq!(after["distributions"].as_array().unwrap().len(), 1, "{after:#}");
    assert_eq!(after["subscriptions"].as_array().unwrap().len(), 1, "{after:#}");
    for kept in ["buckets", "functions", "queues", "clusters", "roles", "repositories"] {
        assert_eq!(before[kept], after[kept], "an update replaces nothing that it need not");
    }
    // Not listened to any more, while the others go on where they were.
    world.land("landing/payments/2026-11-01.csv", "payments/2026-11-01.csv").await;
    world.land("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    let ends = world.settled(2).await;
    assert_eq!(ends[1].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let plan = world.plan(&run_of(&ends[1]).0).await;
    assert_eq!(models(&plan), ["customer_orders", "dim_customers", "stg_customers"]);

    world.stack.delete(&world.environments).await.unwrap();
    let mut left = inventory(&world);
    // The buckets are kept. Revisions that on-release registered cost nothing; only whoever runs Landfall again in this family needs them.
    assert_eq!(left["buckets"], before["buckets"]);
    assert!(!left["task_definitions"].as_array().unwrap().is_empty());
    let fields = left.as_object_mut().unwrap();
    fields.remove("buckets");
    fields.remove("task_definitions");
    for (kind, of_kind) in fields {
        assert!(of_kind.as_array().is_none_or(Vec::is_empty), "{kind}: {of_kind:#}");
        assert!(of_kind.as_object().is_none_or(serde_json::Map::is_empty), "{kind}: {of_kind:#}");
    }
    assert_eq!(world.settled(2).await.len(), 2, "the ledger tells it all still");
}
