//! Decide, then compare-and-swap the board.

use std::{collections::BTreeMap, time::Duration};

use landfall_concurrency::Backoff;
use landfall_planner::{
    BOARD_KEY, Board, Context, Decision, Input, LedgerHeader, LedgerObject, Nonce, Plan, Release, RunId, StoredBoard,
    decide,
};

use crate::{
    CompareAndSwap, Deadline, Engine, EngineError, PutNew, Snapshot,
    ports::{DecisionPorts, LedgerStore},
    snapshot::with_release,
};

/// The waits after a lost compare-and-swap.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1_600));

/// A compare-and-swap whose reply was lost.
struct UnansweredSwap {
    nonce: Nonce,
    plans: BTreeMap<RunId, Plan>,
}

impl<P: DecisionPorts> Engine<P> {
    /// Reads the board, decides what the input leads to, and commits the decision. Returns the board after it.
    ///
    /// # Errors
    ///
    /// Fails if other writers win until the deadline, if board or release cannot be read, or if a call fails.
    pub async fn commit(&self, input: &Input<'_>, deadline: Deadline) -> Result<Board, EngineError> {
        let snapshot = self.read().await?;
        Ok(self.commit_from(snapshot, input, deadline).await?.board)
    }

    /// Decides what the input leads to on this snapshot and commits the decision, in the order plans, ledger, board. The snapshot's ETag guards the
    /// compare-and-swap, so the board is read again only if another writer changed it, or if the reply was lost: then the nonces on the board
    /// tell whether this writer won.
    pub(crate) async fn commit_from(
        &self,
        mut snapshot: Snapshot,
        input: &Input<'_>,
        deadline: Deadline,
    ) -> Result<Snapshot, EngineError> {
        let mut unanswered: Vec<UnansweredSwap> = Vec::new();
        let mut tries = 0;
        loop {
            if let Some(won) = unanswered.iter_mut().find(|swap| snapshot.board.nonces.contains(&swap.nonce)) {
                snapshot.plans.append(&mut won.plans);
                return Ok(snapshot);
            }
            if tries > 0 {
                if deadline.is_over(&self.ports) {
                    return Err(EngineError::Contended { tries });
                }
                self.ports.pause(BACKOFF.limit(tries)).await;
            }
            let release = self.release_of(&snapshot.board).await?;
            let nonce = self.ports.nonce();
            let context = Context {
                now: self.ports.now(),
                nonce: &nonce,
                release: release.as_deref(),
                task: self.ports.task(),
                rules: self.rules,
            };
            let decision = decide(&snapshot.board, input, &context);
            if !decision.changed {
                return Ok(snapshot);
            }
            let offered = match input {
                Input::Offer { release, .. } => Some(*release),
                _ => None,
            };
            read_back(&decision.board, [offered, release.as_deref()])?;
            let mut plans = self.write_plans(&decision.plans).await?;
            let ledger = self.write_ledger(snapshot.board.ledger.clone(), &decision, &nonce).await?;
            tries += 1;
            match self.ports.compare_and_swap_board(&snapshot.etag, &decision.board).await? {
                CompareAndSwap::Written { etag } => {
                    log(&decision);
                    plans.append(&mut snapshot.plans);
                    let release = release.filter(|release| Some(release.id()) == decision.board.release.as_ref());
                    return Ok(Snapshot { board: decision.board, etag, release, plans });
                }
                CompareAndSwap::Conflict => {
                    if let Some(key) = ledger {
                        self.take_back(&key).await;
                    }
                }
                CompareAndSwap::Unknown { fault } => {
                    tracing::warn!(%fault, "the reply to the board's compare-and-swap was lost: looking for its nonce on the board");
                    unanswered.push(UnansweredSwap { nonce, plans });
                }
            }
            let kept = std::mem::take(&mut snapshot.plans);
            snapshot = self.read().await?;
            snapshot.plans = kept;
        }
    }

    /// Writes the plans of a decision and returns those that this call created.
    async fn write_plans(&self, plans: &[Plan]) -> Result<BTreeMap<RunId, Plan>, EngineError> {
        let mut written = BTreeMap::new();
        for plan in plans {
            match self.ports.put_plan(plan).await? {
                PutNew::Created { .. } => {
                    written.insert(plan.run_id.clone(), plan.clone());
                }
                PutNew::Exists => {
                    tracing::warn!(run = %plan.run_id, "a plan of this name exists already: its writer's nonce was not random");
                }
            }
        }
        Ok(written)
    }
}

impl<P: LedgerStore> Engine<P> {
    /// Writes the page after `previous` if the decision has lines for it, and returns its key.
    pub(crate) async fn write_ledger(
        &self,
        previous: Option<String>,
        decision: &Decision,
        nonce: &Nonce,
    ) -> Result<Option<String>, EngineError> {
        let Some(key) = decision.board.ledger.clone().filter(|_| !decision.lines.is_empty()) else { return Ok(None) };
        let object = LedgerObject {
            header: LedgerHeader {
                ledger: landfall_planner::LEDGER_VERSION,
                seq: decision.board.seq,
                nonce: nonce.clone(),
                at: decision.board.now,
                previous,
            },
            lines: decision.lines.clone(),
        };
        self.ports.put_ledger(&key, &object).await?;
        Ok(Some(key))
    }

    /// Deletes the page of a lost compare-and-swap. A page that stays is off the chain, so it misleads no reader; the sweep deletes it.
    async fn take_back(&self, key: &str) {
        if let Err(error) = self.ports.delete_ledger(key).await {
            tracing::info!(key, %error, "the ledger page of a lost compare-and-swap stays until the sweep");
        }
    }
}

/// Reads back a board that is about to be written, in builds with debug assertions. After a board that cannot be read
/// back, every function of the stack fails.
pub(crate) fn read_back(board: &Board, releases: [Option<&Release>; 2]) -> Result<(), EngineError> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let failed = |source| EngineError::Board { address: BOARD_KEY.to_owned(), source };
    let stored = StoredBoard::from_json(&board.to_json().map_err(failed)?).map_err(failed)?;
    let release = releases.into_iter().flatten().find(|release| Some(release.id()) == stored.release());
    if with_release(stored, release)? == *board { Ok(()) } else { Err(EngineError::ReadBack { seq: board.seq }) }
}

/// Logs each line of the ledger. The metric filters of template.yaml read the message and the fields `event`, `outcome` and `detail`.
fn log(decision: &Decision) {
    for line in &decision.lines {
        let about = serde_json::to_string(&line.about).unwrap_or_default();
        tracing::info!(event = line.event, outcome = ?line.outcome, about, detail = line.detail, seq = decision.board.seq, "decided");
    }
}
