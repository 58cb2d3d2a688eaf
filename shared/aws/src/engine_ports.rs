//! The engine's ports over AWS: S3, ECS, SQS and `EventBridge`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_manifest::Index;
use landfall_planner::{
    BOARD_KEY, Board, Claim, Compiled, LedgerHeader, LedgerObject, Nonce, Plan, Release, ReleaseId, RunId, RunResult,
    RunTaskCall, StoredBoard, TaskArn, TaskSettings, compact_timestamp,
};
use serde::Serialize;
use serde_json::Value;

use landfall_engine::{
    ClaimRecord, CompareAndSwap, DescribedTasks, Etag, NextStep, PutNew, ReadBoard, ReadPlan, RunTaskOutcome,
    ports::{
        AttemptStore, BoardStore, Clock, LedgerStore, PlanStore, ReleaseStore, StackSettings, TaskStop,
        Tasks as TaskPorts,
    },
};

use crate::{
    Bus, CallError, Clients, Config, ConfigError, ConnectError, Queue, Store, StoreError, Tasks, clock, sleep_up_to,
    unprocessed_releases::unprocessed, wake_chain::WakeChain,
};

pub use landfall_engine::{Deadline, EngineError, Offered, ReleaseParts, log_board_metrics};

mod messages;

/// The engine over AWS.
pub type AwsEngine = landfall_engine::Engine<Aws>;

/// Creates the engine of a function that starts tasks, from the function's environment. Calls nothing yet.
///
/// # Errors
///
/// Fails if the environment is incomplete.
pub async fn from_env() -> Result<AwsEngine, EngineError> {
    let config = Config::from_env()?;
    let clients = Clients::connect(&config).await?;
    Ok(AwsEngine::new(Aws::new(clients, config)?))
}

/// Like [`from_env`], for a function that only records what it did.
///
/// # Errors
///
/// Fails if the environment is incomplete.
pub async fn recording_from_env() -> Result<AwsEngine, EngineError> {
    let config = Config::from_env()?;
    let clients = Clients::connect(&config).await?;
    Ok(AwsEngine::new(Aws::recording(clients, config)))
}

/// The services that a function's environment names.
#[derive(Debug)]
pub struct Aws {
    clients: Clients,
    config: Config,
    store: Store,
    bus: Bus,
    /// None for publish-docs, whose environment names neither a queue nor a cluster.
    acting: Option<Acting>,
}

/// What starting tasks and waking on-load needs.
#[derive(Debug)]
struct Acting {
    tasks: Tasks,
    queue: Queue,
    wakes: WakeChain,
    settings: TaskSettings,
}

impl Aws {
    /// Creates the ports of a function that starts tasks. Calls nothing yet.
    ///
    /// # Errors
    ///
    /// Fails if the environment is incomplete.
    pub fn new(clients: Clients, config: Config) -> Result<Self, EngineError> {
        let acting = Acting {
            tasks: clients.tasks(&config)?,
            queue: clients.loads_queue(&config)?,
            wakes: WakeChain::default(),
            settings: config.task_settings()?,
        };
        Ok(Self { acting: Some(acting), ..Self::recording(clients, config) })
    }

    /// Creates the ports of a function that only records what it did.
    pub fn recording(clients: Clients, config: Config) -> Self {
        Self { store: clients.store(config.state_bucket()), bus: clients.bus(), acting: None, clients, config }
    }

    /// An invocation of on-load begins. `chain` is the number in its wake, or `None` if it got another message.
    pub fn continue_chain_of_wakes(&self, chain: Option<u32>) {
        if let Some(acting) = &self.acting {
            acting.wakes.begin(chain);
        }
    }

    /// Returns the state bucket.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Returns the environment.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Makes a malformed message visible again at once. SQS moves it to the dead-letter queue after several receipts, and there is no use in waiting
    /// between them. If this fails, the message only arrives there later.
    pub async fn expedite_to_dead_letters(&self, receipt_handle: &str) {
        let Some(acting) = &self.acting else { return };
        if let Err(error) = acting.queue.show_again(receipt_handle).await {
            tracing::info!(%error, "a malformed message reaches the dead-letter queue later");
        }
    }

    fn acting(&self) -> Result<&Acting, EngineError> {
        self.acting.as_ref().ok_or(EngineError::RecordsOnly)
    }

    async fn release_file(&self, id: &ReleaseId, key: &str) -> Result<Vec<u8>, EngineError> {
        let stored = self.store.get(key).await.map_err(failed_store)?;
        stored
            .map(|stored| stored.bytes)
            .ok_or_else(|| EngineError::ReleaseFile { release: id.clone(), address: self.store.address(key) })
    }

    /// The detail of an event to on-release, like that of S3's `Object Created`.
    fn offered(&self, release: &ReleaseId, schedules: bool) -> Value {
        serde_json::json!({
            "bucket": { "name": self.store.bucket() },
            "object": { "key": format!("releases/{release}/release.json") },
            "stack": self.config.stack(),
            "schedules": schedules,
        })
    }

