use jiff::SignedDuration;

use super::world::{PROJECT, World, release};
use crate::{Ask, Cause, NodeStatus, Outcome, Set, Waiting, Why, waits};

/// Every owed node is told of exactly once.
fn told(world: &World) -> Vec<Waiting> {
    let all = waits(&world.board, &world.release, world.now);
    for (cause, debt) in &world.board.owed {
        let parts: Vec<&Set> = all.iter().filter(|w| w.cause == *cause).map(|w| &w.nodes).collect();
        let union = parts.iter().fold(Set::new(), |all, part| all.union(part));
        assert_eq!(union, *debt.nodes, "{cause}: {all:#?}");
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), debt.nodes.len(), "{cause}");
    }
    all
}

fn whys(world: &World, cause: &str) -> Vec<Why> {
    let cause: Cause = cause.parse().unwrap();
    told(world).into_iter().filter(|w| w.cause == cause).map(|w| w.why).collect()
}

const ORDERS: &str = "load:jaffle.raw_orders";

#[test]
fn a_load_tells_what_it_gathers_for_and_until_when() {
    for (ready, words) in [
        ("quiet: 2s, at_most: 10s", "until nothing more has come for 2s"),
        ("marker: _SUCCESS", "for the marker _SUCCESS"),
        ("count: 3, per: 'dt=*'", "so far 1 of 3 of dt=1"),
        ("delay: 15m", "for 15m after the last object"),
    ] {
        let mut world = World::with(&PROJECT.replace("quiet: 2s, at_most: 10s", ready));
        world.land("orders/dt=1/a.csv");
        let why = whys(&world, ORDERS);
        assert!(matches!(why.as_slice(), [Why::Gathering { .. }]) && why[0].to_string().contains(words), "{why:?}");
    }
}

#[test]
fn what_runs_and_what_waits_for_the_first_load_of_another_are_told_apart() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, _) = world.start();
    let why = whys(&world, ORDERS);
    assert_eq!(why[0], Why::Runs(run));
    assert!(
        why[1..].iter().all(|why| matches!(why, Why::Parents(reason) if reason.contains("first load of"))),
        "{why:?}"
    );
    assert!(why.len() > 1);
    world.land("customers/a.csv");
    world.wait(2);
    let why = whys(&world, "load:jaffle.raw_customers");
    assert!(why.iter().any(|why| matches!(why, Why::Held { relation: None, .. })), "{why:?}");
}

#[test]
fn a_pause_a_failure_and_an_interval_are_told() {
    let yaml = PROJECT.replace("docs:", "retry: [relaunch]\ndocs:").replace("loads: {", "loads: { min_interval: 1h,");
    let mut world = World::with(&yaml);
    world.land("orders/a.csv");
    world.ask(Ask::Pause { dataset: Some("jaffle.raw_orders".parse().unwrap()) });
    assert_eq!(whys(&world, ORDERS), [Why::Paused(Some("jaffle.raw_orders".parse().unwrap()))]);
    world.ask(Ask::Pause { dataset: None });
    assert_eq!(whys(&world, ORDERS), [Why::Paused(None)]);
    world.ask(Ask::Resume { dataset: None });
    world.ask(Ask::Resume { dataset: Some("jaffle.raw_orders".parse().unwrap()) });
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, |_| Some(NodeStatus::Error));
    world.stop(stop);
    let why = whys(&world, ORDERS);
    assert!(matches!(&why[0], Why::Stuck { run: Some(failed), .. } if *failed == run), "{why:?}");
    assert!(why[0].to_string().contains("landfall retry"), "{}", why[0]);
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    assert!(matches!(whys(&world, ORDERS).as_slice(), [Why::MinInterval(_)]));
}

#[test]
fn a_spent_day_and_an_unapproved_release_are_told() {
    let yaml = PROJECT.replace("docs:", "limits: { runs_per_day: 1 }\ndocs:");
    let mut world = World::with(&yaml);
    world.load("orders/a.csv");
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    assert!(whys(&world, ORDERS).iter().any(|why| matches!(why, Why::RunsPerDay(_))));
    let yaml = PROJECT.replace("runs:", "release: { select: '*', max_nodes: 3 }\nruns:");
    let next = release("r2", &yaml, Some(&world.release));
    world.offer(next, false);
    assert!(matches!(whys(&world, "release").as_slice(), [Why::Approval(_)]), "{:?}", whys(&world, "release"));
}

#[test]
fn leases_a_drain_and_reserved_places_are_told() {
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
    let why = whys(&world, "load:jaffle.raw_customers");
    assert!(
        matches!(&why[0], Why::Held { relation: Some(relation), .. } if relation.ends_with("stg_orders")),
        "{why:?}"
    );
    world.now += SignedDuration::from_mins(11);
    world.land("payments/a.csv");
    world.wait(2);
    let why = whys(&world, "load:jaffle.raw_payments");
    assert!(why.contains(&Why::Place("load:jaffle.raw_customers".parse().unwrap())), "{why:?}");
    world.succeed();
    let why = whys(&world, "load:jaffle.raw_customers");
    assert!(matches!(why.as_slice(), [Why::Drain { .. }]), "{why:?}");
}
