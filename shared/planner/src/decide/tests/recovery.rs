use jiff::SignedDuration;

use super::world::{PROJECT, World, models, release_of};
use crate::{Board, Input, LedgerOutcome, Plan, RecoveredClaim, RecoveredRun, RecoveryInput, RunId};

fn found(plan: &Plan, world: &World, claimed: bool) -> RecoveredRun {
    let task_arn = World::arn(&plan.run_id, 1);
    let claimed = claimed.then_some(RecoveredClaim { attempt: 1, task_arn, claimed_at: world.now });
    RecoveredRun { plan: plan.clone(), claimed }
}

fn recover(runs: Vec<RecoveredRun>) -> Input<'static> {
    Input::Recover(Box::new(RecoveryInput { runs, ..RecoveryInput::default() }))
}

/// A world whose board was lost after a run was started, and restored from before the run. Returns the lost board, too.
fn restored() -> (World, Plan, Board) {
    let mut world = World::new();
    world.load("orders/a.csv");
    let old = world.board.clone();
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    world.start();
    let plan = world.last_plan();
    let lost = std::mem::replace(&mut world.board, old);
    (world, plan, lost)
}

#[test]
fn a_claimed_run_holds_its_relations_until_it_is_seen_stopped_and_completes_nothing() {
    let (mut world, plan, lost) = restored();
    let run = plan.run_id.clone();
    world.decide(&recover(vec![found(&plan, &world, true)]));
    assert_eq!(world.board.epoch, lost.epoch + 1);
    assert!(world.board.seq > lost.seq && world.board.runs.contains_key(&run));
    assert_eq!(world.plans.last().unwrap().run_id, run, "that run has the whole warehouse");
    let backlog = world.backlog("load:jaffle.raw_orders");
    let entry = &world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()];
    assert!(entry.generation > lost.datasets[&"jaffle.raw_orders".parse().unwrap()].generation);
    let stop = world.stop_of(&run, 1, crate::Outcome::Succeeded, |_| Some(crate::NodeStatus::Success));
    world.stop(stop);
    assert_eq!(world.backlog("load:jaffle.raw_orders"), backlog, "it is another board's");
    assert_ne!(world.last_plan().run_id, run, "the pending nodes run after it");
    assert!(
        world.last_plan().triggers[0].reason.starts_with("the board was restored"),
        "{:?}",
        world.last_plan().triggers
    );
}

#[test]
fn an_adopted_run_that_fails_is_not_tried_again() {
    let (mut world, plan, _) = restored();
    world.decide(&recover(vec![found(&plan, &world, true)]));
    let stop = world.stop_of(&plan.run_id, 1, crate::Outcome::Interrupted, |_| None);
    world.stop(stop);
    assert!(!world.board.runs.contains_key(&plan.run_id));
    assert_eq!(world.board.runs.len(), 1, "its triggers are pending and run again");
}

#[test]
fn an_unclaimed_run_is_dropped_and_everything_is_pending_at_once() {
    let mut world = World::new();
    world.load("orders/a.csv");
    world.now += SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    let plan = world.last_plan();
    world.decide(&recover(vec![found(&plan, &world, false)]));
    assert!(!world.board.runs.contains_key(&plan.run_id));
    assert!(world.lines.iter().any(|line| line.outcome == LedgerOutcome::Dropped));
    assert_ne!(world.last_plan().run_id, plan.run_id);
    assert!(models(&world.last_plan()).contains(&"stg_orders"));
}

#[test]
fn a_run_on_the_board_with_an_unknown_claim_stays() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, _) = world.start();
    world.decide(&recover(Vec::new()));
    assert!(world.board.runs.contains_key(&run));
    assert!(world.board.runs[&run].triggers.is_empty(), "it completes nothing that it did not plan");
}

#[test]
fn no_event_is_covered_by_what_the_restored_board_remembers() {
    let mut world = World::new();
    let early = world.object("orders/a.csv");
    world.load("orders/a.csv");
    world.decide(&recover(Vec::new()));
    world.decide(&Input::Events(&[crate::InboundEvent::ObjectCreated(early)]));
    assert!(world.last_outcome().starts_with("Mapped"), "{}", world.last_outcome());
}

#[test]
fn a_dataset_that_only_a_found_plan_knows_is_pending_too() {
    let (mut world, plan, lost) = restored();
    world.board = Board::new(world.now);
    world.board.release = lost.release;
    world.decide(&recover(vec![found(&plan, &world, false)]));
    assert!(world.backlog("load:jaffle.raw_orders") > 0);
}

#[test]
fn a_dataset_that_only_the_ledger_knows_is_pending_too_and_the_ledger_continues() {
    let (mut world, _, lost) = restored();
    world.board = Board::new(world.now);
    world.board.release = lost.release;
    let datasets = ["jaffle.raw_orders".parse().unwrap()].into();
    let found = RecoveryInput { datasets, ledger: lost.ledger.clone(), ..RecoveryInput::default() };
    world.decide(&Input::Recover(Box::new(found)));
    assert!(world.backlog("load:jaffle.raw_orders") > 0);
    assert!(world.board.ledger > lost.ledger, "the next object follows the last one of the lost boards");
}

#[test]
fn a_run_with_relations_unknown_to_the_release_blocks_all_others() {
    let yaml = PROJECT.replace("max_parallel: 2,", "max_parallel: 2, warehouse: shared,");
    let mut world = World::on(release_of("r1", &yaml, None, &|_| {}));
    world.load("orders/a.csv");
    let mut plan = world.last_plan();
    plan.run_id = RunId::parse("another").unwrap();
    plan.writes.push("db.schema.of_a_later_release".to_owned());
    let claim = RecoveredClaim { attempt: 2, task_arn: World::arn(&plan.run_id, 2), claimed_at: world.now };
    world.decide(&recover(vec![RecoveredRun { plan, claimed: Some(claim) }]));
    let plans = world.plans.len();
    world.land("customers/a.csv");
    world.wait(600);
    assert_eq!(world.plans.len(), plans);
}
