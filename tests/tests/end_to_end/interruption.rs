use landfall_planner::{LedgerOutcome, Outcome};

use crate::world::{World, models, run_of};

/// A model that runs for hours in the first attempt and for a moment in the second.
const SLOW_AT_FIRST: &str = r"{{ config(materialized='table', tags=['orders']) }}
-- depends_on: {{ ref('stg_orders') }}
select count(*) as n
from range({{ 100000000 if env_var('LANDFALL_ATTEMPT', '1') == '1' else 1 }}) as a(i), range(1000000) as b(j)
where a.i * b.j % 7 = 3
";

#[tokio::test]
async fn a_stopped_task_keeps_its_finished_nodes_and_a_second_attempt_builds_the_rest() {
    let world = World::start("interruption", |project| {
        std::fs::write(project.join("models/marts/slow.sql"), SLOW_AT_FIRST).unwrap();
    })
    .await;
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;

    let (run, arn) = world
        .wait_for("the task in the middle of its run", async || {
            let board = world.board().await;
            let (run, live) = board.runs.iter().next()?;
            let arn = live.attempt.task_arn()?.clone();
            let log = std::fs::read_to_string(world.stack.task_log(&arn)).unwrap_or_default();
            log.contains("model stg_orders").then_some((run.clone(), arn))
        })
        .await;
    let cluster = world.stack.stack.output("Cluster").unwrap();
    let ecs = aws_sdk_ecs::Client::new(world.stack.stack.sdk());
    ecs.stop_task().cluster(cluster).task(arn.as_str()).reason("a test stops it").send().await.unwrap();

    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(run_of(&ends[0]), (run.clone(), 2), "the same run, its second attempt");
    let first = world.result(&run, 1).await;
    assert_eq!(first.outcome, Outcome::Interrupted);
    let done = |id: &str| first.nodes.iter().any(|node| node.id.as_str() == id && node.status.is_success());
    assert!(done("model.jaffle.stg_orders") && !done("model.jaffle.slow"), "{first:#?}");
    let second = world.result(&run, 2).await;
    assert_eq!(second.outcome, Outcome::Succeeded);
    let again: Vec<&str> = second.nodes.iter().map(|node| node.id.as_str()).collect();
    assert!(again.contains(&"model.jaffle.slow") && !again.contains(&"model.jaffle.stg_orders"), "{again:?}");
    let lines = world.ledger_lines().await;
    assert!(lines.iter().any(|line| line.outcome == LedgerOutcome::Retried && line.detail.contains("a test stops it")));
    assert!(models(&world.plan(&run).await).contains(&"slow"));
    assert_eq!(world.query("select count(*) from analytics.slow"), "1");
}
