use super::world::{PROJECT, World};
use crate::{
    Capacity, Input, LedgerLine, LedgerOutcome, LedgerSubject, NodeStatus, Outcome, RunId, StopClass, StoppedTask,
    TaskArn,
};

fn planned() -> (World, RunId) {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let run = world.board.runs.keys().next().unwrap().clone();
    (world, run)
}

/// Stops the task of the live attempt in this way, after its claim and without a result.
fn lost(world: &mut World, run: &RunId, class: StopClass) {
    world.wait(600);
    let (_, attempt) = world.start();
    let whole = world.stop_of(run, attempt, Outcome::Succeeded, |_| None);
    world.stop(StoppedTask { class, exit_code: None, result: None, ..whole });
}

/// Stops the task of the live attempt in this way before its claim, and revokes the attempt.
fn never_ran(world: &mut World, run: &RunId, class: StopClass) {
    world.wait(600);
    let (_, attempt) = world.start();
    let whole = world.stop_of(run, attempt, Outcome::Succeeded, |_| None);
    world.stop(StoppedTask { class, exit_code: None, result: None, claim: None, ..whole });
    world.decide(&Input::Revoked { run: run.clone(), attempt });
}

fn class_of(line: &LedgerLine) -> Option<StopClass> {
    let LedgerSubject::Run { class, .. } = &line.about else { panic!("about no run: {line:?}") };
    *class
}

#[test]
fn only_a_result_of_the_task_is_a_success() {
    for (class, exit_code) in [
        (StopClass::Exited, Some(0)),
        (StopClass::NoExitCode, None),
        (StopClass::Gone, None),
        (StopClass::Killed, Some(137)),
    ] {
        let (mut world, run) = planned();
        let (_, attempt) = world.start();
        let whole = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
        let before = world.backlog("load:jaffle.raw_orders");
        world.stop(StoppedTask { class, exit_code, result: None, ..whole });
        assert_eq!(world.board.runs[&run].attempt.number, 2, "{class:?}: tried again");
        assert_eq!(world.backlog("load:jaffle.raw_orders"), before, "{class:?}: nothing is completed");
        let line = world.lines.last().unwrap();
        assert_eq!((line.outcome, class_of(line)), (LedgerOutcome::Retried, Some(class)));
    }
}

#[test]
fn a_missing_result_of_the_last_attempt_is_no_success_even_if_all_nodes_are_done() {
    let (mut world, run) = planned();
    let (_, attempt) = world.start();
    let before = world.backlog("load:jaffle.raw_orders");
    let stop = world.stop_of(&run, attempt, Outcome::Interrupted, |_| Some(NodeStatus::Success));
    world.stop(stop);
    let completed = world.backlog("load:jaffle.raw_orders");
    assert!(completed < before);
    for _ in 2..=4 {
        lost(&mut world, &run, StopClass::Gone);
    }
    assert!(world.board.runs.is_empty());
    assert_eq!(world.lines.last().unwrap().outcome, LedgerOutcome::Failed);
    assert_eq!(world.backlog("load:jaffle.raw_orders"), completed, "the nodes of the first attempt are completed");
}

#[test]
fn a_result_of_another_task_does_not_count() {
    let (mut world, run) = planned();
    let (_, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    stop.result.as_mut().unwrap().task_arn = TaskArn::parse("arn:other").unwrap();
    world.stop(stop);
    assert_eq!(world.board.runs[&run].attempt.number, 2);
}

#[test]
fn out_of_memory_is_tried_once_more_and_then_fails() {
    let (mut world, run) = planned();
    lost(&mut world, &run, StopClass::OutOfMemory);
    assert_eq!(world.board.runs[&run].attempt.number, 2);
    lost(&mut world, &run, StopClass::OutOfMemory);
    assert!(world.board.runs.is_empty());
    assert_eq!(class_of(world.lines.last().unwrap()), Some(StopClass::OutOfMemory));
    assert_eq!(world.board.announce.last().unwrap().class, Some(StopClass::OutOfMemory));
    let quarantine = world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()].quarantine.clone().unwrap();
    assert!(quarantine.reason.contains("ran out of memory"), "{}", quarantine.reason);
}

#[test]
fn an_interruption_is_tried_again_until_the_last_attempt() {
    for class in [StopClass::SpotInterruption, StopClass::HostLost, StopClass::Gone, StopClass::UserInitiated] {
        let (mut world, run) = planned();
        for _ in 0..3 {
            lost(&mut world, &run, class);
        }
        assert_eq!(world.board.runs[&run].attempt.number, 4);
        lost(&mut world, &run, class);
        assert!(world.board.runs.is_empty(), "not forever (L4)");
    }
}

#[test]
fn a_missing_image_is_tried_twice_and_an_unreachable_registry_more_often() {
    for (class, tasks) in [
        (StopClass::ImageMissing, 2),
        (StopClass::ImageDenied, 2),
        (StopClass::Secrets, 2),
        (StopClass::Logs, 2),
        (StopClass::ImageUnreachable, 4),
        (StopClass::Capacity, 4),
        (StopClass::Network, 4),
    ] {
        let (mut world, run) = planned();
        for number in 1..=tasks {
            assert_eq!(world.board.runs[&run].attempt.number, number, "{class:?}");
            never_ran(&mut world, &run, class);
        }
        assert!(world.board.runs.is_empty(), "{class:?}");
        let quarantine = world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()].quarantine.clone().unwrap();
        assert!(quarantine.reason.contains(class.description()), "{}", quarantine.reason);
        assert_eq!(class_of(world.lines.last().unwrap()), Some(class));
    }
}

#[test]
fn a_duplicate_stop_event_before_the_revoke_counts_once() {
    let (mut world, run) = planned();
    let (_, attempt) = world.start();
    let whole = world.stop_of(&run, attempt, Outcome::Succeeded, |_| None);
    let stop = StoppedTask { class: StopClass::ImageMissing, exit_code: None, result: None, claim: None, ..whole };
    world.stop(stop.clone());
    world.stop(stop);
    world.decide(&Input::Revoked { run: run.clone(), attempt });
    assert_eq!(world.board.runs[&run].attempt.number, 2);
}

#[test]
fn dbt_killed_under_a_surviving_supervisor_counts_as_killed() {
    let (mut world, run) = planned();
    let (_, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Failed, |_| None);
    let step = &mut stop.result.as_mut().unwrap().steps[0];
    "build".clone_into(&mut step.step);
    step.exit_code = None;
    stop.exit_code = Some(1);
    world.stop(stop);
    assert_eq!(class_of(world.lines.last().unwrap()), Some(StopClass::Killed));
}

#[test]
fn an_interrupted_spot_run_continues_on_demand() {
    let mut world = World::with(&PROJECT.replace("max_parallel: 2", "max_parallel: 2, capacity: spot"));
    world.land("orders/a.csv");
    world.wait(2);
    let plan = world.last_plan();
    assert_eq!(plan.run_task(1).capacity, Capacity::Spot);
    lost(&mut world, &plan.run_id, StopClass::SpotInterruption);
    assert_eq!(world.board.runs[&plan.run_id].attempt.number, 2);
    assert_eq!(plan.run_task(2).capacity, Capacity::OnDemand);
    assert_ne!(plan.run_task(1).client_token, plan.run_task(2).client_token, "other parameters are another attempt");
    let (mut world, _) = planned();
    assert_eq!(world.last_plan().run_task(1).capacity, Capacity::OnDemand);
    world.succeed();
}
