//! Tasks that ECS does not know.

use super::world::World;
use crate::{Input, Outcome, RunId, StopClass, StoppedTask};

fn running() -> (World, RunId, u32) {
    let mut world = World::new();
    world.load("orders/0.csv");
    world.land("orders/1.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    (world, run, attempt)
}

/// ECS does not know the task, whose claim is from the time `claimed`.
fn missing(world: &mut World, run: &RunId, attempt: u32, claimed: jiff::Timestamp) {
    let stop = world.stop_of(run, attempt, Outcome::Interrupted, |_| None);
    let mut stop = StoppedTask { class: StopClass::Gone, exit_code: None, result: None, ..stop };
    stop.claim.as_mut().unwrap().written_at = claimed;
    world.decide(&Input::Missing(Box::new(stop)));
}

#[test]
fn one_answer_after_an_hour_frees_no_lease() {
    let (mut world, run, attempt) = running();
    let claimed = world.now;
    world.wait(2 * 3600);
    missing(&mut world, &run, attempt, claimed);
    assert_eq!(world.board.runs[&run].attempt.number, attempt, "the lease of {run} is held");
    // Answers of the same minute count once.
    for _ in 0..10 {
        world.wait(1);
        missing(&mut world, &run, attempt, claimed);
    }
    assert_eq!(world.board.runs[&run].attempt.missing.unwrap().times, 1);
    for _ in 0..6 {
        world.wait(60);
        missing(&mut world, &run, attempt, claimed);
    }
    assert_eq!(world.board.runs[&run].attempt.number, attempt + 1, "several answers over five minutes");
}

#[test]
fn a_task_that_ecs_knows_again_is_not_missing() {
    let (mut world, run, attempt) = running();
    let claimed = world.now;
    world.wait(2 * 3600);
    for _ in 0..5 {
        for _ in 0..3 {
            world.wait(60);
            missing(&mut world, &run, attempt, claimed);
        }
        world.decide(&Input::Known { runs: vec![run.clone()] });
        assert_eq!(world.board.runs[&run].attempt.missing, None);
    }
    assert_eq!(world.board.runs[&run].attempt.number, attempt);
}

#[test]
fn no_lease_is_freed_while_the_time_limit_may_still_run() {
    let (mut world, run, attempt) = running();
    let claimed = world.now;
    world.board.runs.get_mut(&run).unwrap().timeout_seconds = 6 * 3600;
    for _ in 0..6 {
        world.wait(3600);
        missing(&mut world, &run, attempt, claimed);
        assert_eq!(world.board.runs[&run].attempt.number, attempt);
    }
    world.wait(700);
    missing(&mut world, &run, attempt, claimed);
    assert_eq!(world.board.runs[&run].attempt.number, attempt + 1);
}
