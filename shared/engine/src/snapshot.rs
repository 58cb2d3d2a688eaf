//! Reading the board with its release, and what one invocation keeps of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use landfall_concurrency::Etag;
use landfall_planner::{BOARD_KEY, Board, Plan, Release, ReleaseId, RunId, StoredBoard};

use crate::{
    Engine, EngineError,
    ports::{BoardStore, ReleaseStore},
};

/// The board, its ETag and its release as one read or one compare-and-swap returned them.
#[derive(Debug)]
pub struct Snapshot {
    /// The board as it was read.
    pub board: Board,
    /// The ETag for the next compare-and-swap.
    pub etag: Etag,
    /// The release that the board names. After a compare-and-swap that changed the release it is none until the release is needed.
    pub release: Option<Arc<Release>>,
    /// The plans that this invocation wrote: starting their tasks does not read them again.
    pub(crate) plans: BTreeMap<RunId, Plan>,
}

impl<P: BoardStore + ReleaseStore> Engine<P> {
    /// Reads the board and the release that it names.
    ///
    /// # Errors
    ///
    /// Fails if the board is missing or malformed, if its release cannot be read, or if a call fails.
    pub async fn read(&self) -> Result<Snapshot, EngineError> {
        let read = self.ports.board().await?;
        let release = self.release(read.board.release()).await?;
        let board = with_release(read.board, release.as_deref())?;
        Ok(Snapshot { board, etag: read.etag, release, plans: BTreeMap::new() })
    }

    /// Returns the release that the board names. It is read once as long as it stays the same.
    ///
    /// # Errors
    ///
    /// Fails if the release cannot be read.
    pub async fn release_of(&self, board: &Board) -> Result<Option<Arc<Release>>, EngineError> {
        self.release(board.release.as_ref()).await
    }

    pub(crate) async fn release(&self, id: Option<&ReleaseId>) -> Result<Option<Arc<Release>>, EngineError> {
        let Some(id) = id else { return Ok(None) };
        let known = self.release.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(release) = known.filter(|release| release.id() == id) {
            return Ok(Some(release));
        }
        let release = self.ports.release(id).await?;
        self.keep_release(&release);
        Ok(Some(release))
    }
}

impl<P> Engine<P> {
    pub(crate) fn keep_release(&self, release: &Arc<Release>) {
        *self.release.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(release));
    }
}

/// Restores a stored board by the release that it names.
pub(crate) fn with_release(stored: StoredBoard, release: Option<&Release>) -> Result<Board, EngineError> {
    stored.with(release).map_err(|source| EngineError::Board { address: BOARD_KEY.to_owned(), source })
}
