use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use landfall_planner::{LedgerOutcome, LedgerSubject, Outcome, RunId, StopClass};

use crate::world::{World, run_of, signal};

/// Until so many runs are over, with the stack's own minute passing fast.
async fn settled_by_sweeps(world: &World, runs: usize) -> Vec<landfall_planner::LedgerLine> {
    let board = world.board().await;
    assert!(!board.runs.is_empty() || !board.backlog.is_empty(), "something is left for the sweep");
    world
        .until("the sweep has settled it", async || {
            world.sweep();
            let ends = crate::world::ends(&world.lines().await);
            (ends.len() >= runs && world.board().await.runs.is_empty()).then_some(ends)
        })
        .await
}

async fn live(world: &World) -> (RunId, String) {
    world
        .until("a live task that has claimed its attempt", async || {
            let board = world.board().await;
            let (run, live) = board.runs.iter().next()?;
            let arn = live.attempt.task_arn()?.to_owned();
            let state = world.stack.stack.state().unwrap();
            let claim = landfall_planner::Claim::key(run, live.attempt.number);
            state.head_last_modified(&claim).await.unwrap()?;
            Some((run.clone(), arn))
        })
        .await
}

#[tokio::test]
async fn a_task_that_is_killed_and_whose_end_no_one_is_told_of_is_settled_by_the_sweep() {
    let world = World::start("killed-task", |_| {}).await;
    // Every ECS event is lost from here on.
    let bus = aws_sdk_eventbridge::Client::new(world.stack.stack.sdk());
    let rules = bus.list_rules().send().await.unwrap().rules.unwrap_or_default();
    let rule = rules.iter().filter_map(|rule| rule.name()).find(|name| name.contains("TaskStopped")).unwrap();
    bus.disable_rule().name(rule).send().await.unwrap();

    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let (run, first) = live(&world).await;
    let words = [format!("runs/{run}/plan.json "), "LANDFALL_ATTEMPT=1 ".to_owned()];
    let task = world.processes("landfall-task", &words.each_ref().map(String::as_str));
    assert_eq!(task.len(), 1, "one process is the task");
    signal("KILL", &task);

    let ends = settled_by_sweeps(&world, 1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(run_of(&ends[0]), (run.clone(), 2), "the same run, its second attempt");
    let lines = world.lines().await;
    let retried = lines.iter().find(|line| line.outcome == LedgerOutcome::Retried).unwrap();
    let LedgerSubject::Run { class, task_arn, .. } = &retried.about else { panic!("{retried:?}") };
    assert_eq!((*class, task_arn.as_deref()), (Some(StopClass::Killed), Some(first.as_str())));
    assert!(retried.detail.contains("without a result"), "{}", retried.detail);
    assert_eq!(world.result(&run, 2).await.outcome, Outcome::Succeeded);
    assert!(world.ask("select count(*) from analytics.fct_orders").parse::<u32>().unwrap() > 0);

    let why = landfall::why::explain(&world.stack.stack, run.as_str()).await.unwrap();
    assert!(why.contains("a signal killed it and ECS gave no reason") && why.contains("TaskMemory"), "{why}");
    let artifacts = format!("runs/{run}/2/ (");
    assert!(why.contains(&artifacts) && why.contains("run_results.json") && why.contains("its output: "), "{why}");

    // A run that nothing happens to, and whose end nobody is told of either.
    world.land("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    live(&world).await;
    let ends = settled_by_sweeps(&world, 2).await;
    assert_eq!((ends.len(), ends[1].outcome), (2, LedgerOutcome::Succeeded), "{ends:#?}");
    assert_eq!(run_of(&ends[1]).1, 1);
    assert_eq!(world.ask("select count(distinct landed_file) from analytics.stg_orders"), "2");
    let why = landfall::why::explain(&world.stack.stack, "stg_orders").await.unwrap();
    assert!(why.contains(&format!("by run {}, attempt 1", run_of(&ends[1]).0)), "{why}");
    assert!(why.contains("jaffle.raw_orders: up to load 2, newest object orders/2026-11-02.csv"), "{why}");
    let why = landfall::why::explain(&world.stack.stack, "customer_orders").await.unwrap();
    assert!(why.contains("never built") && why.contains("waits for the first load of jaffle.raw_customers"), "{why}");
}

#[tokio::test]
async fn a_function_that_is_killed_in_mid_call_leaves_nothing_undone() {
    let world = World::start("killed-function", |_| {}).await;
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world
        .until("the load on the board", async || {
            world.board().await.backlog.values().any(|entry| entry.events == 1).then_some(())
        })
        .await;
    // Frozen before it is woken for the load that is ready: it takes the call, and dies in it.
    let functions = world.processes("bootstrap", &["OnLoad"]);
    assert!(!functions.is_empty(), "a warm function");
    signal("STOP", &functions);
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap();
    let mut since = None;
    world
        .until("the wake message in the frozen function's hands", async || {
            let names = [
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                QueueAttributeName::ApproximateNumberOfMessages,
            ];
            let asked = sqs.get_queue_attributes().queue_url(queue).set_attribute_names(Some(names.to_vec()));
            let counts = asked.send().await.unwrap().attributes.unwrap_or_default();
            let in_flight = counts.get(&names[0]).is_some_and(|count| count != "0");
            // A function that is not frozen is done with it long before.
            let began = *since.get_or_insert_with(Instant::now);
            if !in_flight {
                since = None;
            }
            (in_flight && began.elapsed() > Duration::from_secs(2)).then_some(())
        })
        .await;
    signal("KILL", &functions);

    let ends = settled_by_sweeps(&world, 1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!((ends[0].outcome, run_of(&ends[0]).1), (LedgerOutcome::Succeeded, 1), "{ends:#?}");

    // And when the run is on the board and its task perhaps started, perhaps not: whatever was done is found, and the rest is done.
    world.land("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    let run = world.until("the next run on the board", async || world.board().await.runs.keys().next().cloned()).await;
    let functions = [world.processes("bootstrap", &["OnLoad"]), world.processes("bootstrap", &["OnSchedule"])].concat();
    signal("KILL", &functions);
    let ends = settled_by_sweeps(&world, 2).await;
    assert_eq!(ends.len(), 2, "{ends:#?}");
    assert_eq!((ends[1].outcome, run_of(&ends[1])), (LedgerOutcome::Succeeded, (run, 1)), "{ends:#?}");
    assert_eq!(world.ask("select count(distinct landed_file) from analytics.stg_orders"), "2");
}
