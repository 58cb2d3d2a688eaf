//! A board that was restored from an older version. Runs that it does not know are made harmless, and loads that may
//! have been lost are pending again.

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
    /// Raises the epoch, drops runs that no task claimed, adopts those that one did, and makes every dataset pending
    /// again.
    ///
    /// - A claimed run holds its relations until its task is seen stopped, like any live run. It completes only
    ///   backlog entries that the restored board already had in that run's plan. It is not tried again.
    /// - Of two claimed runs that could not be live at the same time, the earlier one ended before the later one was
    ///   planned.
    /// - A run of the restored board whose plan was not found stays as it is, because its claim is unknown.
    /// - Every dataset that the board, the ledger or a found plan knows as loaded is pending again as a whole, with
    ///   its operations (`before`). No earlier event counts as covered.
    /// - Of the pauses and resumes of a dataset the last one sent holds.
    /// - The ledger continues after the last object of the lost boards, so that their lines stay on the chain.
    pub(super) fn recover(&mut self, recovered: &RecoveryInput) {
        // A board from before an earlier recovery does not know of that recovery, but the numbers in the ledger show
        // it.
        self.board.epoch = self.board.epoch.max(recovered.newest / EPOCH_JUMP) + 1;
        let floor = self.board.epoch.saturating_mul(EPOCH_JUMP);
        self.board.seq = self.board.seq.max(floor);
        let (mut adopted, mut dropped, mut over) = (0, 0, 0);
        let exclusive = self.release.is_some_and(|release| release.compiled.exclusive);
        let mut newest_first: Vec<&RecoveredRun> = recovered.runs.iter().collect();
        newest_first.sort_by_key(|run| std::cmp::Reverse(run.plan.created_at));
        let mut live: Vec<&Plan> = Vec::new();
        for run in newest_first {
            // A claim of an attempt older than the board's live one is over.
            let known = self.board.runs.get(&run.plan.run_id).map_or(0, |there| there.attempt.number);
            match run.claimed.as_ref().filter(|claim| claim.attempt >= known) {
                // A later run with a claim was planned only after this one was seen stopped.
                Some(_) if live.iter().any(|later| exclusive || conflict(&run.plan, later)) => {
                    over += usize::from(
                        self.drop_run(&run.plan.run_id, "a later run holds its relations, so it has ended"),
                    );
                }
                Some(claim) => {
                    adopted += usize::from(self.adopt_run(run, claim));
                    live.push(&run.plan);
                }
                None => {
                    dropped += usize::from(self.drop_run(&run.plan.run_id, "no task had claimed it"));
                }
            }
        }
        self.forget_schedules();
        self.board.ledger = recovered.ledger.clone().max(self.board.ledger.take());
        recovered.commands.iter().for_each(|command| self.replay_command(command));
        let backlog = self.reopen_all_datasets(recovered, floor);
        // Entries of releases and jobs from before the recovery are completed only by runs that the board knew.
        self.forget_stale_triggers();
        let about = LedgerSubject::Board { epoch: self.board.epoch };
        let detail = format!(
            "the board was restored: {adopted} runs continue, {over} have ended, {dropped} that no task had claimed are dropped, {backlog} datasets are pending again"
        );
        self.line(format!("board/{}", self.board.epoch), about, LedgerOutcome::Accepted, detail);
        self.lines.extend(recovered.unrecorded.iter().cloned());
    }

    fn drop_run(&mut self, run: &RunId, why: &str) -> bool {
        let known = self.board.runs.contains_key(run);
        if known {
            self.end(run, LedgerOutcome::Dropped, format!("the board was restored, and {why}"), None);
        }
        known
    }

    fn adopt_run(&mut self, recovered: &RecoveredRun, claim: &RecoveredClaim) -> bool {
        let RecoveredClaim { attempt, task_arn, claimed_at } = claim;
        let state = AttemptState::Running { task_arn: task_arn.clone(), running_since: *claimed_at };
        let attempt = Attempt::new(*attempt, *claimed_at, state);
        if let Some(run) = self.board.runs.get_mut(&recovered.plan.run_id) {
            let problems = std::mem::take(&mut run.attempt.problems);
            run.attempt = Attempt { problems, after_failures: run.attempt.after_failures, ..attempt };
            return true;
        }
        let Some(release) = self.release else { return false };
        let run = unknown_run(release, &recovered.plan, attempt);
        self.board.runs.insert(recovered.plan.run_id.clone(), run);
        true
    }

    fn reopen_all_datasets(&mut self, recovered: &RecoveryInput, floor: u64) -> usize {
        let planned =
            recovered.runs.iter().flat_map(|run| &run.plan.triggers).filter_map(|planned| match &planned.trigger {
                Trigger::Load(name) => Some(name.clone()),
                _ => None,
            });
        let mut names: BTreeSet<DatasetName> = planned.collect();
        let known = self.board.datasets.iter().filter(|(_, state)| state.loaded || state.generation > 0);
        names.extend(known.map(|(name, _)| name.clone()));
        names.extend(recovered.datasets.iter().cloned());
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

    /// Removes from each run the triggers whose backlog entries are not the generation that it planned.
    fn forget_stale_triggers(&mut self) {
        let backlog = &self.board.backlog;
        for run in self.board.runs.values_mut() {
            run.triggers.retain(|c| backlog.get(&c.trigger).is_some_and(|entry| entry.generation == c.generation));
        }
    }
}

/// Whether the two runs conflict by the relations in their plans.
fn conflict(one: &Plan, other: &Plan) -> bool {
    let any = |these: &[String], those: &[String]| these.iter().any(|key| those.contains(key));
    any(&one.writes, &other.writes) || any(&one.writes, &other.reads) || any(&one.reads, &other.writes)
}

/// A run that the board did not know. It completes nothing, and holds the relations of its plan.
fn unknown_run(release: &Release, plan: &Plan, attempt: Attempt) -> Run {
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
