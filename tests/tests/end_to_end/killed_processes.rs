use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use landfall_planner::{LedgerOutcome, LedgerSubject, Outcome, RunId, StopClass, TaskArn, Trigger};

use crate::world::{World, run_of, signal};

/// Calls the sweep until this many runs have ended. Returns the lines of their ends.
async fn settled_by_sweeps(world: &World, runs: usize) -> Vec<landfall_planner::LedgerLine> {
    let board = world.board().await;
    assert!(!board.runs.is_empty() || !board.backlog.is_empty(), "the sweep has work to do");
    world
        .wait_for("the runs settled by the sweep", async || {
            world.sweep();
            let ends = world.new_ends().await;
            (ends.len() >= runs && world.board().await.runs.is_empty()).then_some(ends)
        })
        .await
}

/// Waits for a run whose task has claimed its attempt, and returns its id and the task's ARN.
async fn live(world: &World) -> (RunId, TaskArn) {
    world
        .wait_for("a task that has claimed its attempt", async || {
            let board = world.board().await;
            let (run, live) = board.runs.iter().next()?;
            let arn = live.attempt.task_arn()?.clone();
            let state = world.stack.stack.state().unwrap();
            let claim = landfall_planner::Claim::key(run, live.attempt.number);
            state.head_last_modified(&claim).await.unwrap()?;
            Some((run.clone(), arn))
        })
        .await
}

#[tokio::test]
async fn the_sweep_settles_a_killed_task_whose_event_was_lost() {
    let world = World::start("killed-task", |_| {}).await;
    // From here on every event of ECS is lost.
    let bus = aws_sdk_eventbridge::Client::new(world.stack.stack.sdk());
    let rules = bus.list_rules().send().await.unwrap().rules.unwrap_or_default();
    let rule = rules.iter().filter_map(|rule| rule.name()).find(|name| name.contains("TaskStopped")).unwrap();
    bus.disable_rule().name(rule).send().await.unwrap();

    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let (run, first) = live(&world).await;
    let task = world.processes("landfall-task", &[&format!("runs/{run}/plan.json "), "LANDFALL_ATTEMPT=1 "]);
    assert_eq!(task.len(), 1, "one process is the task");
    signal("KILL", &task);

    let ends = settled_by_sweeps(&world, 1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(run_of(&ends[0]), (run.clone(), 2), "the same run, its second attempt");
    let lines = world.ledger_lines().await;
    let retried = lines.iter().find(|line| line.outcome == LedgerOutcome::Retried).unwrap();
    let LedgerSubject::Run { class, task_arn, .. } = &retried.about else { panic!("{retried:?}") };
    assert_eq!((*class, task_arn.as_ref()), (Some(StopClass::Killed), Some(&first)));
    assert!(retried.detail.contains("without a result"), "{}", retried.detail);
    assert_eq!(world.result(&run, 2).await.outcome, Outcome::Succeeded);
    assert!(world.query("select count(*) from analytics.fct_orders").parse::<u32>().unwrap() > 0);

    let why = landfall::why::explain(&world.stack.stack, run.as_str()).await.unwrap();
    assert!(why.contains("a signal killed it and ECS gave no reason") && why.contains("TaskMemory"), "{why}");
    let artifacts = format!("runs/{run}/2/ (");
    assert!(why.contains(&artifacts) && why.contains("run_results.json") && why.contains("its output: "), "{why}");

    // A run that ends well, and whose event is lost too.
    world.upload("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    live(&world).await;
    let ends = settled_by_sweeps(&world, 2).await;
    assert_eq!((ends.len(), ends[1].outcome), (2, LedgerOutcome::Succeeded), "{ends:#?}");
    assert_eq!(run_of(&ends[1]).1, 1);
    assert_eq!(world.query("select count(distinct landed_file) from analytics.stg_orders"), "2");
    let why = landfall::why::explain(&world.stack.stack, "stg_orders").await.unwrap();
    assert!(why.contains(&format!("by run {}, attempt 1", run_of(&ends[1]).0)), "{why}");
    assert!(why.contains("jaffle.raw_orders: up to load 2, newest object orders/2026-11-02.csv"), "{why}");
    let why = landfall::why::explain(&world.stack.stack, "customer_orders").await.unwrap();
    assert!(why.contains("never built") && why.contains("waits for the first load of jaffle.raw_customers"), "{why}");
}

#[tokio::test]
async fn work_of_a_function_that_was_killed_during_a_call_is_finished_by_the_sweep() {
    let world = World::start("killed-function", |project| {
        let settings = project.join("landfall.yml");
        let text = std::fs::read_to_string(&settings).unwrap();
        // Enough time to freeze on-load between an event and the wake message for its load.
        let slower = text.replace("{ quiet: 2s, at_most: 1m }", "{ quiet: 10s, at_most: 1m }");
        assert_ne!(text, slower);
        std::fs::write(settings, slower).unwrap();
    })
    .await;
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world
        .wait_for("the load on the board", async || {
            let load = Trigger::Load("jaffle.raw_orders".parse().unwrap());
            world.board().await.backlog.contains_key(&load).then_some(())
        })
        .await;
    // on-load is frozen before the wake message comes: it receives the message and is killed during that call.
    let functions = world.processes("landfall-on-load", &[]);
    assert!(!functions.is_empty(), "a warm function");
    signal("STOP", &functions);
    assert!(world.board().await.runs.is_empty(), "the load is not ready yet");
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap();
    let mut since = None;
    world
        .wait_for("a message in flight for 2 s: a function that is not frozen takes less", async || {
            let in_flight = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
            if world.queue_count(queue, &in_flight).await == 0 {
                since = None;
                return None;
            }
            let began = *since.get_or_insert_with(Instant::now);
            (began.elapsed() > Duration::from_secs(2)).then_some(())
        })
        .await;
    signal("KILL", &functions);

    let ends = settled_by_sweeps(&world, 1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!((ends[0].outcome, run_of(&ends[0]).1), (LedgerOutcome::Succeeded, 1), "{ends:#?}");

    // The functions are killed when the run is on the board. Whether its task was started by then is open.
    world.upload("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    let run =
        world.wait_for("the next run on the board", async || world.board().await.runs.keys().next().cloned()).await;
    let functions = [world.processes("landfall-on-load", &[]), world.processes("landfall-on-schedule", &[])].concat();
    signal("KILL", &functions);
    let ends = settled_by_sweeps(&world, 2).await;
    assert_eq!(ends.len(), 2, "{ends:#?}");
    assert_eq!((ends[1].outcome, run_of(&ends[1])), (LedgerOutcome::Succeeded, (run, 1)), "{ends:#?}");
    assert_eq!(world.query("select count(distinct landed_file) from analytics.stg_orders"), "2");
}
