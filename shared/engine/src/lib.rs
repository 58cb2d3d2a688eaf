//! The loop that every function runs: read the board, decide, write plans and ledger, compare-and-swap the board; then do what the board asks.
//!
//! A function may die between any two of these steps: what was decided is on the board, and whoever reads it next does what is left (L6).

mod board_recovery;
mod commit;
pub mod docs;
mod ledger_cleanup;
mod metrics;
mod outcomes;
mod perform_effects;
mod ports;
mod release_offer;
mod stop_class;
mod stopped_task;
mod sweep;
mod task_state;

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use landfall_planner::{
    BOARD_KEY, Board, BoardError, LoadReleaseError, ProtocolRules, Release, ReleaseId, Rules, RunId, StoredBoard,
};

pub use board_recovery::RecoveryReport;
pub use metrics::log_board_metrics;
pub use outcomes::{CompareAndSwap, DescribedTasks, PutNew, RunTaskOutcome, StartRefusal};
pub use ports::Ports;
pub use release_offer::{Offered, ReleaseParts};
pub use task_state::TaskState;

/// Everything that a function needs to decide and to act.
#[derive(Debug)]
pub struct Engine<P> {
    ports: P,
    rules: &'static dyn Rules,
    /// The release that was used last: a warm function need not read it again.
    release: Mutex<Option<Arc<Release>>>,
}

/// How things stand.
#[derive(Debug)]
pub struct Snapshot {
    /// The board.
    pub board: Board,
    /// By which to compare-and-swap it.
    pub etag: String,
    /// The release that it names.
    pub release: Option<Arc<Release>>,
}

/// Why nothing could be decided. Each is logged once, by the handler.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A call to the world did not succeed.
    #[error(transparent)]
    World(#[from] Box<dyn Error + Send + Sync>),
    /// No board: everything stands still, because a new one would forget what is pending.
    #[error(
        "{address} is missing: `landfall release` makes the first one; if there was one, `landfall recover` restores it"
    )]
    NoBoard {
        /// `s3://bucket/board.json`.
        address: String,
    },
    /// A board that cannot be read.
    #[error("{address}: {source}")]
    Board {
        /// `s3://bucket/board.json`.
        address: String,
        /// What is wrong with it.
        source: BoardError,
    },
    /// The release that the board names cannot be read.
    #[error("release {release}: {source}")]
    Release {
        /// It.
        release: ReleaseId,
        /// What is wrong with it.
        source: LoadReleaseError,
    },
    /// A file of a release is gone.
    #[error(
        "release {release}: {address} is missing: restore it from the bucket's versions, or run `landfall release` again"
    )]
    ReleaseFile {
        /// It.
        release: ReleaseId,
        /// The file.
        address: String,
    },
    /// Other releases came between, again and again.
    #[error("release {release}: other releases took their place while it was compiled, {tries} times in a row")]
    Overtaken {
        /// It.
        release: ReleaseId,
        /// How often.
        tries: u32,
    },
    /// A run that may live, and nobody can tell what it holds.
    #[error(
        "{reason}, and its task {task_arn} may live: nobody can tell what {run} holds. Restore the file from the bucket's versions, or wait until the task has stopped and delete runs/{run}/"
    )]
    Unrecoverable {
        /// It.
        run: RunId,
        /// Its newest task.
        task_arn: String,
        /// What is wrong with its plan.
        reason: String,
    },
    /// A board of before an earlier restoration.
    #[error(
        "the page of the ledger that this board names, {page}, is gone: the board is of before an earlier restoration; take a newer version of it"
    )]
    OffTheChain {
        /// The page's key.
        page: String,
    },
    /// A document of ours that is not JSON.
    #[error("{address}: {source}")]
    Document {
        /// Where.
        address: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Others published at the same time, again and again.
    #[error("the docs' pointer was moved by others until the time was up; the sweep tries again")]
    DocsContended,
    /// publish-docs was asked to act.
    #[error("this function knows neither the cluster nor the queue: it only records")]
    OnlyRecords,
    /// A document could not be written as JSON.
    #[error("{what} cannot be written as JSON: {source}")]
    Json {
        /// Which.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// Others replaced the board again and again until the time was up.
    #[error("the board was changed by others {tries} times in a row; nothing is lost, the event comes again")]
    Contended {
        /// How often.
        tries: u32,
    },
}

impl<P: Ports> Engine<P> {
    /// In that world. Calls nothing yet.
    pub fn over(ports: P) -> Self {
        Self::with_rules(ports, &ProtocolRules)
    }

    /// An engine that decides by other rules, as the simulation does.
    pub fn with_rules(ports: P, rules: &'static dyn Rules) -> Self {
        Self { ports, rules, release: Mutex::new(None) }
    }

    /// The world.
    pub fn ports(&self) -> &P {
        &self.ports
    }

    /// The board as it is, with the etag to compare-and-swap it by and the release that it names.
    pub async fn read(&self) -> Result<Snapshot, EngineError> {
        let (stored, etag) = self.ports.board().await?;
        let release = self.release(stored.release()).await?;
        let board = unfold(stored, release.as_deref())?;
        Ok(Snapshot { board, etag, release })
    }

    /// The release that the board names, read once as long as it stays the same.
    pub async fn release_of(&self, board: &Board) -> Result<Option<Arc<Release>>, EngineError> {
        self.release(board.release.as_ref()).await
    }

    async fn release(&self, id: Option<&ReleaseId>) -> Result<Option<Arc<Release>>, EngineError> {
        let Some(id) = id else { return Ok(None) };
        let known = self.release.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(release) = known.filter(|release| release.id() == id) {
            return Ok(Some(release));
        }
        let release = self.ports.release(id).await?;
        *self.release.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&release));
        Ok(Some(release))
    }
}

/// A board as it was stored, with the release that it names.
fn unfold(stored: StoredBoard, release: Option<&Release>) -> Result<Board, EngineError> {
    stored.with(release).map_err(|source| EngineError::Board { address: BOARD_KEY.to_owned(), source })
}

/// Until when a function may go on trying.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Timestamp);

impl Deadline {
    /// So long from now.
    pub fn after(now: Timestamp, time: SignedDuration) -> Self {
        Self(now + time)
    }

    /// Five seconds before Lambda ends the invocation, given its deadline in milliseconds since 1970.
    pub fn of_lambda(now: Timestamp, milliseconds: u64) -> Self {
        let end = i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self(end.unwrap_or_else(|| now + SignedDuration::from_secs(30)) - SignedDuration::from_secs(5))
    }

    /// Whether it is past.
    pub fn is_over(self, now: Timestamp) -> bool {
        now >= self.0
    }
}
