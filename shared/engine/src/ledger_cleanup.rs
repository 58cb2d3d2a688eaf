//! What the sweep clears up and makes up for in the state bucket: pages of the ledger that no board names, and releases that nobody heard of.

use std::collections::HashSet;

use landfall_planner::{Board, Input};

use crate::{Deadline, Engine, EngineError, Ports};

/// How often, in minutes. Each time costs two lists of keys, and a read for each page of the ledger that is new.
const EVERY: i64 = 10;
/// How many pages are read at a time.
const PAGES: usize = 500;

impl<P: Ports> Engine<P> {
    /// Whether the sweep of this minute does so.
    pub(crate) fn is_cleanup_due(&self) -> bool {
        (self.ports.now().as_second() / 60) % EVERY == 0
    }

    /// Does both. Nothing waits for it, so what fails is tried the next time.
    pub async fn clean_ledger(&self, board: Board, deadline: Deadline) -> Board {
        if let Err(error) = self.offer_again(&board).await {
            tracing::warn!(%error, "releases that nobody heard of were not looked for");
        }
        match self.delete_strays(&board, deadline).await {
            Ok(after) => after.unwrap_or(board),
            Err(error) => {
                tracing::warn!(%error, "strays of the ledger were not looked for");
                board
            }
        }
    }

    /// A release lies complete in the bucket, and the event that says so was lost.
    async fn offer_again(&self, board: &Board) -> Result<(), EngineError> {
        for release in self.ports.unheard_releases(board.release.as_ref()).await? {
            tracing::warn!(%release, "nobody heard of this release: it is offered again");
            self.ports.offer_again(&release).await?;
        }
        Ok(())
    }

    /// Deletes pages that no board ever named and none ever will: those that no page names as the one before it, up to one that a page does
    /// name. Whoever wrote a page had read a board, so what it names was committed; and a page that lost to that one can win no more, because
    /// the board that it was written for is gone.
    async fn delete_strays(&self, board: &Board, deadline: Deadline) -> Result<Option<Board>, EngineError> {
        let Some(tip) = &board.ledger else { return Ok(None) };
        let keys = self.ports.ledger_after(board.ledger_cleaned_to.as_deref(), PAGES).await?;
        let mut named: HashSet<String> = HashSet::new();
        let mut read = 0;
        for key in &keys {
            if deadline.is_over(self.ports.now()) {
                break;
            }
            read += 1;
            // One that went away in between was a stray.
            named.extend(self.ports.ledger_page_before(key).await?.flatten());
        }
        let read = keys.get(..read).unwrap_or_default();
        let Some(last) = read.iter().rposition(|key| key <= tip && named.contains(key)) else { return Ok(None) };
        for stray in read.iter().take(last).filter(|key| !named.contains(*key)) {
            tracing::info!(key = stray, "a page that no board names is deleted");
            self.ports.delete_ledger(stray).await?;
        }
        let ledger = read.get(last).cloned().unwrap_or_default();
        Box::pin(self.commit(&Input::LedgerCleaned { ledger }, deadline)).await.map(Some)
    }
}
