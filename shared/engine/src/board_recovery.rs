//! Restoring an older board in place of a lost one.

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{
    Board, Claim, Context, DatasetName, Input, LedgerLine, LedgerObject, LedgerOutcome, LedgerSubject, MAX_ATTEMPTS,
    OperatorCommand, RecoveredClaim, RecoveredRun, RecoveryInput, ReleaseId, RunId, StoredBoard, decide,
};

use crate::{
    ClaimRecord, CompareAndSwap, Engine, EngineError, Etag, PutNew, ReadPlan,
    commit::read_back,
    ports::{AttemptStore, Clock, DecisionPorts, LedgerStore, PlanStore},
    snapshot::with_release,
};

/// What a recovery did.
#[derive(Debug)]
pub struct RecoveryReport {
    /// The board that is in place now.
    pub board: Board,
    /// The runs that a task had claimed. They keep their leases until the sweep sees their tasks stopped.
    pub adopted: Vec<RunId>,
    /// The runs whose attempts are all revoked.
    pub revoked: Vec<RunId>,
    /// The last release that was put in place after the restored board, by the ledger. It must be offered again.
    pub release: Option<ReleaseId>,
}

/// What the ledger recorded after the restored board.
#[derive(Default)]
struct LaterRecords {
    pages: BTreeMap<String, LedgerObject>,
    /// The events on the last pages before the restored board.
    recorded_before: BTreeSet<String>,
}

/// The number of pages before the restored board that are read for events that are recorded already.
const PAGES_BEFORE: usize = 50;

impl<P: DecisionPorts + AttemptStore> Engine<P> {
    /// Puts an older board in place. Every attempt that no task has claimed is revoked, claimed ones are adopted, and every dataset is pending again.
    /// `replaced` is the ETag of the object at the board's key, if there is one. May be called again after any error. Starts no tasks: the sweep
    /// does.
    ///
    /// # Errors
    ///
    /// Fails if a run may still be running whose plan is unreadable, if the board is older than an earlier restoration, if another writer
    /// changes the board meanwhile, or if a call fails.
    pub async fn recover(&self, old: StoredBoard, replaced: Option<&Etag>) -> Result<RecoveryReport, EngineError> {
        let release = self.release(old.release()).await?;
        let old = with_release(old, release.as_deref())?;
        let runs = self.runs_of(&old).await?;
        let later = self.later_records(&old).await?;
        let chain = later.chain(old.ledger.as_deref());
        let found = RecoveryInput {
            runs,
            datasets: later.datasets(),
            newest: later.pages.values().map(|page| page.header.seq).max().unwrap_or_default(),
            commands: later.commands(),
            ledger: chain.last().map(|key| (*key).to_owned()),
            unrecorded: later.unrecorded(&chain),
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
        read_back(&decision.board, [release.as_deref(), None])?;
        self.write_ledger(ledger, &decision, &nonce).await?;
        match self.ports.restore_board(replaced, &decision.board).await? {
            CompareAndSwap::Written { .. } => {}
            // A conflict may be the answer to a repetition of a call that succeeded.
            CompareAndSwap::Conflict | CompareAndSwap::Unknown { .. } => {
                let board = self.read().await?.board;
                if !board.nonces.contains(&nonce) {
                    return Err(EngineError::Contended { tries: 1 });
                }
            }
        }
        Ok(RecoveryReport { board: decision.board, adopted, revoked, release: later.release() })
    }
}

impl<P: PlanStore + AttemptStore + Clock> Engine<P> {
    /// Finds every run that may still be started, or be running: those of the board, and those that were planned later. Other runs that were
    /// planned earlier had ended, or were never started.
    async fn runs_of(&self, old: &Board) -> Result<Vec<RecoveredRun>, EngineError> {
        let mut ids: BTreeSet<RunId> = old.runs.keys().cloned().collect();
        ids.extend(self.ports.runs_since(old.now).await?);
        let mut found = Vec::new();
        for id in ids {
            let claimed = self.last_claim(&id).await?;
            match (self.ports.plan(&id).await?, &claimed) {
                (ReadPlan::Found(plan), _) if plan.created_at >= old.now || old.runs.contains_key(&id) => {
                    found.push(RecoveredRun { plan: *plan, claimed });
                }
                // It ended before the restored board, in the same second.
                (ReadPlan::Found(_), _) => {}
                (ReadPlan::Unusable { reason }, Some(claim)) => {
                    return Err(EngineError::UnknownLeases { run: id, task_arn: claim.task_arn.clone(), reason });
                }
                // Without its plan and without a claim no task can run it.
                (ReadPlan::Unusable { reason }, None) => tracing::warn!(run = %id, reason, "this run is left out"),
            }
        }
        Ok(found)
    }

