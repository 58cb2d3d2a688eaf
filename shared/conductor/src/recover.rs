//! Putting an older board in the place of one that is lost.

use std::collections::{BTreeMap, BTreeSet};

use landfall_pipeline::{
    About, Asked, Board, Claim, Context, DatasetName, Found, FoundClaim, FoundRun, Input, LedgerLine, LedgerObject,
    LedgerOutcome, MOST_ATTEMPTS, ReleaseId, RunId, StoredBoard, decide,
};

use crate::{ConductError, Conductor, Ports, PutNew, Swap, unfold};

/// What came of it.
#[derive(Debug)]
pub struct Recovered {
    /// The board that is in place now.
    pub board: Board,
    /// Runs that a task had claimed: they hold what they hold until the sweep sees them stopped.
    pub adopted: Vec<RunId>,
    /// Runs that can never run any more.
    pub void: Vec<RunId>,
    /// The last release that the ledger says was put into place after the restored board; it has to be offered again.
    pub release: Option<ReleaseId>,
}

/// What the ledger has since the restored board.
#[derive(Default)]
struct Since {
    pages: BTreeMap<String, LedgerObject>,
    /// Events that the last pages before it tell of.
    told_before: BTreeSet<String>,
}

/// How many pages before the restored board are looked at for what need not be told again.
const PAGES_BEFORE: usize = 50;

impl<P: Ports> Conductor<P> {
    /// Makes an older board the board: every attempt that no task has claimed is made void, claimed ones are adopted, and every dataset is
    /// owed again. `over` is the etag of what lies in the board's place, if anything does. May be called again after any error, and
    /// starts nothing: the sweep goes on from there.
    pub async fn recover(&self, old: StoredBoard, over: Option<&str>) -> Result<Recovered, ConductError> {
        let release = self.release(old.release()).await?;
        let old = unfold(old, release.as_deref())?;
        let runs = self.runs_of(&old).await?;
        let since = self.since(&old).await?;
        let chain = since.chain(old.ledger.as_deref());
        let found = Found {
            runs,
            datasets: since.datasets(),
            newest: since.pages.values().map(|page| page.header.seq).max().unwrap_or_default(),
            words: since.words(),
            ledger: chain.last().map(|key| (*key).to_owned()),
            untold: since.untold(&chain),
        };
        let adopted =
            found.runs.iter().filter(|run| run.claimed.is_some()).map(|run| run.plan.run_id.clone()).collect();
        let void = found.runs.iter().filter(|run| run.claimed.is_none()).map(|run| run.plan.run_id.clone()).collect();
        let ledger = found.ledger.clone().max(old.ledger.clone());
        let nonce = self.ports.nonce();
        let context = Context { now: self.ports.now(), nonce: &nonce, release: release.as_deref(), task: None };
        let decision = decide(&old, &Input::Recover(Box::new(found)), &context);
        self.write_ledger(ledger, &decision, &nonce).await?;
        match self.ports.restore_board(over, &decision.board).await? {
            Swap::Done { .. } => {}
            // The answer may be to a call that was made twice.
            Swap::Conflict | Swap::Unknown { .. } => {
                let there = self.read().await?.board;
                if !there.nonces.contains(&nonce) {
                    return Err(ConductError::Contended { tries: 1 });
                }
            }
        }
        Ok(Recovered { board: decision.board, adopted, void, release: since.release() })
    }

    /// Every run that may still be started, or live: those of the board, and those that were planned since. What was planned before and is not on
    /// it was over, or never begun.
    async fn runs_of(&self, old: &Board) -> Result<Vec<FoundRun>, ConductError> {
        let mut ids: BTreeSet<RunId> = old.runs.keys().cloned().collect();
        ids.extend(self.ports.runs_since(old.now).await?);
        let mut found = Vec::new();
        for id in ids {
            let claimed = self.last_claim(&id).await?;
            match (self.ports.plan(&id).await?, &claimed) {
                (Ok(plan), _) if plan.created_at >= old.now || old.runs.contains_key(&id) => {
                    found.push(FoundRun { plan, claimed });
                }
                // Over before the restored board, in the same second.
                (Ok(_), _) => {}
                (Err(reason), Some(claim)) => {
                    return Err(ConductError::Unrecoverable { run: id, task_arn: claim.task_arn.clone(), reason });
                }
                // No task can run it without its plan, nor without a claim.
                (Err(reason), None) => tracing::warn!(run = %id, reason, "left out"),
            }
        }
        Ok(found)
    }

    /// Makes every attempt void that nobody claimed, so that none can be claimed any more; the newest claim is of the one that may live.
    async fn last_claim(&self, run: &RunId) -> Result<Option<FoundClaim>, ConductError> {
        let mut last = None;
        for attempt in 1..=MOST_ATTEMPTS {
            let claim = Claim::Void { reason: format!("the board was restored ({})", self.ports.nonce()) };
            if self.ports.put_claim(run, attempt, &claim).await? == PutNew::Exists
                && let Some((Claim::Task { task_arn }, claimed_at)) = self.ports.claim(run, attempt).await?
            {
                last = Some(FoundClaim { attempt, task_arn, claimed_at });
            }
        }
        Ok(last)
    }

    async fn since(&self, old: &Board) -> Result<Since, ConductError> {
        let mut since = Since::default();
        let mut before = old.ledger.clone();
        for _ in 0..PAGES_BEFORE {
            let Some(key) = before else { break };
            let page = match self.ports.ledger_page(&key).await? {
                Some(page) => page,
                // The restored board's own page is a stray, and was deleted, if another board was restored since.
                None if Some(&key) == old.ledger.as_ref() => return Err(ConductError::OffTheChain { page: key }),
                None => break,
            };
            since.told_before.extend(page.lines.into_iter().map(|line| line.event));
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
    /// Datasets that anything landed for, whether a board named the page or not: one that is owed needlessly costs a run.
    fn datasets(&self) -> BTreeSet<DatasetName> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .filter_map(|line| match &line.about {
                About::Object { dataset, .. } => dataset.clone(),
                About::Loaded { dataset, .. } => DatasetName::parse(dataset.as_str()).ok(),
                _ => None,
            })
            .collect()
    }

    fn words(&self) -> Vec<Asked> {
        let lines = self.pages.values().flat_map(|page| &page.lines);
        lines
            .filter(|line| line.outcome == LedgerOutcome::Accepted)
            .filter_map(|line| match &line.about {
                About::Asked { asked, said } => {
                    Some(Asked { event_id: line.event.clone(), time: *said, ask: asked.clone() })
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
    fn untold(&self, chain: &[&str]) -> Vec<LedgerLine> {
        let on_chain = chain.iter().filter_map(|key| self.pages.get(*key));
        let mut told: BTreeSet<&str> = on_chain.flat_map(|page| &page.lines).map(|line| line.event.as_str()).collect();
        told.extend(self.told_before.iter().map(String::as_str));
        let off = self.pages.iter().filter(|(key, _)| !chain.contains(&key.as_str()));
        let of_loads = |line: &&LedgerLine| {
            matches!(
                line.about,
                About::Object { .. } | About::Loaded { .. } | About::Asked { .. } | About::Other { .. }
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
            About::Release { release } => Some(release.clone()),
            _ => None,
        })
    }
}
