//! Decide and compare-and-swap.

use std::time::Duration;

use landfall_planner::{Board, Context, Decision, Input, LedgerHeader, LedgerObject, Nonce, Plan, decide};

use crate::{CompareAndSwap, Deadline, Engine, EngineError, Ports, PutNew, Snapshot};

impl<P: Ports> Engine<P> {
    /// Decides what the input leads to and puts it on the board; gives the board as it is then. Order: plans, ledger, board. When the reply to
    /// a compare-and-swap is lost, or the compare-and-swap was lost, the board's own list of writers tells which.
    pub async fn commit(&self, input: &Input<'_>, deadline: Deadline) -> Result<Board, EngineError> {
        let mut tried: Vec<Nonce> = Vec::new();
        loop {
            let Snapshot { board, etag, release } = self.read().await?;
            if tried.iter().any(|nonce| board.nonces.contains(nonce)) {
                return Ok(board);
            }
            if u32::try_from(tried.len()).is_ok_and(|tries| tries > 0) {
                if deadline.is_over(self.ports.now()) {
                    return Err(EngineError::Contended { tries: u32::try_from(tried.len()).unwrap_or(u32::MAX) });
                }
                self.pause(tried.len()).await;
            }
            let nonce = self.ports.nonce();
            let context = Context {
                now: self.ports.now(),
                nonce: &nonce,
                release: release.as_deref(),
                task: self.ports.task(),
                rules: self.rules,
            };
            let decision = decide(&board, input, &context);
            if !decision.changed {
                return Ok(board);
            }
            self.write_plans(&decision.plans).await?;
            let ledger = self.write_ledger(board.ledger.clone(), &decision, &nonce).await?;
            tried.push(nonce);
            match self.ports.compare_and_swap_board(&etag, &decision.board).await? {
                CompareAndSwap::Written { .. } => {
                    log(&decision);
                    return Ok(decision.board);
                }
                CompareAndSwap::Conflict => {
                    tried.pop();
                    if let Some(key) = ledger {
                        // A stray of the ledger is off its chain and misleads nobody; the sweep deletes what this could not.
                        if let Err(error) = self.ports.delete_ledger(&key).await {
                            tracing::info!(key, %error, "a ledger object that lost its race stays as a stray");
                        }
                    }
                    if deadline.is_over(self.ports.now()) {
                        return Err(EngineError::Contended { tries: 1 });
                    }
                    self.pause(1).await;
                }
                CompareAndSwap::Unknown { fault } => {
                    tracing::warn!(%fault, "the board's compare-and-swap got no answer: looking for our mark");
                }
            }
        }
    }

    async fn write_plans(&self, plans: &[Plan]) -> Result<(), EngineError> {
        for plan in plans {
            if self.ports.put_plan(plan).await? == PutNew::Exists {
                let run = &plan.run_id;
                tracing::warn!(%run, "a plan of this name is there already: its writer's mark was not random");
            }
        }
        Ok(())
    }

    /// The page after `previous`, if there is anything to tell; its key.
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

    async fn pause(&self, tries: usize) {
        self.ports.pause(Duration::from_millis(50_u64.saturating_mul(1 << tries.min(5)))).await;
    }
}

fn log(decision: &Decision) {
    for line in &decision.lines {
        let about = serde_json::to_string(&line.about).unwrap_or_default();
        tracing::info!(event = line.event, outcome = ?line.outcome, about, detail = line.detail, seq = decision.board.seq, "decided");
    }
}
