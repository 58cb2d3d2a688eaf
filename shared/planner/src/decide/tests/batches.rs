use super::world::{PROJECT, World, release_of};
use crate::{EventWindow, NodeId, NodeStatus, Outcome, Step, UnfinishedBatches};

const SALES: &str = "model.jaffle.daily_sales";

fn windows() -> Vec<EventWindow> {
    vec![EventWindow { start: "2022-01-01T00:00:00Z".parse().unwrap(), end: "2023-01-01T00:00:00Z".parse().unwrap() }]
}

/// A run of which one batch of `daily_sales` failed, in both attempts.
fn world_with_a_failed_batch() -> World {
    let mut world = World::on(release_of("r1", PROJECT, None, &|_| {}));
    world.load("customers/a.csv");
    world.land("orders/a.csv");
    world.wait(2);
    for _ in 0..2 {
        let (run, attempt) = world.start();
        let status = |id: &NodeId| match id.as_str() {
            SALES => NodeStatus::PartialSuccess,
            id if id.contains("daily_sales") => NodeStatus::Skipped,
            _ => NodeStatus::Success,
        };
        let mut stop = world.stop_of(&run, attempt, Outcome::Failed, |id| Some(status(id)));
        let left = UnfinishedBatches { windows: windows(), others_built: true };
        stop.result.as_mut().unwrap().unfinished_batches.insert(SALES.parse().unwrap(), left);
        world.stop(stop);
        world.wait(60);
    }
    assert!(world.board.runs.is_empty(), "the batch failed twice, so the model is quarantined");
    world
}

#[test]
fn the_next_run_builds_the_batches_that_a_run_left_unfinished() {
    let mut world = world_with_a_failed_batch();
    assert_eq!(world.board.unfinished_batches[&SALES.parse().unwrap()], windows());
    world.land("orders/b.csv");
    world.wait(2);
    let plan = world.last_plan();
    assert_eq!(plan.unfinished_batches[&SALES.parse().unwrap()], windows());
    let builds: Vec<Vec<&str>> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Build(selection) => Some(selection.nodes.iter().map(NodeId::as_str).collect()),
            _ => None,
        })
        .collect();
    let position = |id: &str| builds.iter().position(|nodes| nodes.contains(&id)).unwrap();
    assert_eq!(builds[position(SALES)], [SALES], "its windows are built before the step that has it");
    assert!(position("model.jaffle.stg_orders") < position(SALES), "after its parents");
    world.succeed();
    assert!(world.board.unfinished_batches.is_empty(), "the model is complete");
}

#[test]
fn a_release_without_the_model_forgets_its_batches() {
    let mut world = world_with_a_failed_batch();
    let gone = |manifest: &mut serde_json::Value| {
        for section in ["nodes", "exposures", "unit_tests"] {
            if let Some(nodes) = manifest[section].as_object_mut() {
                nodes.retain(|id, node| id != SALES && !node.to_string().contains(SALES));
            }
        }
    };
    let next = release_of("r2", PROJECT, Some(&world.release), &gone);
    world.offer(next, false);
    assert!(world.board.unfinished_batches.is_empty());
}
