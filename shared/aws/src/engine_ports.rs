//! The loop of `landfall-engine` over the world that ships: S3, ECS, SQS and `EventBridge`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use landfall_manifest::Index;
use landfall_planner::{
    BOARD_KEY, Board, Claim, Compiled, LedgerHeader, LedgerObject, Nonce, Plan, Release, ReleaseId, RunId, RunResult,
    RunTaskCall, StoredBoard, TaskSettings, compact_timestamp,
};
use serde::Serialize;
use serde_json::Value;

use landfall_engine::{CompareAndSwap, DescribedTasks, Ports, PutNew, RunTaskOutcome, docs::Files};

use crate::{Bus, CallError, Clients, Config, ConfigError, ConnectError, Queue, Store, StoreError, Tasks, clock};

pub use landfall_engine::{Deadline, EngineError, Offered, ReleaseParts, log_board_metrics};

/// The loop over AWS.
pub type AwsEngine = landfall_engine::Engine<Aws>;

/// The loop of a function that starts tasks, from the function's environment. Calls nothing yet.
pub async fn from_env() -> Result<AwsEngine, EngineError> {
    let config = Config::from_env()?;
    let clients = Clients::connect(&config).await?;
    Ok(AwsEngine::over(Aws::new(clients, config)?))
}

/// Like [`from_env`], for a function that only puts on the board what it did.
pub async fn recording_from_env() -> Result<AwsEngine, EngineError> {
    let config = Config::from_env()?;
    let clients = Clients::connect(&config).await?;
    Ok(AwsEngine::over(Aws::recording(clients, config)))
}

/// AWS, as a function's environment names its parts.
#[derive(Debug)]
pub struct Aws {
    clients: Clients,
    config: Config,
    store: Store,
    bus: Bus,
    /// publish-docs has no queue and starts no tasks: its environment lacks what that needs.
    acting: Option<Acting>,
}

/// What it takes to start tasks and to be woken.
#[derive(Debug)]
struct Acting {
    tasks: Tasks,
    queue: Queue,
    settings: TaskSettings,
}

impl Aws {
    /// For a function that starts tasks. Calls nothing yet.
    pub fn new(clients: Clients, config: Config) -> Result<Self, EngineError> {
        let acting = Acting {
            tasks: clients.tasks(&config)?,
            queue: clients.loads_queue(&config)?,
            settings: config.task_settings()?,
        };
        Ok(Self { acting: Some(acting), ..Self::recording(clients, config) })
    }

    /// For a function that only puts on the board what it did.
    pub fn recording(clients: Clients, config: Config) -> Self {
        Self { store: clients.store(config.state_bucket()), bus: clients.bus(), acting: None, clients, config }
    }

    /// The state bucket.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The environment.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Makes a message that cannot be read visible again at once: it needs to be received several times before it is a dead letter, and
    /// waiting in between helps nobody. If this fails it only takes longer.
    pub async fn hurry_to_dead_letters(&self, receipt_handle: &str) {
        let Some(acting) = &self.acting else { return };
        if let Err(error) = acting.queue.show_again(receipt_handle).await {
            tracing::info!(%error, "a malformed message goes to the dead-letter queue more slowly");
        }
    }

    fn acting(&self) -> Result<&Acting, EngineError> {
        self.acting.as_ref().ok_or(EngineError::OnlyRecords)
    }

    async fn release_file(&self, id: &ReleaseId, key: &str) -> Result<Vec<u8>, EngineError> {
        let stored = self.store.get(key).await?;
        let address = || self.store.address(key);
        stored
            .map(|stored| stored.bytes)
            .ok_or_else(|| EngineError::ReleaseFile { release: id.clone(), address: address() })
    }
}

macro_rules! world {
    ($($error:ty),*) => {$(
        impl From<$error> for EngineError {
            fn from(error: $error) -> Self {
                Self::World(Box::new(error))
            }
        }
    )*};
}
world!(CallError, ConfigError, ConnectError, StoreError);

fn json(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(value).map_err(|source| EngineError::Json { what, source })
}

/// A release that lies complete for so long should have been heard of.
const UNHEARD_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// The releases, of these objects with S3's times of them, that lie complete and that nobody has looked at.
fn unheard<'a>(objects: impl Iterator<Item = (&'a str, Timestamp)>, now: Timestamp) -> Vec<ReleaseId> {
    let mut files: BTreeMap<&str, BTreeMap<&str, Timestamp>> = BTreeMap::new();
    for (key, at) in objects {
        if let Some((id, file)) = key.strip_prefix("releases/").and_then(|rest| rest.split_once('/')) {
            files.entry(id).or_default().insert(file, at);
        }
    }
    files
        .into_iter()
        .filter(|(_, files)| {
            let complete = files.get("release.json").is_some_and(|at| now.duration_since(*at) >= UNHEARD_AFTER);
            complete && !files.contains_key("compiled.json") && !files.contains_key("refused.json")
        })
        .filter_map(|(id, _)| ReleaseId::parse(id).ok())
        .collect()
}