    /// Revokes every attempt that no task has claimed, and returns the newest claim of a task, whose task may still run.
    async fn last_claim(&self, run: &RunId) -> Result<Option<RecoveredClaim>, EngineError> {
        let mut last = None;
        for attempt in 1..=MAX_ATTEMPTS {
            let claim = Claim::Revoked { reason: format!("the board was restored ({})", self.ports.nonce()) };
            if self.ports.put_claim(run, attempt, &claim).await? == PutNew::Exists
                && let Some(ClaimRecord { claim: Claim::Task { task_arn }, written_at }) =
                    self.ports.claim(run, attempt).await?
            {
                last = Some(RecoveredClaim { attempt, task_arn, claimed_at: written_at });
            }
        }
        Ok(last)
    }
}

impl<P: LedgerStore> Engine<P> {
    async fn later_records(&self, old: &Board) -> Result<LaterRecords, EngineError> {
        let mut later = LaterRecords::default();
        let mut before = old.ledger.clone();
        for _ in 0..PAGES_BEFORE {
            let Some(key) = before else { break };
            let page = match self.ports.ledger_page(&key).await? {
                Some(page) => page,
                // If another board was restored since, the restored board's own page became a stray and was deleted.
                None if Some(&key) == old.ledger.as_ref() => return Err(EngineError::LedgerPageMissing { page: key }),
                None => break,
            };
            later.recorded_before.extend(page.lines.into_iter().map(|line| line.event));
            before = page.header.previous;
        }
        let mut after = old.ledger.clone();
        loop {
            let keys = self.ports.ledger_after(after.as_deref(), 1_000).await?;
            let Some(last) = keys.last().cloned() else { return Ok(later) };
            for key in keys {
                // A stray with the restored board's own number records what that board, or an earlier one, records.
                if let Some(page) = self.ports.ledger_page(&key).await?.filter(|page| page.header.seq > old.seq) {
                    later.pages.insert(key, page);
                }
            }
            after = Some(last);
        }
    }
}

impl LaterRecords {
    /// Returns the datasets that had a load, whether a board named the page or not. A dataset that is pending without need costs one run.
    fn datasets(&self) -> BTreeSet<DatasetName> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .flat_map(|line| match &line.about {
                LedgerSubject::Object { datasets, .. } => datasets.iter().map(|load| load.dataset.clone()).collect(),
                LedgerSubject::Loaded { dataset, .. } => DatasetName::parse(dataset.as_str()).into_iter().collect(),
                _ => Vec::new(),
            })
            .collect()
    }

    /// Returns the operator commands that were accepted, oldest first.
    fn commands(&self) -> Vec<OperatorCommand> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .filter(|line| line.outcome == LedgerOutcome::Accepted)
            .filter_map(|line| match &line.about {
                LedgerSubject::OperatorCommand { command, sent_at } => {
                    let (event_id, action) = (line.event.clone(), command.clone());
                    Some(OperatorCommand { event_id, time: *sent_at, stated_time: None, action })
                }
                _ => None,
            })
            .collect()
    }

    /// Returns the pages of the chain after the restored board: each names the one before, and another page names it in turn, whose writer had
    /// read a board that named it. The last page is not named yet, so it is left out: it may be a stray that its writer still takes back.
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

    /// Returns the lines about loads and commands on pages off the chain that the chain does not have.
    fn unrecorded(&self, chain: &[&str]) -> Vec<LedgerLine> {
        let on_chain = chain.iter().filter_map(|key| self.pages.get(*key));
        let mut recorded: BTreeSet<&str> =
            on_chain.flat_map(|page| &page.lines).map(|line| line.event.as_str()).collect();
        recorded.extend(self.recorded_before.iter().map(String::as_str));
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
            .filter(|line| recorded.insert(&line.event))
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
