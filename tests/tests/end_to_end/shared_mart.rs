//! Leases seen from outside: from S3's time of each claim and ECS's times of each task, not from the board.

use jiff::Timestamp;
use landfall_planner::{Claim, LedgerOutcome, Plan, RunId};

use crate::world::{World, run_of};

/// The time during which a task may have used the relations of its plan.
#[derive(Debug)]
struct Held {
    run: RunId,
    writes: Vec<String>,
    reads: Vec<String>,
    from: Timestamp,
    to: Timestamp,
}

impl Held {
    fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    fn conflicts(&self, other: &Self) -> bool {
        let touches = |relation: &String| other.writes.contains(relation) || other.reads.contains(relation);
        self.writes.iter().any(touches) || other.writes.iter().any(|relation| self.reads.contains(relation))
    }
}

async fn held(world: &World, run: &RunId) -> Held {
    let state = world.stack.stack.state().unwrap();
    let Plan { writes, reads, .. } = world.plan(run).await;
    let from = state.head_last_modified(&Claim::key(run, 1)).await.unwrap().unwrap();
    let arn = world.result(run, 1).await.task_arn;
    let ecs = aws_sdk_ecs::Client::new(world.stack.stack.sdk());
    let cluster = world.stack.stack.output("Cluster").unwrap();
    let tasks =
        ecs.describe_tasks().cluster(cluster).tasks(arn.as_str()).send().await.unwrap().tasks.unwrap_or_default();
    // S3's time has whole seconds, and no task claims before ECS has created it.
    let created = Timestamp::from_nanosecond(tasks[0].created_at().unwrap().as_nanos()).unwrap();
    let from = from.max(created);
    let stopped = tasks[0].stopped_at().unwrap();
    let to = Timestamp::from_nanosecond(stopped.as_nanos()).unwrap();
    Held { run: run.clone(), writes, reads, from, to }
}

#[tokio::test]
async fn runs_that_share_a_mart_never_overlap_and_other_runs_do() {
    let lake = tempfile::tempdir().unwrap();
    let closed = lake.path().join("closed");
    let world = World::start_with("shared-mart", "tests/lake", |project, variables| {
        let extensions = "plugins/packaged_extensions.py";
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        std::fs::copy(root.join("example").join(extensions), project.join(extensions)).unwrap();
        variables.insert("LAKE".to_owned(), lake.path().to_string_lossy().into_owned());
    })
    .await;

    // Every model is built once, so that none waits for a first load.
    for dataset in ["a", "b", "c"] {
        world.put(&format!("{dataset}/1.csv"), b"id\n1\n").await;
    }
    world
        .wait_for("everything built once", async || {
            let board = world.board().await;
            (board.built.len() == 5 && board.runs.is_empty() && board.backlog.is_empty()).then_some(())
        })
        .await;
    let before = crate::world::ends(&world.ledger_lines().await).len();

    // While the warehouse is closed, no run ends, and each keeps its leases.
    std::fs::write(&closed, b"").unwrap();
    let live = async |dataset: &str, runs: usize| {
        world.put(&format!("{dataset}/2.csv"), b"id\n2\n").await;
        world
            .wait_for(&format!("the run of {dataset} beside the others"), async || {
                let board = world.board().await;
                let running = board.runs.values().filter(|run| run.attempt.task_arn().is_some()).count();
                (running == runs).then_some(())
            })
            .await;
    };
    live("a", 1).await;
    world.put("b/2.csv", b"id\n2\n").await;
    world
        .wait_for("the load of b, ready and waiting", async || {
            let board = world.board().await;
            board
                .backlog
                .iter()
                .any(|(trigger, entry)| trigger.to_string() == "load:raw.b" && !entry.is_gathering())
                .then_some(())
        })
        .await;
    live("c", 2).await;
    let board = world.board().await;
    let triggers: Vec<String> =
        board.runs.values().flat_map(|run| &run.triggers).map(|trigger| trigger.trigger.to_string()).collect();
    assert!(!triggers.contains(&"load:raw.b".to_owned()), "b waits for the mart that a's run writes: {triggers:?}");
    let why = landfall::why::explain(&world.stack.stack, "mart_ab").await.unwrap();
    assert!(why.contains("it is pending for load:raw.b") && why.contains("which holds memory.lake.mart_ab"), "{why}");
    std::fs::remove_file(&closed).unwrap();
    let ends = world.settled(before + 3).await;

    // Loads that arrive during runs, in an order of their own.
    for n in 3..=4 {
        for dataset in ["b", "a", "c"] {
            world.put(&format!("{dataset}/{n}.csv"), b"id\n3\n").await;
            world.recorded(&[&format!("{dataset}/{n}.csv")]).await;
        }
    }
    let ends = world.settled(ends.len() + 2).await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    let mut all = Vec::new();
    for end in &ends {
        let (run, attempt) = run_of(end);
        assert_eq!(attempt, 1);
        all.push(held(&world, &run).await);
    }
    let mut together = 0;
    for (n, one) in all.iter().enumerate() {
        for other in &all[n + 1..] {
            assert!(!(one.overlaps(other) && one.conflicts(other)), "both at once:\n{one:#?}\n{other:#?}");
            together += usize::from(one.overlaps(other));
        }
    }
    assert!(together > 0, "runs that share no relation overlap: {all:#?}");
    let of_mart = all.iter().filter(|held| held.writes.iter().any(|relation| relation.contains("mart_ab"))).count();
    assert!(of_mart >= 3, "several runs wrote the mart: {:?}", all.iter().map(|held| &held.run).collect::<Vec<_>>());
    let rows = format!("select count(*) from read_parquet('{}/mart_ab.parquet')", lake.path().display());
    assert_eq!(world.query_files(&rows), "8", "four files of two datasets");
}
