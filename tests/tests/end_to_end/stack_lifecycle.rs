use std::path::Path;

use landfall::{local::Packages, terminal::Terminal};
use landfall_planner::LedgerOutcome;
use serde_json::{Value, json};

use crate::world::{World, models, run_of};

/// The resources in the emulated account, by kind, that a stack could have made.
fn inventory(world: &World) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/inventory.py");
    serde_json::from_str(&world.script(&script, &[&world.stack.state.stack])).unwrap()
}

#[tokio::test]
async fn an_updated_stack_keeps_running_and_a_deleted_stack_leaves_its_buckets() {
    let mut world = World::start("stack", |_| {}).await;
    let before = inventory(&world);
    assert_eq!(before["functions"].as_array().unwrap().len(), 5, "{before:#}");
    assert_eq!(before["alarms"].as_array().unwrap().len(), 14, "{before:#}");
    assert_eq!(before["distributions"], json!([]), "docs are private by default");
    assert_eq!(before["log_groups"].as_object().unwrap().values().collect::<Vec<_>>(), vec![&json!(30); 6]);
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");

    // The update also replaces the launchers of the functions by their programs, as on AWS.
    world.options.packages = Packages::Programs;
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
        assert_eq!(before[kept], after[kept], "{kept}: an update replaces no resource that it need not");
    }
    // The prefix `payments/` is no longer a landing prefix. The other datasets continue.
    world.upload("landing/payments/2026-11-01.csv", "payments/2026-11-01.csv").await;
    world.upload("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    let ends = world.settled(2).await;
    assert_eq!(ends[1].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let plan = world.plan(&run_of(&ends[1]).0).await;
    assert_eq!(models(&plan), ["customer_cohorts", "customer_orders", "dim_customers", "stg_customers"]);

    world.stack.delete(&world.environments).await.unwrap();
    let mut left = inventory(&world);
    // Buckets are kept. The task definitions that on-release registered cost nothing, and `make destroy` says how to
    // remove them.
    assert_eq!(left["buckets"], before["buckets"]);
    assert!(!left["task_definitions"].as_array().unwrap().is_empty());
    let fields = left.as_object_mut().unwrap();
    fields.remove("buckets");
    fields.remove("task_definitions");
    for (kind, of_kind) in fields {
        assert!(of_kind.as_array().is_none_or(Vec::is_empty), "{kind}: {of_kind:#}");
        assert!(of_kind.as_object().is_none_or(serde_json::Map::is_empty), "{kind}: {of_kind:#}");
    }
    assert_eq!(world.settled(2).await.len(), 2, "the ledger is still complete");
}
