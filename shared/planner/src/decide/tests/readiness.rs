use super::world::{PROJECT, World, models};
use crate::{InboundEvent, Input};

fn with(ready: &str) -> World {
    World::with(&PROJECT.replace("quiet: 2s, at_most: 10s", ready))
}

fn reason(world: &World) -> String {
    world.last_plan().triggers[0].reason.clone()
}

#[test]
fn a_marker_completes_the_load_and_is_mapped() {
    let mut world = with("marker: _SUCCESS, at_most: 1h");
    world.land("orders/dt=1/a.csv");
    world.wait(600);
    assert!(world.plans.is_empty(), "no marker yet");
    world.land("orders/dt=1/_SUCCESS");
    assert!(world.lines.iter().any(|line| line.detail == "joined load 1 of jaffle.raw_orders: its marker"));
    assert_eq!(world.plans.len(), 1);
    assert!(models(&world.last_plan()).contains(&"stg_orders"));
    world.land("orders/dt=1/_temporary");
    assert!(world.last_outcome().starts_with("Ignored"), "{}", world.last_outcome());
}

#[test]
fn a_run_without_its_marker_starts_with_a_warning_after_at_most() {
    let mut world = with("marker: _SUCCESS, at_most: 1h");
    world.land("orders/a.csv");
    world.wait(3599);
    assert!(world.plans.is_empty());
    world.wait(1);
    assert!(reason(&world).contains("no _SUCCESS arrived within 1h (at_most)"), "{}", reason(&world));
    let planned = world.lines.iter().find(|line| line.event.ends_with("/planned")).unwrap();
    assert!(planned.detail.contains("no _SUCCESS arrived"), "{}", planned.detail);
    assert_eq!(
        world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()].warning,
        None,
        "the warning is in one plan only"
    );
}

#[test]
fn a_group_is_ready_when_it_is_complete_and_a_duplicate_does_not_count() {
    let mut world = with("count: 3, per: 'dt=*', at_most: 1h");
    for key in ["orders/dt=1/a.csv", "orders/dt=1/b.csv", "orders/dt=2/a.csv", "orders/dt=1/a.csv", "orders/c.csv"] {
        world.now += jiff::SignedDuration::from_secs(1);
        world.land(key);
    }
    assert!(world.last_outcome().ends_with("it is in no group"), "{}", world.last_outcome());
    world.wait(60);
    assert!(world.plans.is_empty());
    world.land("orders/dt=1/c.csv");
    assert!(world.lines.iter().any(|line| line.detail.ends_with("3 of 3 of dt=1")), "{}", world.last_outcome());
    assert_eq!(world.plans.len(), 1);
    let groups = &world.board.datasets[&"jaffle.raw_orders".parse().unwrap()].groups;
    assert_eq!((groups.open.len(), groups.closed.len()), (1, 1));
}

#[test]
fn a_late_object_of_a_complete_group_opens_an_entry_but_no_count() {
    let mut world = with("count: 1, per: 'dt=*', at_most: 1h");
    world.land("orders/dt=1/a.csv");
    world.succeed();
    world.wait(60);
    world.land("orders/dt=1/b.csv");
    assert!(world.last_outcome().ends_with("late, dt=1 was complete"), "{}", world.last_outcome());
    assert_eq!(world.plans.len(), 1);
    world.wait(60);
    assert_eq!(world.plans.len(), 2, "after a minute of calm");
    assert!(world.board.datasets[&"jaffle.raw_orders".parse().unwrap()].groups.open.is_empty());
}

#[test]
fn an_incomplete_group_runs_after_at_most_and_its_further_objects_are_late() {
    let mut world = with("count: 3, per: 'dt=*', at_most: 1h");
    world.land("orders/dt=1/a.csv");
    world.land("orders/dt=1/b.csv");
    world.wait(3600);
    assert!(reason(&world).contains("only 2 of 3 of dt=1 arrived within 1h"), "{}", reason(&world));
    world.succeed();
    world.wait(60);
    world.land("orders/dt=1/c.csv");
    assert!(world.last_outcome().contains("late"), "{}", world.last_outcome());
}

#[test]
fn open_groups_are_bounded_and_the_oldest_runs_incomplete() {
    let mut world = with("count: 2, per: 'dt=*', at_most: 1h");
    for n in 0..=8 {
        world.wait(1);
        world.land(&format!("orders/dt={n}/a.csv"));
    }
    world.wait(1);
    assert!(reason(&world).contains("the run starts although dt=0 is incomplete"), "{}", reason(&world));
    let groups = &world.board.datasets[&"jaffle.raw_orders".parse().unwrap()].groups;
    assert_eq!(groups.open.len(), super::super::GROUPS_OPEN);
}

#[test]
fn a_delay_counts_from_the_last_object_and_shifts_the_covered_time() {
    let mut world = with("delay: 15m, at_most: 2h");
    world.land("orders/a.csv");
    world.wait(600);
    let early = world.object("orders/b.csv");
    world.decide(&Input::Events(&[InboundEvent::ObjectCreated(early)]));
    world.wait(600);
    assert!(world.plans.is_empty());
    let during = world.object("orders/c.csv");
    world.wait(300);
    assert_eq!(world.plans.len(), 1);
    world.wait(60);
    world.succeed();
    world.decide(&Input::Events(&[InboundEvent::ObjectCreated(during)]));
    assert!(world.last_outcome().starts_with("Mapped"), "its rows came later: {}", world.last_outcome());
}

#[test]
fn a_delay_ended_by_at_most_is_followed_by_a_run_for_the_last_objects() {
    let mut world = with("delay: 15m, at_most: 20m");
    for n in 0..4 {
        world.land(&format!("orders/{n}.csv"));
        world.wait(300);
    }
    assert_eq!(world.plans.len(), 1);
    assert!(reason(&world).contains("kept arriving"), "{}", reason(&world));
    world.succeed();
    let entry = &world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()];
    assert_eq!((entry.generation, entry.is_planned()), (2, false));
    world.wait(600);
    assert_eq!(world.plans.len(), 2);
    world.wait(60);
    world.succeed();
    world.wait(3600);
    assert_eq!(world.plans.len(), 2);
}

#[test]
fn a_covered_duplicate_extends_no_quiet_time() {
    let mut world = World::new();
    let event = InboundEvent::ObjectCreated(world.object("orders/a.csv"));
    world.decide(&Input::Events(std::slice::from_ref(&event)));
    world.wait(1);
    world.decide(&Input::Events(&[event]));
    world.wait(1);
    assert_eq!(world.plans.len(), 1);
}

#[test]
fn a_deletion_is_a_load_only_where_landfall_yml_says_so() {
    let mut world = World::new();
    let gone = InboundEvent::ObjectDeleted(world.object("orders/a.csv"));
    world.decide(&Input::Events(std::slice::from_ref(&gone)));
    assert!(world.last_outcome().starts_with("Ignored") && world.last_outcome().contains("on_delete"));
    let mut world = World::with(&PROJECT.replace("by_tag: true,", "by_tag: true, on_delete: load,"));
    world.load("orders/a.csv");
    world.now += jiff::SignedDuration::from_secs(60);
    let gone = InboundEvent::ObjectDeleted(world.object("orders/a.csv"));
    world.decide(&Input::Events(&[gone.clone(), gone]));
    assert_eq!(world.last_outcome(), "Covered: delivered before");
    world.wait(2);
    assert!(reason(&world).contains("deleted"), "{}", reason(&world));
}
