//! Settlement: a task stopped. The nodes that it built are completed, and the others are tried again or quarantined
//! (L2, L6, L7).

use jiff::SignedDuration;

use super::{
    attempts::RetryCause, decision::DecisionBuilder, event_times::earlier, leases::Leases,
    load_events::drop_covered_hashes, rules::Rules, stopped_task::StoppedTask,
};
use crate::{
    Claim, ClaimRecord, Draining, EntryStage, FailedNode, LedgerOutcome, LedgerSubject, NodeId, NodeStatus, OrdinalSet,
    Outcome, PendingDocs, Release, RetryRule, Run, RunId, RunResult, StopClass, Trigger, release::NodeKind,
    state::whole_milliseconds,
};

/// How many failed nodes, and how many unplanned nodes, a ledger line names. result.json has all of them.
const NODES_NAMED: usize = 20;

impl DecisionBuilder<'_> {
    pub(super) fn stopped(&mut self, stop: &StoppedTask) {
        let Some(run) = self.board.runs.get_mut(&stop.run).filter(|run| run.attempt.number == stop.attempt) else {
            return self.unmatched(stop, "it belongs to no live attempt");
        };
        let (claim_arn, claimed_at) = match &stop.claim {
            Some(ClaimRecord { claim: Claim::Task { task_arn }, written_at }) => (task_arn, *written_at),
            Some(ClaimRecord { claim: Claim::Revoked { .. }, .. }) => return self.revoked(&stop.run, stop.attempt),
            None => {
                if run.attempt.task_arn().is_some_and(|arn| *arn != stop.task_arn) {
                    return self.unmatched(stop, "the attempt has another task");
                }
                run.attempt.class = Some(stop.class);
                run.attempt.revoke(fails_permanently(run, stop.class));
                let why = format!(
                    "attempt {} never came to run: {} ({})",
                    stop.attempt,
                    stop.class.description(),
                    stop.reason
                );
                run.attempt.add_problem(why);
                return;
            }
        };
        if !self.context.rules.is_stop_of_claimant(claim_arn, &stop.task_arn) {
            return self.unmatched(stop, "another task holds the attempt's claim");
        }
        run.read_point.get_or_insert(claimed_at);
        let result = stop.result.as_ref().filter(|result| self.context.rules.is_result_of(stop, result));
        if result.is_none() && self.context.rules.succeeded_without_result(stop) {
            run.done = run.nodes.clone();
        }
        let unplanned_nodes = result.into_iter().flat_map(|result| &result.unplanned_nodes);
        let new: Vec<NodeId> = unplanned_nodes.filter(|id| !run.unplanned_nodes.contains(id)).cloned().collect();
        run.unplanned_nodes.extend(new);
        run.unplanned_nodes.truncate(NODES_NAMED);
        let class = class_of(stop, result);
        run.attempt.class = Some(class);
        self.keep_unfinished_batches(&stop.run, result);
        self.complete_nodes(&stop.run, result);
        self.add_pending_docs(stop, result);
        self.conclude(stop, class, result);
    }

    /// Keeps the leases of an ended run for `runs.drain`, because the warehouse may still execute its statements.
    pub(super) fn drain(&mut self, run: &RunId, held: Leases) {
        let until = self.now + self.drain_time();
        if until > self.now {
            let Leases { writes, reads, exclusive } = held;
            self.board.draining.push(Draining { run: run.clone(), until, writes, reads, exclusive });
        }
    }

    fn drain_time(&self) -> SignedDuration {
        self.release.map(|release| self.context.rules.drain_time(release)).unwrap_or_default()
    }

    fn unmatched(&mut self, stop: &StoppedTask, why: &str) {
        let about = LedgerSubject::Run {
            run: stop.run.clone(),
            attempt: stop.attempt,
            release: None,
            task_arn: Some(stop.task_arn.clone()),
            class: Some(stop.class),
            triggers: Vec::new(),
            nodes: 0,
            failed: Vec::new(),
            unplanned_nodes: Vec::new(),
        };
        let detail = format!("a task stopped ({}) and settles no run: {why}", stop.reason);
        self.line(
            format!("run/{}/{}/{}", stop.run, stop.attempt, stop.task_arn),
            about,
            LedgerOutcome::Covered,
            detail,
        );
    }

    /// Completes what succeeded, by generation and node by node.
    fn complete_nodes(&mut self, run_id: &RunId, result: Option<&RunResult>) {
        let Some(release) = self.release else { return };
        let rules = self.context.rules;
        let Some(run) = self.board.runs.get_mut(run_id) else { return };
        if let Some(result) = result {
            let succeeded = result.nodes.iter().filter(|node| node.status.is_success()).map(|node| &node.id);
            run.done = run.done.union(&release.set(succeeded).intersection(&run.nodes));
        }
        let operations = || result.into_iter().flat_map(|r| &r.steps).filter(|step| step.step == "run_operation");
        let done_well = operations().filter(|step| step.exit_code == Some(0)).count();
        let failed_some = done_well < operations().count();
        let done = run.done.clone();
        let read_point = run.read_point;
        let relations = done.iter().filter(|ordinal| {
            let kind = release.vertex(*ordinal).map(|vertex| vertex.kind);
            matches!(kind, Some(NodeKind::Model | NodeKind::Seed | NodeKind::Function))
        });
        self.board.built = self.board.built.union(&relations.collect());
        for trigger in &mut run.triggers {
            let load = match &trigger.trigger {
                Trigger::Load(name) => Some(name),
                _ => None,
            };
            let dataset = load.and_then(|name| release.dataset(name));
            let lag = dataset.map(|dataset| dataset.ready.warehouse_delay()).unwrap_or_default();
            // The code of any release reads the data of a load. A release, a job and an operator want the code of
            // their own release, so a read point covers none of them.
            let covers = read_point.filter(|_| trigger.first && load.is_some());
            let covers = covers.map(|at| whole_milliseconds(earlier(rules.covered_to(at), lag)));
            let before = dataset.map_or(0, |dataset| dataset.before.len());
            let loaded_itself = before > 0 && !failed_some && done_well >= before;
            if let Some(name) = load {
                let state = self.board.datasets.entry(name.clone()).or_default();
                state.covered_to = state.covered_to.max(covers);
                state.loaded |= loaded_itself;
                drop_covered_hashes(state);
            }
            let Some(entry) = self.board.backlog.get_mut(&trigger.trigger) else { continue };
            // Events that arrived while the run was live, but were written before it began to read: it has read their
            // data.
            if entry.generation == trigger.generation + 1
                && !entry.is_planned()
                && covers.zip(entry.latest_put).is_some_and(|(to, latest)| latest < to)
            {
                trigger.generation = entry.generation;
                entry.stage = EntryStage::Planned;
            }
            if rules.completes(trigger.generation, entry.generation) {
                entry.before_done |= loaded_itself;
                // A node that was built, for another trigger, before a parent that this trigger still has pending is
                // not completed: it has not read this trigger's data.
                let left = rules.still_pending(&entry.nodes, &done);
                let built_too_early = release.graph().descendants(&left, &entry.nodes);
                entry.keep_pending(left.union(&built_too_early));
            }
        }
        self.complete_nodes_of_release(release, run_id);
    }

    /// Completes nodes of the release's entry that a run for other triggers built: with the release's code, and planned
    /// after the entry was opened. A node that waits for a full refresh is not among them, nor one below a node that
    /// the release still has to build.
    fn complete_nodes_of_release(&mut self, release: &Release, run_id: &RunId) {
        let Some(run) = self.board.runs.get(run_id) else { return };
        let Some(entry) = self.board.backlog.get_mut(&Trigger::Release) else { return };
        let is_other = run.triggers.iter().all(|trigger| trigger.trigger != Trigger::Release);
        if !is_other || run.release != *release.id() || run.planned_at < entry.since {
            return;
        }
        let left = entry.nodes.difference(&run.done.difference(&entry.refresh));
        let built_too_early = release.graph().descendants(&left, &entry.nodes);
        entry.keep_pending(left.union(&built_too_early));
    }

    /// Adds the run's docs to those that are pending. A failed test does not keep docs from being published.
    fn add_pending_docs(&mut self, stop: &StoppedTask, result: Option<&RunResult>) {
        if !result.is_some_and(|r| r.artifacts.iter().any(|name| name == "catalog.json")) {
            return;
        }
        let Some(run) = self.board.runs.get(&stop.run) else { return };
        // The read point is S3's time. The times in the result are those of the container's clock.
        let Some(read_point) = run.read_point else { return };
        let backlog =
            PendingDocs { run: stop.run.clone(), attempt: stop.attempt, release: run.release.clone(), read_point };
        if !self.board.docs.pending.contains(&backlog) {
            self.board.docs.pending.push(backlog);
        }
    }

    fn conclude(&mut self, stop: &StoppedTask, class: StopClass, result: Option<&RunResult>) {
        let Some(run) = self.board.runs.get(&stop.run) else { return };
        let remaining = run.nodes.difference(&run.done);
        let outcome = result.map(|result| result.outcome);
        // Only a result in which the task itself reports success counts. An exit code or a missing result does not.
        let succeeded = match outcome {
            Some(outcome) => outcome == Outcome::Succeeded,
            None => self.context.rules.succeeded_without_result(stop),
        };
        if remaining.is_empty() && succeeded {
            let unplanned_nodes =
                unplanned_nodes_text(&run.unplanned_nodes).map(|text| format!("; {text}")).unwrap_or_default();
            let detail = format!("{} nodes done{unplanned_nodes}", run.done.len());
            return self.end(&stop.run, LedgerOutcome::Succeeded, detail, None);
        }
        let failed = result.map(failed_nodes).unwrap_or_default();
        let why = why(stop, result, &failed);
        if self.board.release.as_ref() != Some(&run.release) {
            let detail = format!("{why}; a newer release takes over the remaining nodes");
            return self.end_with(&stop.run, LedgerOutcome::Failed, detail, None, failed);
        }
        let retry_rule = self
            .release
            .and_then(|release| retry_rule(self.context.rules, release, run, outcome, class, &failed, &remaining));
        match retry_rule {
            Some(_) if self.superseded(run) => {
                let detail = format!("{why}; newer loads take over the remaining nodes");
                self.end_with(&stop.run, LedgerOutcome::Failed, detail, None, failed);
            }
            Some(RetryRule::Relaunch) => {
                self.start_next_attempt(&stop.run, &why, RetryCause::Interrupted, self.drain_time());
            }
            Some(RetryRule::Failed) => self.start_next_attempt(&stop.run, &why, RetryCause::Failed, self.drain_time()),
            Some(RetryRule::FullRefresh(_)) | None => {
                let refreshed = self.mark_refresh(&stop.run, result);
                let follows = self.release.filter(|_| !refreshed.is_empty()).map(|release| {
                    let names: Vec<String> = release.ids(&refreshed).iter().take(3).map(ToString::to_string).collect();
                    format!("; a full refresh of {} follows", names.join(", "))
                });
                let detail = format!("{why}{}", follows.unwrap_or_default());
                self.end_with(&stop.run, LedgerOutcome::Failed, detail, Some(&why), failed);
            }
        }
    }

    /// Whether every trigger has a newer generation. The run of that one builds the same nodes, so a retry would only
    /// delay it (L4).
    fn superseded(&self, run: &Run) -> bool {
        run.triggers
            .iter()
            .all(|c| self.board.backlog.get(&c.trigger).is_some_and(|entry| entry.generation > c.generation))
    }

    pub(super) fn published(&mut self, docs: &[PendingDocs]) {
        let before = self.board.docs.pending.len();
        self.board.docs.pending.retain(|backlog| !docs.contains(backlog));
        if self.board.docs.pending.len() < before {
            let every = self.release.map(|release| release.compiled.docs.every.0).unwrap_or_default();
            self.board.docs.published_at = Some(self.now);
            self.board.docs.not_before = Some(self.now + every);
        }
    }
}

