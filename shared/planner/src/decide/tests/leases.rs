use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::world::{PROJECT, World, models, release_of};
use crate::{
    AttemptState, CompileInput, Effect, Input, LandfallYml, NodeStatus, OperatorAction, Outcome, ReleaseId, Trigger,
    compile, effects, next_due,
};

/// The project for a warehouse with many writers. DuckDB's file has one.
fn shared(runs: &str) -> String {
    PROJECT
        .replace("max_parallel: 2,", &format!("max_parallel: 2, warehouse: shared, {runs}"))
        .replace("select: \"tag:orders+\"", "select: stg_orders")
        .replace("select: \"tag:customers+\"", "select: stg_customers")
}

fn meta(node: &str, landfall: serde_json::Value) -> impl Fn(&mut serde_json::Value) {
    move |manifest: &mut serde_json::Value| {
        manifest["nodes"][node]["config"]["meta"] = serde_json::json!({ "landfall": landfall });
    }
}

#[test]
fn runs_without_a_common_relation_are_live_at_the_same_time() {
    let mut world = World::with(&shared(""));
    world.land("orders/a.csv");
    world.wait(2);
    world.land("customers/a.csv");
    world.wait(2);
    assert_eq!(world.board.runs.len(), 2);
}

#[test]
fn on_run_hooks_that_write_tables_allow_one_live_run() {
    let mut world = World::with(&shared("hooks: exclusive,"));
    world.land("orders/a.csv");
    world.wait(2);
    world.land("customers/a.csv");
    world.wait(2);
    assert_eq!(world.board.runs.len(), 1);
    world.succeed();
    assert_eq!(world.plans.len(), 2);
}

#[test]
fn a_common_extra_lease_keeps_two_runs_apart() {
    let yaml = shared("");
    let edit = |manifest: &mut serde_json::Value| {
        meta("model.jaffle.stg_orders", serde_json::json!({ "lease": "the export" }))(manifest);
        meta("model.jaffle.stg_customers", serde_json::json!({ "lease": ["other", "the export"] }))(manifest);
    };
    let mut world = World::on(release_of("r1", &yaml, None, &edit));
    world.land("orders/a.csv");
    world.wait(2);
    assert!(world.last_plan().writes.contains(&"lease:the export".to_owned()), "{:?}", world.last_plan().writes);
    world.land("customers/a.csv");
    world.wait(2);
    assert_eq!(world.board.runs.len(), 1);
    world.succeed();
    assert_eq!(models(&world.last_plan()), ["stg_customers"]);
}

#[test]
fn an_extra_lease_that_is_no_name_is_refused() {
    let index = super::world::index_of(&meta("model.jaffle.stg_orders", serde_json::json!({ "lease": 3 })));
    let problems = compile(&CompileInput {
        id: &ReleaseId::parse("r").unwrap(),
        index: &index,
        project: &LandfallYml::from_yaml(PROJECT).unwrap(),
        landing_bucket: Some("landing-bucket"),
        base: None,
        existing: &BTreeSet::new(),
        task_definition: None,
    });
    assert!(problems.unwrap_err().to_string().contains("model.jaffle.stg_orders: meta.landfall"));
}

#[test]
fn a_test_that_stores_its_failures_writes_a_relation() {
    let test = "test.jaffle.unique_stg_orders_order_id";
    let found =
        super::world::index().nodes().map(|node| node.unique_id().to_owned()).find(|id| id.starts_with(test)).unwrap();
    let id = found.clone();
    let edit = move |manifest: &mut serde_json::Value| {
        manifest["nodes"][&id]["config"]["store_failures"] = true.into();
        manifest["nodes"][&id]["alias"] = "Failures_Of_Orders".into();
    };
    let mut world = World::on(release_of("r1", &shared(""), None, &edit));
    world.land("orders/a.csv");
    world.wait(2);
    let plan = world.last_plan();
    assert!(plan.nodes.iter().any(|node| node.id.as_str() == found), "the test is part of the run");
    assert!(plan.writes.iter().any(|key| key.ends_with(".failures_of_orders")), "{:?}", plan.writes);
}

#[test]
fn relations_stay_held_for_the_drain_after_a_run() {
    let mut world = World::with(&shared("drain: 5m,"));
    world.land("orders/a.csv");
    world.wait(2);
    world.now += SignedDuration::from_secs(60);
    world.succeed();
    assert!(world.board.runs.is_empty());
    world.land("orders/b.csv");
    world.wait(2);
    assert_eq!(world.plans.len(), 1, "its statements may still be running");
    let until = world.board.draining[0].until;
    assert_eq!(next_due(&world.board, Some(&world.release), world.now), Some(until));
    world.land("customers/a.csv");
    world.wait(2);
    assert_eq!(world.plans.len(), 2, "a drain keeps no other relations and no place");
    world.now = until;
    world.decide(&Input::Tick);
    assert_eq!(world.plans.len(), 3);
    assert!(world.board.draining.is_empty());
}

#[test]
fn a_retry_waits_for_the_drain_too() {
    let mut world = World::with(&shared("drain: 5m,"));
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Interrupted, |_| None);
    world.stop(stop);
    assert_eq!(
        world.board.runs[&run].attempt.state,
        AttemptState::Starting { not_before: world.now + SignedDuration::from_mins(5) }
    );
}

