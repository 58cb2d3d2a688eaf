//! A board that was restored from an older version: what it does not know is made harmless, and what may have been lost is pending again.

use std::collections::{BTreeSet, HashMap};

use super::{
    decision::DecisionBuilder,
    input::{RecoveredClaim, RecoveredRun, RecoveryInput},
    limits::EPOCH_JUMP,
};
use crate::{
    Attempt, AttemptState, BacklogEntry, DatasetName, Groups, LedgerOutcome, LedgerSubject, OrdinalSet, Plan,
    RecentEvents, Release, Run, RunId, RunTrigger, Trigger,
};

impl DecisionBuilder<'_> {
    /// Raises the epoch; drops runs that nobody claimed, adopts those that somebody did, and has pending every dataset again.
    ///
    /// - A claimed run holds its relations until its task is proven stopped, like any live run. It completes only what the board knows to be its:
    ///   backlog entries that the restored board already had in that run's plan. It is not tried again.
    /// - Of two claimed runs that could not live at once the earlier one is over: the later one was let in after it.
    /// - A run of the restored board that was not found at all stays as it is: nobody has looked at its claim.
    /// - Every dataset that the board, the ledger or a found plan knows as loaded is pending again, whole, with its operations (`before`); nothing
    ///   counts as covered that came before.
    /// - Pauses hold as they were said last.
    /// - The ledger goes on from where the lost boards left it: what they told stays told.
    pub(super) fn recover(&mut self, found: &RecoveryInput) {
        // A board of before an earlier restoration does not know that there was one.
        self.board.epoch = self.board.epoch.max(found.newest / EPOCH_JUMP) + 1;
        let floor = self.board.epoch.saturating_mul(EPOCH_JUMP);
        self.board.seq = self.board.seq.max(floor);
        let (mut adopted, mut dropped, mut over) = (0, 0, 0);
        let exclusive = self.release.is_some_and(|release| release.compiled.exclusive);
        let mut newest_first: Vec<&RecoveredRun> = found.runs.iter().collect();
        newest_first.sort_by_key(|run| std::cmp::Reverse(run.plan.created_at));
        let mut alive: Vec<&Plan> = Vec::new();
        for run in newest_first {
            // What the board knows of an attempt before the one that it had: it is over.
            let known = self.board.runs.get(&run.plan.run_id).map_or(0, |there| there.attempt.number);
            match run.claimed.as_ref().filter(|claim| claim.attempt >= known) {
                // A later run that came to its claim was let in only after this one was seen stopped.
                Some(_) if alive.iter().any(|later| exclusive || meet(&run.plan, later)) => {
                    over += usize::from(self.drop_run(&run.plan.run_id, "a later run holds what it held: it is over"));
                }
                Some(claim) => {
                    adopted += usize::from(self.adopt_run(run, claim));
                    alive.push(&run.plan);
                }
                None => {
                    dropped += usize::from(self.drop_run(&run.plan.run_id, "no task had claimed it"));
                }
            }
        }
        self.board.ledger = found.ledger.clone().max(self.board.ledger.take());
        found.words.iter().for_each(|word| self.follow_again(word));
        let backlog = self.reopen_all_datasets(found, floor);
        // Backlog entries of before the restoration that are no dataset's: nobody completes them but runs that the board knew.
        self.forget_completing_runs();
        let about = LedgerSubject::Board { epoch: self.board.epoch };
        let detail = format!(
            "the board was restored: {adopted} runs live on, {over} are over, {dropped} that no task had claimed are dropped, {backlog} datasets are pending again"
        );
        self.line(format!("board/{}", self.board.epoch), about, LedgerOutcome::Accepted, detail);
        self.lines.extend(found.unrecorded.iter().cloned());
    }

    fn drop_run(&mut self, run: &RunId, why: &str) -> bool {
        let known = self.board.runs.contains_key(run);
        if known {
            self.end(run, LedgerOutcome::Dropped, format!("the board was restored, and {why}"), None);
        }
        known
    }

    fn adopt_run(&mut self, found: &RecoveredRun, claim: &RecoveredClaim) -> bool {
        let RecoveredClaim { attempt, task_arn, claimed_at } = claim;
        let state = AttemptState::Running { task_arn: task_arn.clone(), running_since: *claimed_at };
        let attempt = Attempt::new(*attempt, *claimed_at, state);
        if let Some(run) = self.board.runs.get_mut(&found.plan.run_id) {
            let problems = std::mem::take(&mut run.attempt.problems);
            run.attempt = Attempt { problems, after_failures: run.attempt.after_failures, ..attempt };
            return true;
        }
        let Some(release) = self.release else { return false };
        let run = adopted(release, &found.plan, attempt);
        self.board.runs.insert(found.plan.run_id.clone(), run);
        true
    }

    fn reopen_all_datasets(&mut self, found: &RecoveryInput, floor: u64) -> usize {
        let planned =
            found.runs.iter().flat_map(|run| &run.plan.triggers).filter_map(|planned| match &planned.trigger {
                Trigger::Load(name) => Some(name.clone()),
                _ => None,
            });
        let mut names: BTreeSet<DatasetName> = planned.collect();
        let known = self.board.datasets.iter().filter(|(_, state)| state.loaded || state.generation > 0);
        names.extend(known.map(|(name, _)| name.clone()));
        names.extend(found.datasets.iter().cloned());
        let mut backlog = 0;
        for name in names {
            let state = self.board.datasets.entry(name.clone()).or_default();
            state.covered_to = None;
            state.recent = RecentEvents::default();
            state.groups = Groups::default();
            state.generation = state.generation.max(floor) + 1;
            let Some(dataset) = self.release.and_then(|release| release.dataset(&name)) else { continue };
            let entry = BacklogEntry {
                events: 0,
                ..BacklogEntry::new(
                    state.generation,
                    self.now,
                    dataset.nodes.clone(),
                    "the board was restored".to_owned(),
                )
            };
            self.board.backlog.insert(Trigger::Load(name), entry);
            backlog += 1;
        }
        backlog
    }

    /// Leaves each run only the triggers whose backlog entries are the very ones it planned.
    fn forget_completing_runs(&mut self) {
        let backlog = &self.board.backlog;
        for run in self.board.runs.values_mut() {
            run.triggers.retain(|c| backlog.get(&c.trigger).is_some_and(|entry| entry.generation == c.generation));
        }
    }
}

