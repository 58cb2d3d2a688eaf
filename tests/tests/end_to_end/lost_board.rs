//! The board is deleted, or spoilt, and restored by one command; and what only the sweep clears up.

use jiff::SignedDuration;
use landfall::ledger::Chain;
use landfall_aws::{
    Config, clock,
    engine_ports::{Aws, AwsEngine, Deadline},
};
use landfall_planner::{BOARD_KEY, LedgerHeader, LedgerObject, LedgerOutcome, ledger_key};

use crate::{
    operate::{root, text},
    world::{World, outcomes},
};

impl World {
    fn recovers(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.landfall(&root(), &[&["recover"], arguments].concat()).output().unwrap();
        (output.status.success(), text(&output))
    }

    /// The loop, as an operator's own program has it.
    fn loop_of_ones_own(&self) -> AwsEngine {
        let stack = &self.stack.stack;
        let config = Config::read(|variable| match variable {
            "LANDFALL_STACK" => Some(stack.name.clone()),
            "LANDFALL_STATE_BUCKET" => Some(stack.output("StateBucket").unwrap().to_owned()),
            _ => None,
        });
        AwsEngine::new(Aws::recording(stack.clients().clone(), config.unwrap()))
    }
}

#[tokio::test]
async fn a_board_that_was_deleted_or_spoilt_is_restored_and_everything_runs_again() {
    let world = World::start("lost-board", |_| {}).await;
    let state = world.stack.stack.state().unwrap();
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let first = world.settled(1).await.len();
    let (well, said) = world.recovers(&[]);
    assert!(well && said.contains("nothing is lost"), "{said}");

    state.delete(BOARD_KEY).await.unwrap();
    let refused = world.tries_to_release(world.variables()).await.unwrap_err().to_string();
    assert!(refused.contains("landfall recover"), "a new board would forget what the lost one pending: {refused}");
    let (well, said) = world.recovers(&[]);
    assert!(well && said.contains("would restore version"), "{said}");
    assert!(state.get(BOARD_KEY).await.unwrap().is_none(), "only --yes does it");
    let (well, said) = world.recovers(&["--yes"]);
    assert!(well && said.contains("of epoch 2"), "{said}");
    // What lands while there is no board comes again after the queue's seven minutes, which no test has time for: this lands after it.
    world.land("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    let ends = world
        .until("what was loaded before has run again, and what landed since has run", async || {
            world.sweep();
            let lines = world.lines().await;
            let landed = !outcomes(&lines, "customers/2026-11-01.csv").is_empty();
            let ends = crate::world::ends(&lines);
            (landed && ends.len() >= first + 2 && world.board().await.runs.is_empty()).then_some(ends)
        })
        .await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    assert_eq!(world.ask("select count(distinct landed_file) from analytics.stg_orders"), "1");

    // A stray: its writer lost a race, and died before it could take the page back.
    let board = world.board().await;
    let mut chain = Chain::new(&state, &board);
    chain.next().await.unwrap().unwrap();
    let beaten_by = chain.next().await.unwrap().unwrap().header;
    let nonce = landfall_planner::Nonce::parse("0").unwrap();
    let key = ledger_key(beaten_by.at, beaten_by.seq, &nonce);
    let header = LedgerHeader { nonce, ..beaten_by };
    let stray = LedgerObject { header, lines: Vec::new() };
    state.put(&key, stray.to_jsonl().unwrap().as_bytes(), "application/x-ndjson").await.unwrap();
    let told = world.lines().await;
    let engine = world.loop_of_ones_own();
    let cleaned = engine.clean_ledger(Deadline::after(clock::now(), SignedDuration::from_secs(30))).await.unwrap();
    assert!(cleaned.ledger_cleaned_to.is_some());
    assert!(state.get(&key).await.unwrap().is_none(), "the stray is gone");
    assert_eq!(world.lines().await, told, "and the chain is whole");

    state.put(BOARD_KEY, b"{ \"version\": 1, ", "application/json").await.unwrap();
    let (well, said) = world.recovers(&["--version", "no-such-version"]);
    assert!(!well && said.contains("has no version no-such-version"), "{said}");
    let (well, said) = world.recovers(&["--yes"]);
    assert!(well && said.contains("of epoch 3"), "{said}");
    assert_eq!(world.board().await.epoch, 3);
}