/// The retry rule that applies to the run, if any.
fn retry_rule(
    rules: &dyn Rules,
    release: &Release,
    run: &Run,
    outcome: Option<Outcome>,
    class: StopClass,
    failed: &[FailedNode],
    remaining: &OrdinalSet,
) -> Option<RetryRule> {
    let allowed = |rule: RetryRule| release.compiled.retry.contains(&rule) && rules.may_follow(run.attempt.number);
    match outcome {
        None | Some(Outcome::Interrupted) => {
            (allowed(RetryRule::Relaunch) && !fails_permanently(run, class)).then_some(RetryRule::Relaunch)
        }
        Some(Outcome::Failed) => {
            // A failed test fails again on the same data, and so nothing that was skipped because of it can run.
            // Where a model failed as well, the test is part of the retry: without it dbt would build what the test
            // holds back.
            let is_test = |node: &FailedNode| {
                release
                    .ordinal(&node.id)
                    .and_then(|o| release.vertex(o))
                    .is_some_and(|vertex| vertex.kind == NodeKind::Test)
            };
            let only_tests = !failed.is_empty() && failed.iter().all(is_test);
            let retryable = (!only_tests || rules.retries_failed_tests())
                && !remaining.is_empty()
                && run.attempt.after_failures == 0;
            (retryable && allowed(RetryRule::Failed)).then_some(RetryRule::Failed)
        }
        Some(Outcome::TimedOut | Outcome::Broken | Outcome::Succeeded) => None,
    }
}

