//! Putting an older board in the place of one that is lost.

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{
    Board, Claim, Context, DatasetName, Input, LedgerLine, LedgerObject, LedgerOutcome, LedgerSubject, MOST_ATTEMPTS,
    OperatorCommand, RecoveredClaim, RecoveredRun, RecoveryInput, ReleaseId, RunId, StoredBoard, decide,
};

use crate::{CompareAndSwap, Engine, EngineError, Ports, PutNew, unfold};

/// What came of it.
#[derive(Debug)]
pub struct RecoveryReport {
    /// The board that is in place now.
    pub board: Board,
    /// Runs that a task had claimed: they hold what they hold until the sweep sees them stopped.
    pub adopted: Vec<RunId>,
    /// Runs that can never run any more.
    pub revoked: Vec<RunId>,
    /// The last release that the ledger says was put into place after the restored board; it has to be offered again.
    pub release: Option<ReleaseId>,
}

/// What the ledger has since the restored board.
#[derive(Default)]
struct Since {
    pages: BTreeMap<String, LedgerObject>,
    /// Events that the last pages before it tell of.
    recorded_before: BTreeSet<String>,
}

/// How many pages before the restored board are looked at for what need not be told again.
const PAGES_BEFORE: usize = 50;

impl<P: Ports> Engine<P> {
    /// Makes an older board the board: every attempt that no task has claimed is revoked, claimed ones are adopted, and every dataset is
    /// pending again. `over` is the etag of what lies in the board's place, if anything does. May be called again after any error, and
    /// starts nothing: the sweep goes on from there.
    pub async fn recover(&self, old: StoredBoard, over: Option<&str>) -> Result<RecoveryReport, EngineError> {
        let release = self.release(old.release()).await?;
        let old = unfold(old, release.as_deref())?;
        let runs = self.runs_of(&old).await?;
        let since = self.since(&old).await?;
        let chain = since.chain(old.ledger.as_deref());
        let found = RecoveryInput {
            runs,
            datasets: since.datasets(),
            newest: since.pages.values().map(|page| page.header.seq).max().unwrap_or_default(),
            words: since.words(),
            ledger: chain.last().map(|key| (*key).to_owned()),
            unrecorded: since.unrecorded(&chain),
        };
        let adopted =
            found.runs.iter().filter(|run| run.claimed.is_some()).map(|run| run.plan.run_id.clone()).collect();
        let revoked =
            found.runs.iter().filter(|run| run.claimed.is_none()).map(|run| run.plan.run_id.clone()).collect();
        let ledger = found.ledger.clone().max(old.ledger.clone());
        let nonce = self.ports.nonce();
        let context = Context {
            now: self.ports.now(),
            nonce: &nonce,
            release: release.as_deref(),
            task: None,
            rules: self.rules,
        };
        let decision = decide(&old, &Input::Recover(Box::new(found)), &context);
        self.write_ledger(ledger, &decision, &nonce).await?;
        match self.ports.restore_board(over, &decision.board).await? {
            CompareAndSwap::Written { .. } => {}
            // The answer may be to a call that was made twice.
            CompareAndSwap::Conflict | CompareAndSwap::Unknown { .. } => {
                let there = self.read().await?.board;
                if !there.nonces.contains(&nonce) {
                    return Err(EngineError::Contended { tries: 1 });
                }
            }
        }
        Ok(RecoveryReport { board: decision.board, adopted, revoked, release: since.release() })
    }

    /// Every run that may still be started, or live: those of the board, and those that were planned since. What was planned before and is not on
    /// it was over, or never begun.
    async fn runs_of(&self, old: &Board) -> Result<Vec<RecoveredRun>, EngineError> {
        let mut ids: BTreeSet<RunId> = old.runs.keys().cloned().collect();
        ids.extend(self.ports.runs_since(old.now).await?);
        let mut found = Vec::new();
        for id in ids {
            let claimed = self.last_claim(&id).await?;
            match (self.ports.plan(&id).await?, &claimed) {
                (Ok(plan), _) if plan.created_at >= old.now || old.runs.contains_key(&id) => {
                    found.push(RecoveredRun { plan, claimed });
                }
                // Over before the restored board, in the same second.
                (Ok(_), _) => {}
                (Err(reason), Some(claim)) => {
                    return Err(EngineError::Unrecoverable { run: id, task_arn: claim.task_arn.clone(), reason });
                }
                // No task can run it without its plan, nor without a claim.
                (Err(reason), None) => tracing::warn!(run = %id, reason, "left out"),
            }
        }
        Ok(found)
    }

