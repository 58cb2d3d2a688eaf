//! The ledger as a chain: from the board backwards, each object names the one before it. What is off the chain was never committed.

use landfall_aws::{Store, StoreError};
use landfall_planner::{
    BOARD_KEY, Board, BoardError, LedgerLine, LedgerObject, LoadReleaseError, Release, ReleaseId, StoredBoard,
};

/// State that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// S3 said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// There is no board.
    #[error(
        "{0} is missing: `landfall release` makes it with the first release; if there was one before, `landfall recover` restores it"
    )]
    NoBoard(String),
    /// A document of another shape.
    #[error("{address} is unreadable: {source}")]
    Unreadable {
        /// `s3://bucket/key`.
        address: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The compiled release.
    #[error("release {id}: {source}")]
    Release {
        /// Which.
        id: ReleaseId,
        /// Why.
        source: LoadReleaseError,
    },
    /// A link of the chain is gone.
    #[error("{0} is missing, though the board's chain names it: restore it from the bucket's versions")]
    Broken(String),
}

/// The board as it is.
pub async fn board(state: &Store) -> Result<Board, StateError> {
    snapshot(state).await.map(|(board, _)| board)
}

/// The board as it is, and the release in place, compiled: none before the first, or where its files are gone.
pub async fn snapshot(state: &Store) -> Result<(Board, Option<Release>), StateError> {
    let there = state.get(BOARD_KEY).await?.ok_or_else(|| StateError::NoBoard(state.address(BOARD_KEY)))?;
    let stored = StoredBoard::from_json(&there.bytes)?;
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

/// A JSON document of the state bucket; none if there is none.
pub async fn document<T: serde::de::DeserializeOwned>(state: &Store, key: &str) -> Result<Option<T>, StateError> {
    let Some(there) = state.get(key).await? else { return Ok(None) };
    serde_json::from_slice(&there.bytes)
        .map(Some)
        .map_err(|source| StateError::Unreadable { address: state.address(key), source })
}

/// The chain from its newest object backwards.
#[derive(Debug)]
pub struct Chain<'a> {
    state: &'a Store,
    next: Option<String>,
}

impl<'a> Chain<'a> {
    /// From the object that the board names.
    pub fn new(state: &'a Store, board: &Board) -> Self {
        Self { state, next: board.ledger.clone() }
    }

    /// The next older object; none after the first one ever.
    pub async fn next(&mut self) -> Result<Option<LedgerObject>, StateError> {
        let Some(key) = self.next.take() else { return Ok(None) };
        let object = object(self.state, &key).await?;
        self.next.clone_from(&object.header.previous);
        Ok(Some(object))
    }
}

async fn object(state: &Store, key: &str) -> Result<LedgerObject, StateError> {
    let there = state.get(key).await?.ok_or_else(|| StateError::Broken(state.address(key)))?;
    LedgerObject::from_jsonl(&String::from_utf8_lossy(&there.bytes))
        .map_err(|source| StateError::Unreadable { address: state.address(key), source })
}

/// The newest part of the ledger: read backwards as far as somebody asks and no further than a bound, each object once.
#[derive(Debug)]
pub struct Past {
    state: Store,
    next: Option<String>,
    read: Vec<LedgerObject>,
    most: usize,
    cut: bool,
}

impl Past {
    /// From the object that the board names, at most so many objects.
    pub fn new(state: Store, board: &Board, most: usize) -> Self {
        Self { state, next: board.ledger.clone(), read: Vec::new(), most, cut: false }
    }

    /// The object so many before the newest; none beyond the first one ever, and none beyond the bound.
    pub async fn object(&mut self, back: usize) -> Result<Option<&LedgerObject>, StateError> {
        while self.read.len() <= back {
            let Some(key) = self.next.take() else { return Ok(None) };
            if self.read.len() >= self.most {
                self.cut = true;
                self.next = Some(key);
                return Ok(None);
            }
            let object = object(&self.state, &key).await?;
            self.next.clone_from(&object.header.previous);
            self.read.push(object);
        }
        Ok(self.read.get(back))
    }

    /// A plain line if somebody asked for more than the bound allows.
    pub fn cut(&self) -> Option<String> {
        let oldest = self.read.last().filter(|_| self.cut)?;
        Some(format!(
            "this is from the newest {} objects of the ledger, back to {}; what is older was not read: query it where it lies (s3://{}/ledger/)",
            self.read.len(),
            oldest.header.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            self.state.bucket()
        ))
    }
}

/// Follows the ledger as it grows.
#[derive(Debug)]
pub struct Follower {
    state: Store,
    seen: Option<String>,
    /// The board as it was at the last look.
    pub board: Board,
}

impl Follower {
    /// Everything after now.
    pub async fn from_now_on(state: Store) -> Result<Self, StateError> {
        let board = board(&state).await?;
        Ok(Self { seen: board.ledger.clone(), state, board })
    }

    /// Looks once: the lines that were committed since the last look, oldest first.
    pub async fn look(&mut self) -> Result<Vec<LedgerLine>, StateError> {
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