const JSON: &str = "application/json";

impl Ports for Aws {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn nonce(&self) -> Nonce {
        clock::nonce()
    }

    async fn pause(&self, most: Duration) {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(10.min(most)..=most))).await;
    }

    fn stack(&self) -> &str {
        self.config.stack()
    }

    fn task(&self) -> Option<&TaskSettings> {
        self.acting.as_ref().map(|acting| &acting.settings)
    }

    async fn board(&self) -> Result<(StoredBoard, String), EngineError> {
        let address = || self.store.address(BOARD_KEY);
        let stored = self.store.get(BOARD_KEY).await?.ok_or_else(|| EngineError::NoBoard { address: address() })?;
        let board = StoredBoard::from_json(&stored.bytes)
            .map_err(|source| EngineError::Board { address: address(), source })?;
        Ok((board, stored.etag))
    }

    async fn compare_and_swap_board(&self, etag: &str, board: &Board) -> Result<CompareAndSwap, EngineError> {
        let bytes =
            board.to_json().map_err(|source| EngineError::Board { address: self.store.address(BOARD_KEY), source })?;
        Ok(self.store.swap(BOARD_KEY, etag, &bytes).await?)
    }

    async fn release(&self, id: &ReleaseId) -> Result<Arc<Release>, EngineError> {
        let compiled = self.release_file(id, &Release::compiled_key(id)).await?;
        let index = self.release_file(id, &Release::index_key(id)).await?;
        Release::load(&compiled, &index)
            .map(Arc::new)
            .map_err(|source| EngineError::Release { release: id.clone(), source })
    }

    async fn put_compiled(&self, compiled: &Compiled, index: &Index) -> Result<(), EngineError> {
        let id = &compiled.release;
        self.store.put(&Release::index_key(id), &index.to_bytes(), "application/octet-stream").await?;
        self.store.put(&Release::compiled_key(id), &json("compiled.json", compiled)?, JSON).await?;
        Ok(())
    }

    async fn put_plan(&self, plan: &Plan) -> Result<PutNew, EngineError> {
        Ok(self.store.put_new(&Plan::key(&plan.run_id), &json("plan.json", plan)?, JSON).await?)
    }

    async fn plan(&self, run: &RunId) -> Result<Result<Plan, String>, EngineError> {
        let key = Plan::key(run);
        let Some(stored) = self.store.get(&key).await? else {
            return Ok(Err(format!("{} is missing", self.store.address(&key))));
        };
        Ok(Plan::from_json(&stored.bytes)
            .map_err(|error| format!("{} is unreadable: {error}", self.store.address(&key))))
    }

    async fn put_ledger(&self, key: &str, page: &LedgerObject) -> Result<PutNew, EngineError> {
        let text = page.to_jsonl().map_err(|source| EngineError::Json { what: "the ledger", source })?;
        Ok(self.store.put_new(key, text.as_bytes(), "application/x-ndjson").await?)
    }

    async fn delete_ledger(&self, key: &str) -> Result<(), EngineError> {
        Ok(self.store.delete(key).await?)
    }

    async fn put_claim(&self, run: &RunId, attempt: u32, claim: &Claim) -> Result<PutNew, EngineError> {
        Ok(self.store.put_new(&Claim::key(run, attempt), &json("a claim", claim)?, JSON).await?)
    }

    async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<(Claim, Timestamp)>, EngineError> {
        let key = Claim::key(run, attempt);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        match serde_json::from_slice(&stored.bytes) {
            Ok(claim) => Ok(Some((claim, stored.last_modified))),
            Err(source) => Err(EngineError::Json { what: "a claim", source }),
        }
    }

    async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, EngineError> {
        let key = RunResult::key(run, attempt);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        match RunResult::from_json(&stored.bytes) {
            Ok(result) => Ok(Some(result)),
            Err(error) => {
                tracing::error!(address = self.store.address(&key), %error, "unreadable, taken for absent");
                Ok(None)
            }
        }
    }

    async fn ledger_after(&self, key: Option<&str>, most: usize) -> Result<Vec<String>, EngineError> {
        Ok(self.store.list("ledger/", key, most).await?.into_iter().map(|page| page.key).collect())
    }

    async fn ledger_page(&self, key: &str) -> Result<Option<LedgerObject>, EngineError> {
        let Some(stored) = self.store.get(key).await? else { return Ok(None) };
        let page = LedgerObject::from_jsonl(&String::from_utf8_lossy(&stored.bytes));
        page.map(Some).map_err(|source| EngineError::Json { what: "a page of the ledger", source })
    }

    async fn ledger_page_before(&self, key: &str) -> Result<Option<Option<String>>, EngineError> {
        // A header has some 200 bytes.
        let Some(start) = self.store.get_start(key, 2_048).await? else { return Ok(None) };
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match serde_json::from_slice::<LedgerHeader>(line) {
            Ok(header) => Ok(Some(header.previous)),
            Err(source) => Err(EngineError::Json { what: "a page of the ledger", source }),
        }
    }

    async fn unheard_releases(&self, after: Option<&ReleaseId>) -> Result<Vec<ReleaseId>, EngineError> {
        let after = after.map(|release| format!("releases/{release}/\u{7f}"));
        let listed = self.store.list("releases/", after.as_deref(), 1_000).await?;
        Ok(unheard(listed.iter().map(|object| (object.key.as_str(), object.last_modified)), clock::now()))
    }

    async fn offer_again(&self, release: &ReleaseId) -> Result<(), EngineError> {
        let detail = serde_json::json!({
            "bucket": { "name": self.store.bucket() },
            "object": { "key": format!("releases/{release}/release.json") },
            "stack": self.config.stack(),
        });
        self.put_event(crate::event_bus::RELEASE_OFFERED, &detail).await
    }

    async fn runs_since(&self, at: Timestamp) -> Result<Vec<RunId>, EngineError> {
        let mut found: Vec<RunId> = Vec::new();
        // '+' comes before every letter and digit of the second's own runs.
        let mut after = format!("runs/{}+", compact_timestamp(at));
        loop {
            let listed = self.store.list("runs/", Some(&after), 1_000).await?;
            let Some(last) = listed.last().map(|object| object.key.clone()) else { return Ok(found) };
            let ids = listed.iter().filter_map(|object| object.key.strip_prefix("runs/")?.split('/').next());
            found.extend(ids.filter_map(|id| RunId::parse(id).ok()));
            found.dedup();
            after = last;
        }
    }

    async fn restore_board(&self, over: Option<&str>, board: &Board) -> Result<CompareAndSwap, EngineError> {
        let Some(etag) = over else {
            let bytes = board
                .to_json()
                .map_err(|source| EngineError::Board { address: self.store.address(BOARD_KEY), source })?;
            return Ok(match self.store.put_new(BOARD_KEY, &bytes, JSON).await? {
                PutNew::Created { etag } => CompareAndSwap::Written { etag },
                PutNew::Exists => CompareAndSwap::Conflict,
            });
        };
        self.compare_and_swap_board(etag, board).await
    }

    async fn run_task(&self, call: &RunTaskCall) -> RunTaskOutcome {
        match self.acting() {
            Ok(acting) => acting.tasks.run(call).await,
            Err(error) => RunTaskOutcome::Unknown { error: error.to_string() },
        }
    }

    async fn describe_tasks(&self, arns: &[String]) -> Result<DescribedTasks, EngineError> {
        Ok(self.acting()?.tasks.describe(arns).await?)
    }

    async fn stop_task(&self, arn: &str, reason: &str) -> Result<(), EngineError> {
        self.acting()?.tasks.stop(arn, reason).await?;
        Ok(())
    }

    /// By the template's order: the queue of loads' own comes first.
    async fn dead_letters(&self) -> Result<Option<(u64, u64)>, EngineError> {
        let (Some(acting), Some((loads, functions))) =
            (&self.acting, self.config.dead_letter_queue_urls().split_first())
        else {
            return Ok(None);
        };
        let of_loads = acting.queue.depth(loads).await?.waiting;
        let mut of_functions = 0;
        for url in functions {
            of_functions += acting.queue.depth(url).await?.waiting;
        }
        Ok(Some((of_loads, of_functions)))
    }

    async fn wake(&self, at: Timestamp) -> Result<(), EngineError> {
        Ok(self.acting()?.queue.wake(at, clock::now()).await?)
    }

    async fn put_event(&self, detail_type: &str, detail: &Value) -> Result<(), EngineError> {
        Ok(self.bus.put(detail_type, detail).await?)
    }
}