    fn board_json(&self, board: &Board) -> Result<Vec<u8>, EngineError> {
        board.to_json().map_err(|source| EngineError::Board { address: self.store.address(BOARD_KEY), source })
    }

    fn malformed(&self, key: &str, source: serde_json::Error) -> EngineError {
        EngineError::Document { address: self.store.address(key), source }
    }
}

impl From<ConfigError> for EngineError {
    fn from(error: ConfigError) -> Self {
        Self::call(error, NextStep::NotifyOperator)
    }
}

impl From<ConnectError> for EngineError {
    fn from(error: ConnectError) -> Self {
        Self::call(error, NextStep::NotifyOperator)
    }
}

// `From` cannot be implemented here: neither the adapters' errors nor the engine's are of this crate.
fn failed_call(error: CallError) -> EngineError {
    let next_step = next_step(error.is_retryable());
    EngineError::call(error, next_step)
}

pub(crate) fn failed_store(error: StoreError) -> EngineError {
    let next_step = next_step(error.is_retryable());
    EngineError::call(error, next_step)
}

fn next_step(is_retryable: bool) -> NextStep {
    if is_retryable { NextStep::Retry } else { NextStep::NotifyOperator }
}

fn json(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(value).map_err(|source| EngineError::Json { what, source })
}

const JSON: &str = "application/json";

impl Clock for Aws {
    fn now(&self) -> Timestamp {
        clock::s3_now()
    }

    fn process_time(&self) -> Timestamp {
        clock::now()
    }

    fn nonce(&self) -> Nonce {
        clock::nonce()
    }

    async fn pause(&self, limit: Duration) {
        sleep_up_to(limit).await;
    }
}

impl StackSettings for Aws {
    fn stack(&self) -> &str {
        self.config.stack()
    }

    fn task(&self) -> Option<&TaskSettings> {
        self.acting.as_ref().map(|acting| &acting.settings)
    }
}

impl BoardStore for Aws {
    async fn board(&self) -> Result<ReadBoard, EngineError> {
        let address = || self.store.address(BOARD_KEY);
        let stored = self.store.get(BOARD_KEY).await.map_err(failed_store)?;
        let stored = stored.ok_or_else(|| EngineError::NoBoard { address: address() })?;
        let board = StoredBoard::from_json(&stored.bytes)
            .map_err(|source| EngineError::Board { address: address(), source })?;
        Ok(ReadBoard { board, etag: stored.etag })
    }

    async fn compare_and_swap_board(&self, etag: &Etag, board: &Board) -> Result<CompareAndSwap, EngineError> {
        self.store.swap(BOARD_KEY, etag, &self.board_json(board)?).await.map_err(failed_store)
    }

    async fn restore_board(&self, replaced: Option<&Etag>, board: &Board) -> Result<CompareAndSwap, EngineError> {
        let Some(etag) = replaced else {
            let created = self.store.put_new(BOARD_KEY, &self.board_json(board)?, JSON).await.map_err(failed_store)?;
            return Ok(match created {
                PutNew::Created { etag } => CompareAndSwap::Written { etag },
                PutNew::Exists => CompareAndSwap::Conflict,
            });
        };
        self.compare_and_swap_board(etag, board).await
    }
}

impl ReleaseStore for Aws {
    async fn release(&self, id: &ReleaseId) -> Result<Arc<Release>, EngineError> {
        let compiled = self.release_file(id, &Release::compiled_key(id)).await?;
        let index = self.release_file(id, &Release::index_key(id)).await?;
        Release::load(&compiled, &index)
            .map(Arc::new)
            .map_err(|source| EngineError::Release { release: id.clone(), source })
    }

    async fn put_compiled(&self, compiled: &Compiled, index: &Index) -> Result<(), EngineError> {
        let id = &compiled.release;
        let index = index.to_bytes();
        self.store.put(&Release::index_key(id), &index, "application/octet-stream").await.map_err(failed_store)?;
        let compiled = json("compiled.json", compiled)?;
        self.store.put(&Release::compiled_key(id), &compiled, JSON).await.map_err(failed_store)?;
        Ok(())
    }

    async fn unprocessed_releases(&self, after: Option<&ReleaseId>) -> Result<Vec<ReleaseId>, EngineError> {
        let after = after.map(|release| format!("releases/{release}/\u{7f}"));
        let listed = self.store.list("releases/", after.as_deref(), 1_000).await.map_err(failed_store)?;
        Ok(unprocessed(listed.iter().map(|object| (object.key.as_str(), object.last_modified)), clock::s3_now()))
    }
}

