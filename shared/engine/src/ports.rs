//! What the loop asks of the world, a method a call. landfall-aws's is the world that ships; the simulation has one of its own, with virtual
//! time and faults, so that the loop that is proved there is the loop that runs.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_manifest::Index;
use landfall_planner::{
    Board, Claim, Compiled, LedgerObject, Nonce, Plan, Release, ReleaseId, RunId, RunResult, RunTaskCall, StoredBoard,
    TaskSettings,
};
use serde_json::Value;

use crate::{CompareAndSwap, DescribedTasks, EngineError, PutNew, RunTaskOutcome};

/// The world as a function sees it. An error means that nobody knows whether the call had its effect, unless the method says otherwise.
#[expect(async_fn_in_trait, reason = "every user names its world; none needs the futures to be of a certain kind")]
pub trait Ports {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A new mark for a writer.
    fn nonce(&self) -> Nonce;
    /// A random wait of at most so long, so that writers who met once do not meet again.
    async fn pause(&self, most: Duration);
    /// The stack's name.
    fn stack(&self) -> &str;
    /// Where and how tasks run; none for a function that starts none and is not woken.
    fn task(&self) -> Option<&TaskSettings>;

    /// The board as it is, and the etag to compare-and-swap it by. Reads only.
    async fn board(&self) -> Result<(StoredBoard, String), EngineError>;
    /// Replaces the board if it still is the one with this etag.
    async fn compare_and_swap_board(&self, etag: &str, board: &Board) -> Result<CompareAndSwap, EngineError>;
    /// A release that was compiled. Reads only.
    async fn release(&self, id: &ReleaseId) -> Result<Arc<Release>, EngineError>;
    /// Writes what was compiled of a release.
    async fn put_compiled(&self, compiled: &Compiled, index: &Index) -> Result<(), EngineError>;
    /// Writes a plan, once and for ever.
    async fn put_plan(&self, plan: &Plan) -> Result<PutNew, EngineError>;
    /// A plan, or why it cannot be used: it is missing or unreadable, and will be tomorrow. Reads only.
    async fn plan(&self, run: &RunId) -> Result<Result<Plan, String>, EngineError>;
    /// Writes a page of the ledger, which the compare-and-swap that names its key commits.
    async fn put_ledger(&self, key: &str, page: &LedgerObject) -> Result<PutNew, EngineError>;
    /// Takes a page back that no compare-and-swap committed.
    async fn delete_ledger(&self, key: &str) -> Result<(), EngineError>;
    /// At most so many keys of pages of the ledger, strays too, after that key, in order. Reads only.
    async fn ledger_after(&self, key: Option<&str>, most: usize) -> Result<Vec<String>, EngineError>;
    /// A page of the ledger. Reads only.
    async fn ledger_page(&self, key: &str) -> Result<Option<LedgerObject>, EngineError>;
    /// The page before a page of the ledger, by its own word; none if the page is gone. Reads only, and no more than its first line.
    async fn ledger_page_before(&self, key: &str) -> Result<Option<Option<String>>, EngineError>;

    /// Releases that lie complete for a while, are newer than that one, and neither compiled nor refused. Reads only.
    async fn unheard_releases(&self, after: Option<&ReleaseId>) -> Result<Vec<ReleaseId>, EngineError>;
    /// Tells on-release of a release as its upload did.
    async fn offer_again(&self, release: &ReleaseId) -> Result<(), EngineError>;

    /// Runs whose plan's name is of that second or later. Reads only.
    async fn runs_since(&self, at: Timestamp) -> Result<Vec<RunId>, EngineError>;
    /// Puts a board where none is (`over` is none), or in the place of what has that etag.
    async fn restore_board(&self, over: Option<&str>, board: &Board) -> Result<CompareAndSwap, EngineError>;

    /// Writes the claim of an attempt unless one is there.
    async fn put_claim(&self, run: &RunId, attempt: u32, claim: &Claim) -> Result<PutNew, EngineError>;
    /// The claim of an attempt, and S3's time of it. Reads only.
    async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<(Claim, Timestamp)>, EngineError>;
    /// result.json of an attempt; one that cannot be read counts as none. Reads only.
    async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, EngineError>;

    /// Starts an attempt's task.
    async fn run_task(&self, call: &RunTaskCall) -> RunTaskOutcome;
    /// What ECS knows of tasks. Reads only.
    async fn describe_tasks(&self, arns: &[String]) -> Result<DescribedTasks, EngineError>;

    /// Asks ECS to stop a task: it is not stopped yet when this returns.
    async fn stop_task(&self, arn: &str, reason: &str) -> Result<(), EngineError>;

    /// How many messages the dead-letter queues hold: of loads, and of functions. None where the function does not know the queues. Reads only.
    async fn dead_letters(&self) -> Result<Option<(u64, u64)>, EngineError>;

    /// Sends the message that wakes on-load at that time, or earlier.
    async fn wake(&self, at: Timestamp) -> Result<(), EngineError>;
    /// Puts an event of ours on the bus.
    async fn put_event(&self, detail_type: &str, detail: &Value) -> Result<(), EngineError>;
}
