//! What the sweep repairs in the state bucket: it deletes uncommitted pages of the ledger and offers releases again whose event was lost.

use std::collections::HashSet;

use landfall_planner::{Board, Input};

use crate::{
    Deadline, Engine, EngineError, Snapshot,
    ports::{Clock, DecisionPorts, LedgerStore, Messages, ReleaseStore},
};

/// The minutes between two clean-ups. Each costs two listings, and one read for each new page of the ledger.
const INTERVAL_MINUTES: i64 = 10;
/// The number of pages that one clean-up reads.
const PAGES: usize = 500;

impl<P: DecisionPorts + Messages> Engine<P> {
    /// Whether the sweep of this minute cleans up.
    pub(crate) fn is_cleanup_due(&self) -> bool {
        (self.ports.now().as_second() / 60) % INTERVAL_MINUTES == 0
    }

    /// Offers releases again and deletes strays, from the board as it is now.
    ///
    /// # Errors
    ///
    /// Fails if the board cannot be read.
    pub async fn clean_ledger(&self, deadline: Deadline) -> Result<Board, EngineError> {
        let snapshot = self.read().await?;
        self.clean_up(snapshot, deadline).await
    }

    /// Offers releases again and deletes strays. Nothing waits for either, so what fails is logged and tried in the next clean-up.
    pub(crate) async fn clean_up(&self, snapshot: Snapshot, deadline: Deadline) -> Result<Board, EngineError> {
        if let Err(error) = self.offer_unprocessed_releases(&snapshot.board).await {
            tracing::warn!(%error, "unprocessed releases were not offered again");
        }
        let cleaned_to = match self.delete_strays(&snapshot.board, deadline).await {
            Ok(cleaned_to) => cleaned_to,
            Err(error) => {
                tracing::warn!(%error, "strays of the ledger were not deleted");
                None
            }
        };
        let Some(ledger) = cleaned_to else { return Ok(snapshot.board) };
        Ok(Box::pin(self.commit_from(snapshot, &Input::LedgerCleaned { ledger }, deadline)).await?.board)
    }
}

impl<P: ReleaseStore + Messages> Engine<P> {
    /// Offers complete releases again whose event was lost.
    async fn offer_unprocessed_releases(&self, board: &Board) -> Result<(), EngineError> {
        for release in self.ports.unprocessed_releases(board.release.as_ref()).await? {
            tracing::warn!(%release, "the event of this release was lost: offering it again");
            self.ports.offer_again(&release).await?;
        }
        Ok(())
    }
}

impl<P: LedgerStore + Clock> Engine<P> {
    /// Deletes pages that no board ever named and none ever will, and returns the key up to which the ledger is clean. Such a page is one that no
    /// page names as the one before it, up to a page that is named. The writer of a page had read a board, so what it names was committed; and a
    /// page that lost to that one cannot win any more, because the board that it was written for is gone.
    async fn delete_strays(&self, board: &Board, deadline: Deadline) -> Result<Option<String>, EngineError> {
        let Some(tip) = &board.ledger else { return Ok(None) };
        let keys = self.ports.ledger_after(board.ledger_cleaned_to.as_deref(), PAGES).await?;
        let mut named: HashSet<String> = HashSet::new();
        let mut read = 0;
        for key in &keys {
            if deadline.is_over(&self.ports) {
                break;
            }
            read += 1;
            // A page that was deleted since the listing was a stray.
            named.extend(self.ports.ledger_header(key).await?.and_then(|header| header.previous));
        }
        let read = keys.get(..read).unwrap_or_default();
        let Some(last) = read.iter().rposition(|key| key <= tip && named.contains(key)) else { return Ok(None) };
        for stray in read.iter().take(last).filter(|key| !named.contains(*key)) {
            tracing::info!(key = stray, "deleting a page that no board names");
            self.ports.delete_ledger(stray).await?;
        }
        Ok(read.get(last).cloned())
    }
}