impl PlanStore for Aws {
    async fn put_plan(&self, plan: &Plan) -> Result<PutNew, EngineError> {
        let key = Plan::key(&plan.run_id);
        self.store.put_new(&key, &json("plan.json", plan)?, JSON).await.map_err(failed_store)
    }

    async fn plan(&self, run: &RunId) -> Result<ReadPlan, EngineError> {
        let key = Plan::key(run);
        let Some(stored) = self.store.get(&key).await.map_err(failed_store)? else {
            return Ok(ReadPlan::Unusable { reason: format!("{} is missing", self.store.address(&key)) });
        };
        Ok(match serde_json::from_slice(&stored.bytes) {
            Ok(plan) => ReadPlan::Found(Box::new(plan)),
            Err(error) => ReadPlan::Unusable { reason: format!("{} is malformed: {error}", self.store.address(&key)) },
        })
    }

    async fn runs_since(&self, at: Timestamp) -> Result<Vec<RunId>, EngineError> {
        let mut found: Vec<RunId> = Vec::new();
        // '+' sorts before every letter and digit that may follow the second in a run's name.
        let mut after = format!("runs/{}+", compact_timestamp(at));
        loop {
            let listed = self.store.list("runs/", Some(&after), 1_000).await.map_err(failed_store)?;
            let Some(last) = listed.last().map(|object| object.key.clone()) else { return Ok(found) };
            let ids = listed.iter().filter_map(|object| object.key.strip_prefix("runs/")?.split('/').next());
            found.extend(ids.filter_map(|id| RunId::parse(id).ok()));
            found.dedup();
            after = last;
        }
    }
}

impl LedgerStore for Aws {
    async fn put_ledger(&self, key: &str, page: &LedgerObject) -> Result<PutNew, EngineError> {
        let text = page.to_jsonl().map_err(|source| EngineError::Json { what: "a ledger page", source })?;
        self.store.put_new(key, text.as_bytes(), "application/x-ndjson").await.map_err(failed_store)
    }

    async fn delete_ledger(&self, key: &str) -> Result<(), EngineError> {
        self.store.delete(key).await.map_err(failed_store)
    }

    async fn ledger_after(&self, key: Option<&str>, limit: usize) -> Result<Vec<String>, EngineError> {
        let listed = self.store.list("ledger/", key, limit).await.map_err(failed_store)?;
        Ok(listed.into_iter().map(|page| page.key).collect())
    }

    async fn ledger_page(&self, key: &str) -> Result<Option<LedgerObject>, EngineError> {
        let Some(stored) = self.store.get(key).await.map_err(failed_store)? else { return Ok(None) };
        let page = LedgerObject::from_jsonl(&String::from_utf8_lossy(&stored.bytes));
        page.map(Some).map_err(|source| self.malformed(key, source))
    }

    async fn ledger_header(&self, key: &str) -> Result<Option<LedgerHeader>, EngineError> {
        // A header has about 200 bytes.
        let Some(start) = self.store.get_start(key, 2_048).await.map_err(failed_store)? else { return Ok(None) };
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        serde_json::from_slice(line).map(Some).map_err(|source| self.malformed(key, source))
    }
}

impl AttemptStore for Aws {
    async fn put_claim(&self, run: &RunId, attempt: u32, claim: &Claim) -> Result<PutNew, EngineError> {
        self.store.put_new(&Claim::key(run, attempt), &json("a claim", claim)?, JSON).await.map_err(failed_store)
    }

    async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<ClaimRecord>, EngineError> {
        let key = Claim::key(run, attempt);
        let Some(stored) = self.store.get(&key).await.map_err(failed_store)? else { return Ok(None) };
        let claim = serde_json::from_slice(&stored.bytes).map_err(|source| self.malformed(&key, source))?;
        Ok(Some(ClaimRecord { claim, written_at: stored.last_modified }))
    }

    async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, EngineError> {
        let key = RunResult::key(run, attempt);
        let Some(stored) = self.store.get(&key).await.map_err(failed_store)? else { return Ok(None) };
        match serde_json::from_slice(&stored.bytes) {
            Ok(result) => Ok(Some(result)),
            Err(error) => {
                tracing::error!(address = self.store.address(&key), %error, "the result is malformed and counts as missing");
                Ok(None)
            }
        }
    }
}

impl TaskPorts for Aws {
    async fn run_task(&self, call: &RunTaskCall) -> RunTaskOutcome {
        match self.acting() {
            Ok(acting) => acting.tasks.run(call).await,
            Err(error) => RunTaskOutcome::Unknown { error: error.to_string() },
        }
    }

    async fn describe_tasks(&self, arns: &[TaskArn]) -> Result<DescribedTasks, EngineError> {
        self.acting()?.tasks.describe(arns).await.map_err(failed_call)
    }

    async fn stop_task(&self, stop: TaskStop<'_>) -> Result<(), EngineError> {
        self.acting()?.tasks.stop(stop).await.map_err(failed_call)?;
        Ok(())
    }
}