/// Whether the two cannot live at once, by the relations that their plans name.
fn meet(one: &Plan, other: &Plan) -> bool {
    let any = |these: &[String], those: &[String]| these.iter().any(|key| those.contains(key));
    any(&one.writes, &other.writes) || any(&one.writes, &other.reads) || any(&one.reads, &other.writes)
}

/// A run that the board did not know: it completes nothing, and holds what its plan says.
fn adopted(release: &Release, plan: &Plan, attempt: Attempt) -> Run {
    let ordinals: HashMap<&str, u32> = release.compiled.relations.iter().map(String::as_str).zip(0..).collect();
    let known =
        |keys: &[String]| -> OrdinalSet { keys.iter().filter_map(|key| ordinals.get(key.as_str()).copied()).collect() };
    let (writes, reads) = (known(&plan.writes), known(&plan.reads));
    let holds_unknown = writes.len() < plan.writes.len() || reads.len() < plan.reads.len();
    Run {
        planned_at: plan.created_at,
        release: plan.release.clone(),
        triggers: Vec::<RunTrigger>::new(),
        nodes: release.set(plan.nodes.iter().map(|node| &node.id)),
        done: OrdinalSet::new(),
        writes,
        reads,
        exclusive: release.compiled.exclusive,
        holds_unknown,
        read_point: None,
        unplanned_nodes: Vec::new(),
        timeout_seconds: plan.timeout_seconds,
        attempt,
    }
}