impl Files for Store {
    fn address(&self, key: &str) -> String {
        Self::address(self, key)
    }

    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, EngineError> {
        Ok(Self::get(self, key).await?.map(|stored| (stored.bytes, stored.etag)))
    }

    async fn put(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<(), EngineError> {
        Self::put(self, key, bytes, content_type).await?;
        Ok(())
    }

    async fn put_new(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<PutNew, EngineError> {
        Ok(Self::put_new(self, key, bytes, content_type).await?)
    }

    async fn swap(&self, key: &str, etag: &str, bytes: &[u8]) -> Result<CompareAndSwap, EngineError> {
        Ok(Self::swap(self, key, etag, bytes).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_unheard_of_if_it_lies_complete_and_no_one_looked_at_it() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let (early, late) = (now - SignedDuration::from_mins(6), now - SignedDuration::from_mins(4));
        let objects = [
            ("releases/a/manifest.json", early),
            ("releases/b/release.json", early),
            ("releases/c/release.json", late),
            ("releases/d/compiled.json", late),
            ("releases/d/release.json", early),
            ("releases/e/refused.json", late),
            ("releases/e/release.json", early),
            ("releases/../release.json", early),
        ];
        let found = unheard(objects.into_iter(), now);
        assert_eq!(found.iter().map(ReleaseId::as_str).collect::<Vec<_>>(), ["b"]);
    }
}
