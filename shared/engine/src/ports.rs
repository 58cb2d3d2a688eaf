//! What the engine asks of its surroundings, one trait a capability. A function of the engine names in its bounds what it uses.
//!
//! `landfall-aws` implements the traits for AWS. The simulation implements them with virtual time and faults, so that the engine that is tested
//! there is the engine that ships.
//!
//! After an error of any method it is unknown whether the call had its effect, unless the method says otherwise.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_concurrency::{CompareAndSwap, Etag, PutNew};
use landfall_manifest::Index;
use landfall_planner::{
    Board, Claim, Compiled, LedgerHeader, LedgerObject, Nonce, Plan, Release, ReleaseId, RunId, RunResult, RunTaskCall,
    TaskArn, TaskSettings, WantedSchedule,
};
use serde_json::Value;

use crate::{ClaimRecord, DeadLetterCounts, DescribedTasks, EngineError, ReadBoard, ReadPlan, RunTaskOutcome};

/// The clock and randomness.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait Clock {
    /// Returns S3's time: that of its last reply, plus what passed since. Decisions use no other clock, because the
    /// clock of a function or a laptop may be wrong.
    fn now(&self) -> Timestamp;
    /// Returns the time of this process's own clock, for its deadline only.
    fn process_time(&self) -> Timestamp;
    /// Returns a new random nonce.
    fn nonce(&self) -> Nonce;
    /// Waits for a random time of at most `limit`: full jitter.
    async fn pause(&self, limit: Duration);
}

/// The settings of the stack, which stay the same as long as the process lives.
pub trait StackSettings {
    /// Returns the stack's name.
    fn stack(&self) -> &str;
    /// Returns where and how tasks run; none for a function that starts no tasks.
    fn task(&self) -> Option<&TaskSettings>;
}

/// The board in the state bucket.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait BoardStore {
    /// Reads the board and its ETag. Changes nothing.
    async fn board(&self) -> Result<ReadBoard, EngineError>;
    /// Replaces the board if it still has this ETag.
    async fn compare_and_swap_board(&self, etag: &Etag, board: &Board) -> Result<CompareAndSwap, EngineError>;
    /// Creates the board if `replaced` is none, or replaces the object with that ETag.
    async fn restore_board(&self, replaced: Option<&Etag>, board: &Board) -> Result<CompareAndSwap, EngineError>;
}

/// The plans in the state bucket.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait PlanStore {
    /// Writes a plan, which is never changed afterwards.
    async fn put_plan(&self, plan: &Plan) -> Result<PutNew, EngineError>;
    /// Reads a plan. Changes nothing.
    async fn plan(&self, run: &RunId) -> Result<ReadPlan, EngineError>;
    /// Lists the runs whose plan was named in that second or later. Changes nothing.
    async fn runs_since(&self, at: Timestamp) -> Result<Vec<RunId>, EngineError>;
}

/// The pages of the ledger in the state bucket.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait LedgerStore {
    /// Writes a page. The compare-and-swap of the board that names its key commits it.
    async fn put_ledger(&self, key: &str, page: &LedgerObject) -> Result<PutNew, EngineError>;
    /// Deletes a page that no compare-and-swap committed.
    async fn delete_ledger(&self, key: &str) -> Result<(), EngineError>;
    /// Lists at most `limit` keys of pages after that key, in order, uncommitted pages too. Changes nothing.
    async fn ledger_after(&self, key: Option<&str>, limit: usize) -> Result<Vec<String>, EngineError>;
    /// Reads a page; none if it does not exist. Changes nothing.
    async fn ledger_page(&self, key: &str) -> Result<Option<LedgerObject>, EngineError>;
    /// Reads no more than the first line of a page; none if the page does not exist. Changes nothing.
    async fn ledger_header(&self, key: &str) -> Result<Option<LedgerHeader>, EngineError>;
}

/// The releases in the state bucket.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait ReleaseStore {
    /// Reads a compiled release. Changes nothing.
    async fn release(&self, id: &ReleaseId) -> Result<Arc<Release>, EngineError>;
    /// Writes the compiled files of a release.
    async fn put_compiled(&self, compiled: &Compiled, index: &Index) -> Result<(), EngineError>;
    /// Lists releases that are newer than `after`, that have been complete for some minutes, and that are neither compiled nor refused: the event of
    /// their upload was lost. Changes nothing.
    async fn unprocessed_releases(&self, after: Option<&ReleaseId>) -> Result<Vec<ReleaseId>, EngineError>;
}

/// The claims and results of attempts in the state bucket.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait AttemptStore {
    /// Writes the claim of an attempt unless it has one.
    async fn put_claim(&self, run: &RunId, attempt: u32, claim: &Claim) -> Result<PutNew, EngineError>;
    /// Reads the claim of an attempt. Changes nothing.
    async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<ClaimRecord>, EngineError>;
    /// Reads the result of an attempt; none if it is missing or malformed. Changes nothing.
    async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, EngineError>;
}

/// The tasks of the cluster.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait Tasks {
    /// Starts an attempt's task.
    async fn run_task(&self, call: &RunTaskCall) -> RunTaskOutcome;
    /// Returns what ECS knows of these tasks. Changes nothing.
    async fn describe_tasks(&self, arns: &[TaskArn]) -> Result<DescribedTasks, EngineError>;
    /// Asks ECS to stop a task. The task still runs when this returns.
    async fn stop_task(&self, stop: TaskStop<'_>) -> Result<(), EngineError>;
}

/// The request to stop a task.
#[derive(Debug, Clone, Copy)]
pub struct TaskStop<'a> {
    /// The task's ARN.
    pub task_arn: &'a TaskArn,
    /// The reason, which ECS shows in the console and in the task's event.
    pub reason: &'a str,
}

/// Messages and events.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait Messages {
    /// Sends the message that wakes on-load at that time, or earlier.
    async fn wake(&self, at: Timestamp) -> Result<(), EngineError>;
    /// Puts an event of Landfall's own on the bus.
    async fn put_event(&self, detail_type: &str, detail: &Value) -> Result<(), EngineError>;
    /// Sends the event of a release's upload again.
    async fn offer_again(&self, release: &ReleaseId) -> Result<(), EngineError>;
    /// Asks on-release to change the job schedules, which are not those of this release yet.
    async fn ask_for_schedules(&self, release: &ReleaseId) -> Result<(), EngineError>;
    /// Counts the messages in the dead-letter queues; none in a function that does not know the queues. Changes nothing.
    async fn dead_letters(&self) -> Result<Option<DeadLetterCounts>, EngineError>;
}

/// The job schedules in the scheduler. Only on-release has rights on them.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait JobSchedules {
    /// Creates, changes and deletes schedules until exactly the wanted ones exist.
    async fn put_schedules(&self, wanted: &[WantedSchedule]) -> Result<(), EngineError>;
}

/// What a decision needs: the board, its release, and where plans and ledger go.
pub trait DecisionPorts: BoardStore + ReleaseStore + PlanStore + LedgerStore + Clock + StackSettings {}
impl<P: BoardStore + ReleaseStore + PlanStore + LedgerStore + Clock + StackSettings> DecisionPorts for P {}

/// All capabilities together.
pub trait Ports: DecisionPorts + AttemptStore + Tasks + Messages {}
impl<P: DecisionPorts + AttemptStore + Tasks + Messages> Ports for P {}
