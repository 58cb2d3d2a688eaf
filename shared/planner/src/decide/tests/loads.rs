use super::world::{World, models};
use crate::{DatasetName, InboundEvent, Input, LedgerOutcome, LedgerSubject, Step, Trigger};

#[test]
fn a_load_runs_its_models_once_it_is_quiet() {
    let mut world = World::new();
    world.land("orders/a.csv");
    assert!(world.last_outcome().starts_with("Mapped"));
    world.wait(1);
    assert!(world.plans.is_empty(), "not quiet yet");
    world.wait(1);
    let plan = world.last_plan();
    assert_eq!(models(&plan), ["daily_sales", "fct_orders", "stg_orders", "countries"]);
    let waiting: Vec<String> = plan.waiting.iter().map(|node| format!("{} {}", node.id, node.reason)).collect();
    assert!(
        waiting
            .iter()
            .any(|w| w.starts_with("model.jaffle.customer_orders waits for the first load of jaffle.raw_customers")),
        "{waiting:#?}"
    );
    assert!(plan.nodes.iter().all(|node| !node.id.as_str().contains("customer_cohorts")), "excluded by tag:nightly");
    assert!(matches!(plan.steps.as_slice(), [Step::Build(_), Step::Docs]));
}

#[test]
fn each_object_extends_the_quiet_time_but_not_beyond_at_most() {
    let mut world = World::new();
    for n in 0..9 {
        world.land(&format!("orders/{n}.csv"));
        world.wait(1);
        assert!(world.plans.is_empty(), "second {n}");
    }
    world.land("orders/9.csv");
    world.wait(1);
    assert_eq!(world.plans.len(), 1);
    let trigger = &world.last_plan().triggers[0];
    assert_eq!(
        (trigger.generation, trigger.reason.as_str()),
        (1, "10 events, the last s3://landing-bucket/orders/9.csv (warning: objects kept arriving for 10s (at_most))")
    );
}

#[test]
fn an_event_delivered_five_times_starts_one_run() {
    let mut world = World::new();
    let event = InboundEvent::ObjectCreated(world.object("orders/a.csv"));
    world.decide(&Input::Events(&[event.clone(), event.clone()]));
    world.wait(2);
    world.decide(&Input::Events(std::slice::from_ref(&event)));
    assert_eq!(world.last_outcome(), "Covered: delivered before");
    world.succeed();
    world.decide(&Input::Events(std::slice::from_ref(&event)));
    world.wait(30);
    world.decide(&Input::Events(&[event]));
    world.wait(30);
    assert_eq!(world.plans.len(), 1);
}

#[test]
fn waiting_nodes_run_with_the_load_of_the_other_dataset_and_complete_both_entries() {
    let mut world = World::new();
    world.load("orders/a.csv");
    assert!(world.backlog("load:jaffle.raw_orders") > 0, "what waits is pending");
    assert_eq!(world.plans.len(), 1, "it starts no run by itself");
    world.now += jiff::SignedDuration::from_secs(60);
    let plan = world.load("customers/a.csv");
    let names = models(&plan);
    assert!(names.contains(&"customer_orders") && names.contains(&"stg_customers"), "{names:?}");
    assert!(!names.contains(&"stg_orders"), "completed nodes are not built again: {names:?}");
    assert!(plan.triggers.iter().any(|trigger| trigger.trigger == Trigger::Load("jaffle.raw_orders".parse().unwrap())));
}

#[test]
fn a_trigger_of_which_no_node_can_run_is_not_in_the_plan() {
    let mut world = World::new();
    world.load("orders/a.csv");
    world.now += jiff::SignedDuration::from_secs(60);
    world.load("customers/a.csv");
    assert!(world.backlog("load:jaffle.raw_customers") > 0, "account_revenue waits for crm.accounts");
    world.now += jiff::SignedDuration::from_secs(60);
    let plan = world.load("orders/b.csv");
    let triggers: Vec<String> = plan.triggers.iter().map(|trigger| trigger.trigger.to_string()).collect();
    assert_eq!(triggers, ["load:jaffle.raw_orders"]);
}

#[test]
fn a_load_during_a_run_is_followed_by_one_more_run() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    for n in 0..5 {
        world.now += jiff::SignedDuration::from_secs(20);
        world.land(&format!("orders/late{n}.csv"));
        world.wait(3);
    }
    assert_eq!(world.plans.len(), 1, "one run has the whole warehouse");
    let mut stop = world.stop_of(&run, attempt, crate::Outcome::Succeeded, |_| Some(crate::NodeStatus::Success));
    stop.claim.as_mut().unwrap().written_at = world.board.runs[&run].planned_at;
    world.stop(stop);
    assert_eq!(world.plans.len(), 2);
    world.succeed();
    world.wait(600);
    assert_eq!(world.plans.len(), 2);
}

#[test]
fn an_object_written_before_the_read_point_is_covered_however_late_its_event_arrives() {
    let mut world = World::new();
    let late = world.object("orders/late.csv");
    world.land("orders/a.csv");
    world.wait(2);
    world.now += jiff::SignedDuration::from_secs(180);
    world.succeed();
    world.decide(&Input::Events(&[InboundEvent::ObjectCreated(late)]));
    assert_eq!(world.last_outcome(), "Covered: a run that began to read later has read its data");
}

