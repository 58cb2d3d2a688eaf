use jiff::SignedDuration;

use super::world::{PROJECT, World, release};
use crate::{NodeStatus, OperatorAction, OrdinalSet, Outcome, Trigger, WaitReason, WaitingNodes, wait_reasons};

/// Every pending node is reasons of exactly once.
fn reasons(world: &World) -> Vec<WaitingNodes> {
    let all = wait_reasons(&world.board, &world.release, world.now);
    for (trigger, entry) in &world.board.backlog {
        let parts: Vec<&OrdinalSet> = all.iter().filter(|w| w.trigger == *trigger).map(|w| &w.nodes).collect();
        let union = parts.iter().fold(OrdinalSet::new(), |all, part| all.union(part));
        assert_eq!(union, *entry.nodes, "{trigger}: {all:#?}");
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), entry.nodes.len(), "{trigger}");
    }
    all
}

fn reasons_of(world: &World, trigger: &str) -> Vec<WaitReason> {
    let trigger: Trigger = trigger.parse().unwrap();
    reasons(world).into_iter().filter(|w| w.trigger == trigger).map(|w| w.why).collect()
}

const ORDERS: &str = "load:jaffle.raw_orders";

#[test]
fn a_gathering_load_explains_what_it_expects_and_until_when() {
    for (ready, text) in [
        ("quiet: 2s, at_most: 10s", "until no object arrives for 2s"),
        ("marker: _SUCCESS", "for the marker _SUCCESS"),
        ("count: 3, per: 'dt=*'", "so far 1 of 3 of dt=1"),
        ("delay: 15m", "for 15m after the last object"),
    ] {
        let mut world = World::with(&PROJECT.replace("quiet: 2s, at_most: 10s", ready));
        world.land("orders/dt=1/a.csv");
        let why = reasons_of(&world, ORDERS);
        assert!(
            matches!(why.as_slice(), [WaitReason::Gathering { .. }]) && why[0].to_string().contains(text),
            "{why:?}"
        );
    }
}

#[test]
fn running_nodes_and_nodes_without_parents_have_different_reasons() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, _) = world.start();
    let why = reasons_of(&world, ORDERS);
    assert_eq!(why[0], WaitReason::InRun(run));
    assert!(
        why[1..].iter().all(|why| matches!(why, WaitReason::Parents(reason) if reason.contains("first load of"))),
        "{why:?}"
    );
    assert!(why.len() > 1);
    world.land("customers/a.csv");
    world.wait(2);
    let why = reasons_of(&world, "load:jaffle.raw_customers");
    assert!(why.iter().any(|why| matches!(why, WaitReason::Held { relation: None, .. })), "{why:?}");
}

#[test]
fn a_pause_a_failure_and_an_interval_are_explained() {
    let yaml = PROJECT.replace("docs:", "retry: [relaunch]\ndocs:").replace("loads: {", "loads: { min_interval: 1h,");
    let mut world = World::with(&yaml);
    world.land("orders/a.csv");
    world.action(OperatorAction::Pause { dataset: Some("jaffle.raw_orders".parse().unwrap()) });
    assert_eq!(reasons_of(&world, ORDERS), [WaitReason::Paused(Some("jaffle.raw_orders".parse().unwrap()))]);
    world.action(OperatorAction::Pause { dataset: None });
    assert_eq!(reasons_of(&world, ORDERS), [WaitReason::Paused(None)]);
    world.action(OperatorAction::Resume { dataset: None });
    world.action(OperatorAction::Resume { dataset: Some("jaffle.raw_orders".parse().unwrap()) });
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, |_| Some(NodeStatus::Error));
    world.stop(stop);
    let why = reasons_of(&world, ORDERS);
    assert!(matches!(&why[0], WaitReason::Quarantined { run: Some(failed), .. } if *failed == run), "{why:?}");
    assert!(why[0].to_string().contains("landfall retry"), "{}", why[0]);
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    assert!(matches!(reasons_of(&world, ORDERS).as_slice(), [WaitReason::MinInterval(_)]));
}

#[test]
fn runs_per_day_and_an_unapproved_release_are_explained() {
    let yaml = PROJECT.replace("docs:", "limits: { runs_per_day: 1 }\ndocs:");
    let mut world = World::with(&yaml);
    world.load("orders/a.csv");
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    assert!(reasons_of(&world, ORDERS).iter().any(|why| matches!(why, WaitReason::RunsPerDay(_))));
    let yaml = PROJECT.replace("runs:", "release: { select: '*', max_nodes: 3 }\nruns:");
    let next = release("r2", &yaml, Some(&world.release));
    world.offer(next, false);
    assert!(
        matches!(reasons_of(&world, "release").as_slice(), [WaitReason::Approval(_)]),
        "{:?}",
        reasons_of(&world, "release")
    );
}

#[test]
fn leases_a_drain_and_reservations_are_explained() {
    let yaml = PROJECT
        .replace("max_parallel: 2,", "max_parallel: 2, warehouse: shared, drain: 5m,")
        .replace("select: \"tag:orders+\"", "select: stg_orders")
        .replace("select: \"tag:customers+\"", "select: 'stg_customers stg_orders'");
    let mut world = World::with(&yaml);
    for dataset in ["jaffle.raw_orders", "jaffle.raw_customers", "jaffle.raw_payments"] {
        world.board.datasets.entry(dataset.parse().unwrap()).or_default().loaded = true;
    }
    world.land("orders/a.csv");
    world.wait(2);
    world.land("customers/a.csv");
    world.wait(2);
    let why = reasons_of(&world, "load:jaffle.raw_customers");
    assert!(
        matches!(&why[0], WaitReason::Held { relation: Some(relation), .. } if relation.ends_with("stg_orders")),
        "{why:?}"
    );
    world.now += SignedDuration::from_mins(11);
    world.land("payments/a.csv");
    world.wait(2);
    let why = reasons_of(&world, "load:jaffle.raw_payments");
    assert!(why.contains(&WaitReason::SlotReserved("load:jaffle.raw_customers".parse().unwrap())), "{why:?}");
    world.succeed();
    let why = reasons_of(&world, "load:jaffle.raw_customers");
    assert!(matches!(why.as_slice(), [WaitReason::Drain { .. }]), "{why:?}");
}