    /// Makes every attempt revoked that nobody claimed, so that none can be claimed any more; the newest claim is of the one that may live.
    async fn last_claim(&self, run: &RunId) -> Result<Option<RecoveredClaim>, EngineError> {
        let mut last = None;
        for attempt in 1..=MOST_ATTEMPTS {
            let claim = Claim::Revoked { reason: format!("the board was restored ({})", self.ports.nonce()) };
            if self.ports.put_claim(run, attempt, &claim).await? == PutNew::Exists
                && let Some((Claim::Task { task_arn }, claimed_at)) = self.ports.claim(run, attempt).await?
            {
                last = Some(RecoveredClaim { attempt, task_arn, claimed_at });
            }
        }
        Ok(last)
    }

    async fn since(&self, old: &Board) -> Result<Since, EngineError> {
        let mut since = Since::default();
        let mut before = old.ledger.clone();
        for _ in 0..PAGES_BEFORE {
            let Some(key) = before else { break };
            let page = match self.ports.ledger_page(&key).await? {
                Some(page) => page,
                // The restored board's own page is a stray, and was deleted, if another board was restored since.
                None if Some(&key) == old.ledger.as_ref() => return Err(EngineError::OffTheChain { page: key }),
                None => break,
            };
            since.recorded_before.extend(page.lines.into_iter().map(|line| line.event));
            before = page.header.previous;
        }
        let mut after = old.ledger.clone();
        loop {
            let keys = self.ports.ledger_after(after.as_deref(), 1_000).await?;
            let Some(last) = keys.last().cloned() else { return Ok(since) };
            for key in keys {
                // A stray of the restored board's own number tells what that board, or an earlier one, tells.
                if let Some(page) = self.ports.ledger_page(&key).await?.filter(|page| page.header.seq > old.seq) {
                    since.pages.insert(key, page);
                }
            }
            after = Some(last);
        }
    }
}

impl Since {
    /// Datasets that anything landed for, whether a board named the page or not: one that is pending needlessly costs a run.
    fn datasets(&self) -> BTreeSet<DatasetName> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .filter_map(|line| match &line.about {
                LedgerSubject::Object { dataset, .. } => dataset.clone(),
                LedgerSubject::Loaded { dataset, .. } => DatasetName::parse(dataset.as_str()).ok(),
                _ => None,
            })
            .collect()
    }

    fn words(&self) -> Vec<OperatorCommand> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .filter(|line| line.outcome == LedgerOutcome::Accepted)
            .filter_map(|line| match &line.about {
                LedgerSubject::OperatorCommand { command, sent_at } => {
                    Some(OperatorCommand { event_id: line.event.clone(), time: *sent_at, action: command.clone() })
                }
                _ => None,
            })
            .collect()
    }

    /// The chain's pages from the restored board's on: each that names the one before and that another page names in turn, which only a writer does who
    /// read a board that named it. The very last one nobody names yet: it may be a stray that its writer still takes back.
    fn chain(&self, from: Option<&str>) -> Vec<&str> {
        let named: BTreeSet<&str> = self.pages.values().filter_map(|page| page.header.previous.as_deref()).collect();
        let mut chain: Vec<&str> = Vec::new();
        loop {
            let tip = chain.last().copied().or(from);
            let after = self.pages.iter().filter(|(_, page)| page.header.previous.as_deref() == tip);
            match after.map(|(key, _)| key.as_str()).find(|key| named.contains(key)) {
                Some(key) => chain.push(key),
                None => return chain,
            }
        }
    }

    /// What pages off the chain tell of loads that it does not tell of.
    fn unrecorded(&self, chain: &[&str]) -> Vec<LedgerLine> {
        let on_chain = chain.iter().filter_map(|key| self.pages.get(*key));
        let mut told: BTreeSet<&str> = on_chain.flat_map(|page| &page.lines).map(|line| line.event.as_str()).collect();
        told.extend(self.recorded_before.iter().map(String::as_str));
        let off = self.pages.iter().filter(|(key, _)| !chain.contains(&key.as_str()));
        let of_loads = |line: &&LedgerLine| {
            matches!(
                line.about,
                LedgerSubject::Object { .. }
                    | LedgerSubject::Loaded { .. }
                    | LedgerSubject::OperatorCommand { .. }
                    | LedgerSubject::Other { .. }
            )
        };
        off.flat_map(|(_, page)| &page.lines)
            .filter(of_loads)
            .filter(|line| told.insert(&line.event))
            .cloned()
            .collect()
    }

    fn release(&self) -> Option<ReleaseId> {
        let lines = self.pages.values().rev().flat_map(|page| page.lines.iter().rev());
        lines.filter(|line| line.outcome == LedgerOutcome::Accepted).find_map(|line| match &line.about {
            LedgerSubject::Release { release } => Some(release.clone()),
            _ => None,
        })
    }
}
