//! A board as it is stored. It becomes a [`Board`] with the release that it names.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{BOARD_VERSION, Board, PendingNodes, Release, ReleaseId, SchedulesState, Trigger};

/// A board as it was read from board.json. A backlog entry of a dataset's whole selection lists no nodes there, so
/// its pending nodes are known only [with](Self::with) the release.
#[derive(Debug, Clone)]
pub struct StoredBoard(Board);

impl StoredBoard {
    /// Reads board.json.
    ///
    /// # Errors
    ///
    /// Fails if the JSON is not a board, or a board of another version.
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

    /// Returns the release in place, if there is one.
    pub fn release(&self) -> Option<&ReleaseId> {
        self.0.release.as_ref()
    }

    /// Returns what the board knows of the job schedules.
    pub fn schedules(&self) -> &SchedulesState {
        &self.0.schedules
    }

    /// Returns the number of the board, and the latest time that any writer saw.
    pub fn written(&self) -> (u64, Timestamp) {
        (self.0.seq, self.0.now)
    }

    /// Returns the board, given [the release that it names](Self::release).
    ///
    /// # Errors
    ///
    /// Fails if an entry stands for the whole selection of a dataset that the release does not have.
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

/// Every entry of a board that was never stored has its nodes.
impl From<Board> for StoredBoard {
    fn from(mut board: Board) -> Self {
        board.backlog.values_mut().for_each(|entry| entry.nodes.whole = false);
        Self(board)
    }
}

impl Board {
    /// Returns the JSON of board.json.
    ///
    /// # Errors
    ///
    /// Fails if a value cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, BoardError> {
        serde_json::to_vec(self).map_err(BoardError::Unreadable)
    }

    /// Marks the entries whose nodes are their dataset's whole selection, so that the stored board does not list them.
    pub(crate) fn omit_whole_selections(&mut self, release: Option<&Release>) {
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

/// Why a stored board cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The JSON is not that of a board.
    #[error("board.json is not a board: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// The board has another version.
    #[error(
        "board.json has version {0}, but this Landfall reads version {BOARD_VERSION}: update all functions of the stack together"
    )]
    Version(u32),
    /// A whole selection is pending that the release does not have.
    #[error(
        "the whole selection of {trigger} is pending in board.json, but its release does not have it: restore board.json and the release's files from the bucket's versions"
    )]
    Whole {
        /// The trigger of the entry.
        trigger: Trigger,
    },
}
