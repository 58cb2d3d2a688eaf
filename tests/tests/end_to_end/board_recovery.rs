//! A deleted or damaged board is restored by one command, and the sweep deletes stray pages of the ledger.

use jiff::SignedDuration;
use landfall::ledger::Chain;
use landfall_aws::{
    Config, clock,
    engine_ports::{Aws, AwsEngine, Deadline},
};
use landfall_planner::{BOARD_KEY, LedgerHeader, LedgerObject, LedgerOutcome, ledger_key};

use crate::{
    operator_cli::{root, text},
    world::World,
};

impl World {
    fn recover(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.landfall(&root(), &[&["recover"], arguments].concat()).output().unwrap();
        (output.status.success(), text(&output))
    }

    /// An engine in this process, with the rights of an operator.
    fn engine(&self) -> AwsEngine {
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
async fn a_deleted_or_damaged_board_is_restored_and_its_loads_run_again() {
    let world = World::start("lost-board", |_| {}).await;
    let state = world.stack.stack.state().unwrap();
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let first = world.settled(1).await.len();
    let (ok, output) = world.recover(&[]);
    assert!(ok && output.contains("nothing is lost"), "{output}");

    state.delete(BOARD_KEY).await.unwrap();
    let refused = world.try_release(world.variables()).await.unwrap_err().to_string();
    assert!(refused.contains("landfall recover"), "a new board would forget the backlog: {refused}");
    let (ok, output) = world.recover(&[]);
    assert!(ok && output.contains("would restore version"), "{output}");
    assert!(state.get(BOARD_KEY).await.unwrap().is_none(), "only --yes restores it");
    let (ok, output) = world.recover(&["--yes"]);
    assert!(ok && output.contains("of epoch 2"), "{output}");
    world
        .wait_for("a second run of the orders", async || {
            world.sweep();
            (!world.board().await.runs.is_empty()).then_some(())
        })
        .await;
    // The event of an object that lands without a board comes again after the queue's seven minutes. This one lands
    // after the recovery.
    world.upload("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    world.recorded(&["customers/2026-11-01.csv"]).await;
    let ends = world.settled(first + 2).await;
    assert!(ends.iter().all(|end| end.outcome == LedgerOutcome::Succeeded), "{ends:#?}");
    assert_eq!(world.query("select count(distinct landed_file) from analytics.stg_orders"), "1");

    // A stray page: its writer lost a race and ended before it could delete the page. The sweep cleans the ledger
    // every ten minutes, so a sweep above may have cleaned it up to the newest page. The stray must lie after that,
    // among the pages of one more load.
    let cleaned = world.board().await.ledger;
    world.upload("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv").await;
    world.settled(ends.len() + 1).await;
    let board = world.board().await;
    let mut chain = Chain::new(&state, &board);
    chain.next().await.unwrap().unwrap();
    let winner = chain.next().await.unwrap().unwrap().header;
    let nonce = landfall_planner::Nonce::parse("0").unwrap();
    let key = ledger_key(winner.at, winner.seq, &nonce);
    assert!(cleaned.is_some_and(|cleaned| cleaned < key), "the new load has written pages of its own");
    let header = LedgerHeader { nonce, ..winner };
    let stray = LedgerObject { header, lines: Vec::new() };
    state.put(&key, stray.to_jsonl().unwrap().as_bytes(), "application/x-ndjson").await.unwrap();
    let before = world.ledger_lines().await;
    let deadline = Deadline::after(clock::now(), SignedDuration::from_secs(30));
    let after = world.engine().clean_ledger(deadline).await.unwrap();
    assert!(after.ledger_cleaned_to.is_some_and(|cleaned| cleaned > key));
    assert!(state.get(&key).await.unwrap().is_none(), "the stray is gone");
    assert_eq!(world.ledger_lines().await, before, "the chain is whole");

    state.put(BOARD_KEY, b"{ \"version\": 1, ", "application/json").await.unwrap();
    let (ok, output) = world.recover(&["--version", "no-such-version"]);
    assert!(!ok && output.contains("has no version no-such-version"), "{output}");
    let (ok, output) = world.recover(&["--yes"]);
    assert!(ok && output.contains("of epoch 3"), "{output}");
    assert_eq!(world.board().await.epoch, 3);
}