#[test]
fn an_entry_past_the_fairness_limit_reserves_its_relations_and_a_place() {
    let yaml = shared("").replace("select: stg_orders", "select: 'stg_orders stg_customers'").replace(
        "crm.accounts:",
        "payments: { location: \"s3://landing-bucket/pay/\", select: stg_payments }\n  crm.accounts:",
    );
    let mut world = World::with(&yaml);
    for dataset in ["jaffle.raw_orders", "jaffle.raw_customers", "jaffle.raw_payments", "payments"] {
        world.board.datasets.entry(dataset.parse().unwrap()).or_default().loaded = true;
    }
    world.land("customers/a.csv");
    world.wait(2);
    world.land("orders/a.csv");
    world.wait(2);
    assert_eq!(world.board.runs.len(), 1, "stg_customers is taken");
    world.now += SignedDuration::from_mins(11);
    world.land("pay/a.csv");
    world.wait(2);
    assert_eq!(world.board.runs.len(), 1, "the last place is reserved for the older entry");
    world.succeed();
    assert_eq!(world.last_plan().triggers.len(), 2, "then both run, as one");
}

#[test]
fn no_entry_skips_ahead_because_of_a_run_planned_in_the_same_decision() {
    let yaml = shared("").replace("max_parallel: 2", "max_parallel: 3").replace(
        "crm.accounts: { location: \"s3://landing-bucket/accounts/\",",
        "jaffle.raw_payments: { ready: { every_object: true }, before: [{ run-operation: load_payments }], select: 'stg_orders stg_customers' }\n  \
         crm.accounts: { location: \"s3://landing-bucket/accounts/\", select: stg_orders,",
    );
    let mut world = World::with(&yaml.replace("event: true", "every_object: true"));
    for dataset in ["jaffle.raw_orders", "jaffle.raw_customers", "jaffle.raw_payments", "crm.accounts"] {
        world.board.datasets.entry(dataset.parse().unwrap()).or_default().loaded = true;
    }
    world.action(OperatorAction::Pause { dataset: None });
    for key in ["accounts/a.csv", "payments/a.csv", "customers/a.csv"] {
        world.land(key);
        world.wait(2);
    }
    world.now += SignedDuration::from_mins(11);
    world.action(OperatorAction::Resume { dataset: None });
    let plan = world.last_plan();
    assert_eq!(
        (world.plans.len(), models(&plan)),
        (1, vec!["stg_orders"]),
        "the youngest would take the relation of the second"
    );
    world.succeed();
    assert_eq!(models(&world.last_plan()), ["stg_customers", "stg_orders"]);
    world.succeed();
    assert_eq!((world.plans.len(), models(&world.last_plan())), (3, vec!["stg_customers"]));
}

#[test]
fn an_entry_of_which_no_node_can_run_reserves_nothing() {
    let yaml = shared("").replace("select: stg_orders", "select: 'account_revenue stg_customers,resource_type:test'");
    let mut world = World::with(&yaml);
    world.land("orders/a.csv");
    world.wait(2);
    assert!(world.plans.is_empty(), "it waits for the first load of another dataset");
    world.now += SignedDuration::from_mins(11);
    world.land("customers/a.csv");
    world.wait(2);
    assert_eq!(world.plans.len(), 1, "the younger entry goes first");
}

#[test]
fn an_overdue_task_is_stopped_and_keeps_its_leases_until_it_stopped() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    world.now += SignedDuration::from_mins(40);
    let (run, attempt) = world.start();
    let stops = |world: &World| {
        let wanted = effects(&world.board, Some(&world.release), world.now);
        wanted.into_iter().filter(|effect| matches!(effect, Effect::StopTask { .. })).count()
    };
    world.wait(20 * 60);
    assert_eq!(stops(&world), 0, "the limit is 10 minutes for the run and 10 more");
    world.wait(1);
    assert_eq!(stops(&world), 1);
    world.land("orders/b.csv");
    world.wait(60);
    assert_eq!((world.plans.len(), stops(&world)), (1, 1), "asking to stop ends no lease");
    let stop = world.stop_of(&run, attempt, Outcome::Interrupted, |_| Some(NodeStatus::Success));
    world.stop(stop);
    assert!(world.board.backlog.contains_key(&Trigger::Load("jaffle.raw_orders".parse().unwrap())));
    assert!(!world.board.runs.contains_key(&run) || world.board.runs[&run].attempt.number == 2);
}

#[test]
fn a_run_that_is_dropped_between_two_attempts_keeps_its_relations_for_the_drain() {
    let yaml = shared("drain: 5m,");
    let mut world = World::with(&yaml);
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let failed = world.stop_of(&run, attempt, Outcome::Failed, |_| Some(NodeStatus::Error));
    world.stop(failed);
    assert_eq!(world.board.runs[&run].attempt.number, 2, "the second attempt waits for the end of the drain");
    let next = super::world::release("r2", &yaml, Some(&world.release));
    world.offer(next, false);
    world.decide(&Input::Revoked { run: run.clone(), attempt: 2 });
    assert!(world.board.runs.is_empty() && world.plans.len() == 1, "statements of its first attempt may still execute");
    let until = world.board.draining[0].until;
    world.now = until;
    world.decide(&Input::Tick);
    assert_eq!(world.plans.len(), 2);
}