/// The class of the stop. If dbt was killed but its supervisor survived and reported it, ECS sees only a container that
/// exited by itself.
fn class_of(stop: &StoppedTask, result: Option<&RunResult>) -> StopClass {
    let killed = |result: &RunResult| {
        result.outcome == Outcome::Failed
            && result.steps.iter().any(|step| step.step != "docs" && step.exit_code.is_none())
    };
    if stop.class == StopClass::Exited && result.is_some_and(killed) { StopClass::Killed } else { stop.class }
}

/// Whether two tasks of the run have stopped in the same way, and retrying does not help against that way.
fn fails_permanently(run: &Run, class: StopClass) -> bool {
    !class.is_transient() && run.attempt.class_before == Some(class)
}

fn failed_nodes(result: &RunResult) -> Vec<FailedNode> {
    let failures = result.nodes.iter().filter(|node| node.status.is_failure());
    failures
        .take(NODES_NAMED)
        .map(|node| FailedNode {
            id: node.id.clone(),
            status: node.status,
            message: node.message.clone().unwrap_or_default(),
        })
        .collect()
}

fn why(stop: &StoppedTask, result: Option<&RunResult>, failed: &[FailedNode]) -> String {
    let Some(result) = result else {
        return format!("its task stopped without a result: {} ({})", stop.class.description(), stop.reason);
    };
    if let Some(unplanned_nodes) = unplanned_nodes_text(&result.unplanned_nodes) {
        return unplanned_nodes;
    }
    let names: Vec<&str> = failed.iter().map(|node| node.id.as_str()).take(3).collect();
    match (result.outcome, names.as_slice()) {
        (Outcome::Failed, [first, ..]) if failed.iter().all(|node| node.status == NodeStatus::Fail) => {
            let tests = if failed.len() == 1 { "data test" } else { "data tests" };
            format!("{} {tests} failed: {first}{}", failed.len(), if failed.len() > 1 { ", …" } else { "" })
        }
        (Outcome::Failed, [_, ..]) => {
            let nodes = if failed.len() == 1 { "node" } else { "nodes" };
            format!("{} {nodes} failed: {}", failed.len(), names.join(", "))
        }
        (Outcome::Failed, []) => {
            format!("dbt failed: {}", result.message.as_deref().unwrap_or("it gave no message, see dbt.log"))
        }
        (Outcome::Interrupted, _) => format!("its task was stopped from outside: {}", stop.reason),
        (Outcome::TimedOut, _) => "it exceeded its time limit (runs.timeout)".to_owned(),
        (Outcome::Broken, _) => format!("it could not run: {}", result.message.as_deref().unwrap_or("no message")),
        (Outcome::Succeeded, _) => "some planned nodes were not run".to_owned(),
    }
}

fn unplanned_nodes_text(unplanned_nodes: &[NodeId]) -> Option<String> {
    let ids: Vec<&str> = unplanned_nodes.iter().map(NodeId::as_str).take(3).collect();
    (!ids.is_empty()).then(|| format!("unplanned nodes: dbt executed what was not planned: {}", ids.join(", ")))
}
