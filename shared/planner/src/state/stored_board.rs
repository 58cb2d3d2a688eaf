//! board.json as it was read: it is a board once the release that it names is at hand.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{BOARD_VERSION, Board, PendingNodes, Release, ReleaseId, Trigger};

/// board.json, read. A backlog entry of a dataset's whole selection names no nodes in it, so what it has pending is known only [with](Self::with) the release.
#[derive(Debug, Clone)]
pub struct StoredBoard(Board);

impl StoredBoard {
    /// From JSON; a board of another version is refused rather than half understood.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BoardError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(BoardError::Unreadable)?;
        if version != BOARD_VERSION {
            return Err(BoardError::Version(version));
        }
        serde_json::from_slice(bytes).map(Self).map_err(BoardError::Unreadable)
    }

    /// The release in place, if there is one.
    pub fn release(&self) -> Option<&ReleaseId> {
        self.0.release.as_ref()
    }

    /// Its number, and the latest time that any writer of it saw.
    pub fn written(&self) -> (u64, Timestamp) {
        (self.0.seq, self.0.now)
    }

    /// The board, with [that release](Self::release).
    pub fn with(self, release: Option<&Release>) -> Result<Board, BoardError> {
        let mut board = self.0;
        let release = release.filter(|release| board.release.as_ref() == Some(release.id()));
        for (trigger, entry) in board.backlog.iter_mut().filter(|(_, entry)| entry.nodes.whole) {
            let dataset = match trigger {
                Trigger::Load(name) => release.and_then(|release| release.dataset(name)),
                _ => None,
            };
            let dataset = dataset.ok_or_else(|| BoardError::Whole { trigger: trigger.clone() })?;
            entry.nodes = PendingNodes::whole_of(&dataset.nodes);
        }
        Ok(board)
    }
}

/// A board that was never JSON lists its nodes.
impl From<Board> for StoredBoard {
    fn from(mut board: Board) -> Self {
        board.backlog.values_mut().for_each(|entry| entry.nodes.whole = false);
        Self(board)
    }
}

impl Board {
    /// The JSON of the board, as board.json holds it.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, BoardError> {
        serde_json::to_vec(self).map_err(BoardError::Unreadable)
    }

    /// Marks what need not be listed, as far as the release tells.
    pub(crate) fn shorten(&mut self, release: Option<&Release>) {
        let release = release.filter(|release| self.release.as_ref() == Some(release.id()));
        for (trigger, entry) in &mut self.backlog {
            let dataset = match trigger {
                Trigger::Load(name) => release.and_then(|release| release.dataset(name)),
                _ => None,
            };
            entry.nodes.whole = dataset.is_some_and(|dataset| dataset.nodes == *entry.nodes);
        }
    }
}

/// A board that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// Not the JSON of a board.
    #[error("board.json is not a board: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// Another version.
    #[error(
        "board.json has version {0}, this landfall reads version {BOARD_VERSION}: update the stack's functions together"
    )]
    Version(u32),
    /// It has pending a selection that nobody can look up.
    #[error(
        "board.json has pending the whole selection of {trigger}, which the release that it names does not have: restore board.json and the release's files from the bucket's versions"
    )]
    Whole {
        /// Who has pending.
        trigger: Trigger,
    },
}