#[test]
fn an_event_that_arrives_during_the_run_that_read_its_data_needs_no_run() {
    let mut world = World::new();
    let late = world.object("orders/late.csv");
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    world.now += jiff::SignedDuration::from_secs(180);
    world.decide(&Input::Events(&[InboundEvent::ObjectCreated(late)]));
    assert!(world.last_outcome().starts_with("Mapped"), "the read point is not known yet");
    let stop = world.stop_of(&run, attempt, crate::Outcome::Succeeded, |_| Some(crate::NodeStatus::Success));
    world.stop(stop);
    world.wait(60);
    assert_eq!(world.plans.len(), 1);
}

#[test]
fn an_unmapped_object_names_the_nearest_location_and_starts_nothing() {
    let mut world = World::new();
    world.land("order/a.csv");
    let detail = world.last_outcome();
    assert_eq!(
        detail,
        "Unmapped: no dataset's location matches the key; the nearest is s3://landing-bucket/orders/ of jaffle.raw_orders"
    );
    world.land("orders/_SUCCESS");
    assert!(world.last_outcome().starts_with("Ignored"));
    world.wait(60);
    assert!(world.plans.is_empty());
}

#[test]
fn an_object_with_data_is_a_load_even_if_its_key_ends_with_a_slash() {
    let mut world = World::new();
    let mut object = world.object("orders/dt=1/");
    object.size = Some(1_220);
    world.decide(&Input::Events(&[InboundEvent::ObjectCreated(object)]));
    assert!(world.last_outcome().starts_with("Mapped"), "{}", world.last_outcome());
}

#[test]
fn a_hostile_key_is_data_and_reaches_no_command() {
    let mut world = World::new();
    let key = "orders/-rf $(x) '\"; +%20\n\u{1f355}.csv";
    world.land(key);
    world.wait(2);
    let plan = world.last_plan();
    let steps = serde_json::to_string(&plan.steps).unwrap();
    let call = serde_json::to_string(&plan.run_task(1)).unwrap();
    assert!(!steps.contains("-rf") && !call.contains("-rf"));
    assert!(call.len() < 1024, "the override stays small: {}", call.len());
}

#[test]
fn a_dataset_with_loader_events_ignores_its_objects_and_does_its_operations_first() {
    let mut world = World::new();
    world.land("accounts/a.csv");
    assert!(world.last_outcome().starts_with("Ignored"), "{}", world.last_outcome());
    world.loaded("crm.accounts", "b1");
    let plan = world.last_plan();
    assert!(matches!(&plan.steps[0], Step::RunOperation { operation, .. } if operation == "load_accounts"));
    assert_eq!(models(&plan), ["stg_accounts"]);
    world.succeed();
    assert!(world.backlog("load:crm.accounts") > 0, "account_revenue waits");
    assert_eq!(world.plans.len(), 1, "the operations are not repeated for it");
    world.wait(60);
    assert_eq!(world.plans.len(), 1);
    world.loaded("crm.accounts", "b1");
    assert_eq!(world.last_outcome(), "Covered: delivered before");
    world.now += jiff::SignedDuration::from_secs(60);
    world.load("orders/a.csv");
    let plan = world.load("customers/a.csv");
    assert!(models(&plan).contains(&"account_revenue"), "{:?}", models(&plan));
    assert!(plan.steps.iter().all(|step| !matches!(step, Step::RunOperation { .. })), "loaded already");
    assert_eq!(world.backlog("load:crm.accounts"), 0);
    world.loaded("crm.accountz", "b2");
    assert!(world.last_outcome().contains("it has crm.accounts"), "{}", world.last_outcome());
}

#[test]
fn two_datasets_that_become_ready_together_share_one_run() {
    let mut world = World::new();
    let batch = [
        InboundEvent::ObjectCreated(world.object("orders/a.csv")),
        InboundEvent::ObjectCreated(world.object("customers/a.csv")),
    ];
    world.decide(&Input::Events(&batch));
    world.wait(2);
    assert_eq!(world.plans.len(), 1);
    assert_eq!(world.last_plan().triggers.len(), 2);
    assert!(models(&world.last_plan()).contains(&"customer_orders"));
}

#[test]
fn an_object_in_the_locations_of_two_datasets_is_a_load_of_both_in_one_line() {
    let mut world = World::with(
        "version: 1\nloads: { ready: { every_object: true } }\ndatasets:\n  jaffle.raw_orders: { location: 'orders/**/*.csv' }\n  jaffle.raw_customers: { location: 'orders/sub/*.csv' }",
    );
    world.land("orders/sub/1.csv");
    let line = world.lines.iter().find(|line| matches!(line.about, LedgerSubject::Object { .. })).unwrap();
    assert_eq!(line.outcome, LedgerOutcome::Mapped);
    assert_eq!(line.detail, "opened load 1 of jaffle.raw_customers; opened load 1 of jaffle.raw_orders");
    for name in ["jaffle.raw_orders", "jaffle.raw_customers"] {
        assert_eq!(line.about.generation_of(&DatasetName::parse(name).unwrap()), Some(1));
    }
    let lines = world.lines.len();
    world.land("orders/deep/er/2.csv");
    assert!(world.lines[lines].detail.contains("jaffle.raw_orders"), "{:?}", world.lines[lines]);
    assert!(!world.lines[lines].detail.contains("customers"), "{:?}", world.lines[lines]);
    world.land("orders/x.json");
    assert!(world.last_outcome().starts_with("Unmapped: s3://landing-bucket/orders/**/*.csv"));
}
