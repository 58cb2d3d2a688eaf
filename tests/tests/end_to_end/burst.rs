use std::collections::BTreeMap;

use landfall_planner::{LedgerOutcome, LedgerSubject};

use crate::world::{World, run_of};

const OBJECTS: usize = 2_000;
/// How many are written at once.
const WRITERS: usize = 8;
const FOLDERS: [&str; 3] = ["orders", "customers", "payments"];

#[tokio::test]
async fn two_thousand_objects_of_three_datasets_are_as_few_runs_as_the_policies_allow() {
    let world = World::start("burst", |project| {
        let settings = project.join("landfall.yml");
        let text = std::fs::read_to_string(&settings).unwrap();
        // One load is what comes within a quarter of a minute of each other.
        let patient = text.replace("{ quiet: 2s, at_most: 1m }", "{ quiet: 15s, at_most: 10m }");
        assert_ne!(text, patient);
        std::fs::write(settings, patient).unwrap();
    })
    .await;
    let files = FOLDERS
        .map(|folder| std::fs::read(world.project.path().join(format!("landing/{folder}/2026-11-01.csv"))).unwrap());
    let key = |n: usize| {
        let folder = n % FOLDERS.len();
        // DuckDB reads every object of a load, and the example's tests want unique keys: one of each dataset is a whole file, the others have the
        // header alone.
        let whole = n < FOLDERS.len();
        let header = files[folder].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let bytes = if whole { &files[folder][..] } else { &files[folder][..header] };
        (format!("{}/burst-{n:04}.csv", FOLDERS[folder]), bytes)
    };
    let landing = world.stack.stack.landing().unwrap();
    let write = async |first: usize| {
        for n in (first..OBJECTS).step_by(WRITERS) {
            let (key, bytes) = key(n);
            landing.put(&key, bytes, "text/csv").await.unwrap();
        }
    };
    tokio::join!(write(0), write(1), write(2), write(3), write(4), write(5), write(6), write(7));

    let told = world
        .until("every object in the ledger", async || {
            let mut told: BTreeMap<String, Vec<LedgerOutcome>> = BTreeMap::new();
            for line in world.lines().await {
                if let LedgerSubject::Object { key, .. } = line.about {
                    told.entry(key).or_default().push(line.outcome);
                }
            }
            (told.len() == OBJECTS).then_some(told)
        })
        .await;
    let ends = world.settled(1).await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    // DuckDB has one writer, so the first dataset that is ready runs alone, and what gets ready meanwhile is one run together.
    assert!(ends.len() <= 2, "{} runs: {ends:#?}", ends.len());
    for n in 0..OBJECTS {
        let (key, _) = key(n);
        assert!(
            matches!(told[&key].as_slice(), [LedgerOutcome::Mapped | LedgerOutcome::Covered]),
            "{key}: one outcome each, and none is lost: {:?}",
            told[&key]
        );
    }
    let board = world.board().await;
    for (name, dataset) in &board.datasets {
        assert!(dataset.generation <= 1, "{name}: all of it is one load");
    }
    let waits =
        board.backlog.values().all(|entry| entry.is_planned() && entry.quarantine.is_none() && entry.nodes.len() < 10);
    assert!(waits, "all but what waits for the accounts, which nobody loaded: {:#?}", board.backlog);
    assert_eq!(
        world.ask("select count(distinct landed_file) from analytics.stg_orders"),
        "1",
        "one file of the orders has rows"
    );
    let bytes = board.to_json().unwrap().len();
    assert!(bytes < 1_000_000, "the board forgets what is covered: {bytes} bytes");

    // What an operator asks afterwards.
    let bucket = &world.stack.state.landing_buckets[0];
    let (key, _) = key(OBJECTS - 1);
    let why = landfall::why::explain(&world.stack.stack, &format!("s3://{bucket}/{key}")).await.unwrap();
    let run = run_of(&ends[0]).0;
    assert!(why.contains("a load of jaffle.raw_") && why.contains("succeeded"), "{why}");
    let why = landfall::why::explain(&world.stack.stack, "fct_orders").await.unwrap();
    assert!(why.contains("last built") && why.contains(run.as_str()) || ends.len() == 2, "{why}");
    assert!(why.contains("jaffle.raw_orders: up to load 1, newest object orders/burst-"), "{why}");
    let why = landfall::why::explain_from(&world.stack.stack, &format!("s3://{bucket}/orders/burst-0000.csv"), 2)
        .await
        .unwrap();
    assert!(why.contains("the newest 2 objects of the ledger"), "{why}");
}
