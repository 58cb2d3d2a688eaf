//! The board, the release in place and the ledger, as the state bucket holds them.
//!
//! The ledger is a chain: the board names the newest object, and each object names the one before it. Objects that the
//! chain does not name were never committed.

use landfall_aws::{Store, StoreError};
use landfall_planner::{
    BOARD_KEY, Board, BoardError, LedgerLine, LedgerObject, LoadReleaseError, Release, ReleaseId, StoredBoard,
};

use crate::text::date_time;

/// Errors of reading the state bucket.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A request to S3 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The board is not valid, or of another version.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The board is missing.
    #[error(
        "{0} is missing: if the stack is new, run `landfall release`, which makes it; if the stack had a board before, run `landfall recover`, which restores it"
    )]
    NoBoard(String),
    /// A document is not valid JSON of its format.
    #[error("{address} is not valid: {source}")]
    Unreadable {
        /// The address of the document, `s3://bucket/key`.
        address: String,
        /// The error of the parser.
        source: serde_json::Error,
    },
    /// The compiled release is not valid, or of another version.
    #[error("release {id} cannot be read: {source}")]
    Release {
        /// The id of the release.
        id: ReleaseId,
        /// The error of the planner.
        source: LoadReleaseError,
    },
    /// An object of the ledger is missing.
    #[error("{0} is missing, although the ledger's chain names it: restore it from the versions of the bucket")]
    Broken(String),
}

/// Reads the board.
///
/// # Errors
///
/// The board is missing, not valid, or S3 fails.
pub async fn board(state: &Store) -> Result<Board, StateError> {
    snapshot(state).await.map(|(board, _)| board)
}

/// Reads the board and the compiled release in place. The release is `None` before the first release, or if its files
/// are missing.
///
/// # Errors
///
/// The board is missing, board or release are not valid, or S3 fails.
pub async fn snapshot(state: &Store) -> Result<(Board, Option<Release>), StateError> {
    let stored = state.get(BOARD_KEY).await?.ok_or_else(|| StateError::NoBoard(state.address(BOARD_KEY)))?;
    let stored = StoredBoard::from_json(&stored.bytes)?;
    let release = match stored.release() {
        Some(id) => release(state, id).await?,
        None => None,
    };
    Ok((stored.with(release.as_ref())?, release))
}

async fn release(state: &Store, id: &ReleaseId) -> Result<Option<Release>, StateError> {
    let compiled = state.get(&Release::compiled_key(id)).await?;
    let index = state.get(&Release::index_key(id)).await?;
    let (Some(compiled), Some(index)) = (compiled, index) else { return Ok(None) };
    Release::load(&compiled.bytes, &index.bytes)
        .map(Some)
        .map_err(|source| StateError::Release { id: id.clone(), source })
}

/// Reads a JSON document of the state bucket; `None` if it is missing.
///
/// # Errors
///
/// The document is not valid, or S3 fails.
pub async fn document<T: serde::de::DeserializeOwned>(state: &Store, key: &str) -> Result<Option<T>, StateError> {
    let Some(stored) = state.get(key).await? else { return Ok(None) };
    serde_json::from_slice(&stored.bytes)
        .map(Some)
        .map_err(|source| StateError::Unreadable { address: state.address(key), source })
}

/// The chain of the ledger's objects, read from the newest to the oldest.
#[derive(Debug)]
pub struct Chain<'a> {
    state: &'a Store,
    next: Option<String>,
}

impl<'a> Chain<'a> {
    /// Starts at the object that the board names.
    pub fn new(state: &'a Store, board: &Board) -> Self {
        Self { state, next: board.ledger.clone() }
    }

    /// Returns the key of the object that is read next.
    pub fn position(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Reads the next older object; `None` after the oldest one.
    ///
    /// # Errors
    ///
    /// The object is missing or not valid, or S3 fails.
    pub async fn next(&mut self) -> Result<Option<LedgerObject>, StateError> {
        let Some(key) = self.next.take() else { return Ok(None) };
        let object = object(self.state, &key).await?;
        self.next.clone_from(&object.header.previous);
        Ok(Some(object))
    }
}

async fn object(state: &Store, key: &str) -> Result<LedgerObject, StateError> {
    let stored = state.get(key).await?.ok_or_else(|| StateError::Broken(state.address(key)))?;
    LedgerObject::from_jsonl(&String::from_utf8_lossy(&stored.bytes))
        .map_err(|source| StateError::Unreadable { address: state.address(key), source })
}

/// The newest objects of the ledger, each read once and when it is asked for, up to a limit.
#[derive(Debug)]
pub struct LedgerHistory {
    state: Store,
    next: Option<String>,
    read: Vec<LedgerObject>,
    limit: usize,
    limit_reached: bool,
}

impl LedgerHistory {
    /// Starts at the object that the board names; at most `limit` objects are read.
    pub fn new(state: Store, board: &Board, limit: usize) -> Self {
        Self { state, next: board.ledger.clone(), read: Vec::new(), limit, limit_reached: false }
    }

    /// The object that is `back` objects older than the newest; `None` beyond the oldest object or the limit.
    ///
    /// # Errors
    ///
    /// An object is missing or not valid, or S3 fails.
    pub async fn object(&mut self, back: usize) -> Result<Option<&LedgerObject>, StateError> {
        while self.read.len() <= back {
            let Some(key) = self.next.take() else { return Ok(None) };
            if self.read.len() >= self.limit {
                self.limit_reached = true;
                self.next = Some(key);
                return Ok(None);
            }
            let object = object(&self.state, &key).await?;
            self.next.clone_from(&object.header.previous);
            self.read.push(object);
        }
        Ok(self.read.get(back))
    }

    /// A note for the user, if older objects than the limit were asked for.
    pub fn limit_note(&self) -> Option<String> {
        let oldest = self.read.last().filter(|_| self.limit_reached)?;
        Some(format!(
            "Only the newest {} objects of the ledger were read, back to {}. Query s3://{}/ledger/ for older events.",
            self.read.len(),
            date_time(oldest.header.at),
            self.state.bucket()
        ))
    }
}

/// A reader of the lines that are added to the ledger.
#[derive(Debug)]
pub struct LedgerFollower {
    state: Store,
    seen: Option<String>,
    /// The board as of the last poll.
    pub board: Board,
}

impl LedgerFollower {
    /// Starts at the current end of the ledger.
    ///
    /// # Errors
    ///
    /// The board is missing or not valid, or S3 fails.
    pub async fn from_now_on(state: Store) -> Result<Self, StateError> {
        let board = board(&state).await?;
        Ok(Self { seen: board.ledger.clone(), state, board })
    }

    /// Returns the lines that were committed since the last poll, oldest first.
    ///
    /// # Errors
    ///
    /// The board or an object is missing or not valid, or S3 fails.
    pub async fn poll(&mut self) -> Result<Vec<LedgerLine>, StateError> {
        self.board = board(&self.state).await?;
        if self.board.ledger == self.seen {
            return Ok(Vec::new());
        }
        let mut chain = Chain::new(&self.state, &self.board);
        let mut objects = Vec::new();
        while chain.next != self.seen {
            let Some(object) = chain.next().await? else { break };
            objects.push(object);
        }
        self.seen.clone_from(&self.board.ledger);
        Ok(objects.into_iter().rev().flat_map(|object| object.lines).collect())
    }
}
