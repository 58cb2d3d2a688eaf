//! Attempts before dbt runs: started, refused, revoked; and the end of a run.

use jiff::SignedDuration;

use super::{decision::DecisionBuilder, leases::Leases, limits::MAX_ATTEMPTS};
use crate::{Announcement, AttemptState, LedgerOutcome, LedgerSubject, Quarantine, Run, RunId, RunTrigger, TaskArn};

/// Why another attempt follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryCause {
    /// The task of the attempt before never ran dbt.
    NeverRan,
    /// Its task was stopped before it was done.
    Interrupted,
    /// dbt reported failures.
    Failed,
}

impl DecisionBuilder<'_> {
    /// The run, if its live attempt has this number.
    fn attempt(&mut self, run: &RunId, number: u32) -> Option<&mut Run> {
        self.board.runs.get_mut(run).filter(|run| run.attempt.number == number)
    }

    pub(super) fn about(run_id: &RunId, run: &Run) -> LedgerSubject {
        LedgerSubject::Run {
            run: run_id.clone(),
            attempt: run.attempt.number,
            release: Some(run.release.clone()),
            task_arn: run.attempt.task_arn().cloned(),
            class: run.attempt.class,
            triggers: Vec::new(),
            nodes: run.done.len(),
            failed: Vec::new(),
            unplanned_nodes: run.unplanned_nodes.clone(),
        }
    }

    pub(super) fn started(&mut self, run_id: &RunId, number: u32, task_arn: &TaskArn) {
        let now = self.now;
        let Some(run) = self.attempt(run_id, number).filter(|run| run.attempt.is_starting()) else { return };
        run.attempt.state = AttemptState::Running { task_arn: task_arn.clone(), running_since: now };
        let about = Self::about(run_id, run);
        self.line(format!("run/{run_id}/{number}/started"), about, LedgerOutcome::Started, "ECS started the task");
    }

    /// Records that no task was started. The attempt is revoked before another follows, because the answer may be
    /// wrong (L7).
    pub(super) fn not_started(&mut self, run_id: &RunId, number: u32, reason: &str, retryable: bool) {
        let Some(run) = self.attempt(run_id, number).filter(|run| run.attempt.is_starting()) else { return };
        run.attempt.revoke(!retryable);
        run.attempt.problems.push(format!("attempt {number} could not be started: {reason}"));
    }

    pub(super) fn claimed(&mut self, run_id: &RunId, number: u32, task_arn: &TaskArn) {
        let now = self.now;
        let Some(run) = self.attempt(run_id, number) else { return };
        if run.attempt.is_running() && run.attempt.task_arn() == Some(task_arn) {
            return;
        }
        run.attempt.state = AttemptState::Running { task_arn: task_arn.clone(), running_since: now };
        let about = Self::about(run_id, run);
        let detail = "a task has claimed the attempt";
        self.line(format!("run/{run_id}/{number}/started"), about, LedgerOutcome::Started, detail);
    }

    pub(super) fn revoked(&mut self, run_id: &RunId, number: u32) {
        let current = self.board.release.clone();
        let may_follow = self.context.rules.may_follow(number);
        let Some(run) = self.attempt(run_id, number) else { return };
        if current.as_ref() != Some(&run.release) {
            return self.end(
                run_id,
                LedgerOutcome::Dropped,
                "a newer release is in place, and no task had claimed the attempt",
                None,
            );
        }
        if !may_follow || matches!(run.attempt.state, AttemptState::Revoking { end_run: true, .. }) {
            let detail =
                run.attempt.problems.last().cloned().unwrap_or_else(|| "the attempt could not be started".to_owned());
            return self.end(run_id, LedgerOutcome::Failed, detail.clone(), Some(&detail));
        }
        let why = run
            .attempt
            .problems
            .last()
            .cloned()
            .unwrap_or_else(|| "it is unknown whether a task was started".to_owned());
        self.start_next_attempt(run_id, &why, RetryCause::NeverRan, SignedDuration::ZERO);
    }

    /// Decides the next attempt of a run. The pause before it grows with each attempt and is at least `drain`.
    pub(super) fn start_next_attempt(&mut self, run_id: &RunId, why: &str, cause: RetryCause, drain: SignedDuration) {
        let now = self.now;
        let Some(run) = self.board.runs.get_mut(run_id) else { return };
        let about = Self::about(run_id, run);
        let number = run.attempt.number + 1;
        let tries = run.attempt.number.min(MAX_ATTEMPTS);
        let pause = match cause {
            // A lack of capacity, of a network route or of the registry seldom ends within seconds.
            RetryCause::NeverRan => 8_i64.saturating_mul(4_i64.saturating_pow(tries)),
            RetryCause::Interrupted => 5_i64.saturating_mul(1 << tries),
            RetryCause::Failed => 30,
        };
        let pause = pause.max(drain.as_secs());
        run.attempt.add_problem(why);
        run.attempt.after_failures += u32::from(cause == RetryCause::Failed);
        run.attempt = run.attempt.next(now, SignedDuration::from_secs(pause));
        let detail = format!("{why}; attempt {number} follows in {pause} s");
        self.line(format!("run/{run_id}/{}/over", number - 1), about, LedgerOutcome::Retried, detail);
    }

    /// Removes a run from the board, and its leases with it. With a reason for quarantine, the nodes that it did not
    /// complete wait for new data, a new release or an operator. Without, they may be planned again.
    pub(super) fn end(
        &mut self,
        run_id: &RunId,
        outcome: LedgerOutcome,
        detail: impl Into<String>,
        quarantine: Option<&str>,
    ) {
        self.end_with(run_id, outcome, detail.into(), quarantine, Vec::new());
    }

    pub(super) fn end_with(
        &mut self,
        run_id: &RunId,
        outcome: LedgerOutcome,
        detail: String,
        quarantine: Option<&str>,
        failed: Vec<crate::FailedNode>,
    ) {
        let release = self.release;
        let Some(run) = self.board.runs.remove(run_id) else { return };
        // Also after an attempt that never ran: the statements of the attempt before it may still execute.
        if run.read_point.is_some() {
            self.drain(run_id, Leases::held_by(&run));
        }
        let remaining = run.nodes.difference(&run.done);
        for RunTrigger { trigger, generation, .. } in &run.triggers {
            let Some(entry) = self.board.backlog.get_mut(trigger).filter(|entry| entry.generation == *generation)
            else {
                continue;
            };
            let mut left = entry.nodes.intersection(&remaining);
            if let Some(release) = release.filter(|_| !entry.refresh.is_empty()) {
                // The next run refreshes these, and builds what was skipped because of them.
                left = left.difference(&entry.refresh).difference(&release.graph().descendants(&entry.refresh, &left));
            }
            if let (Some(reason), false) = (&quarantine, left.is_empty()) {
                let (run, reason) = (Some(run_id.clone()), (*reason).to_owned());
                entry.quarantine = Some(Quarantine { run, reason, nodes: left, approval: false });
            }
            if matches!(trigger, crate::Trigger::Job(_)) {
                self.board.backlog.remove(trigger);
            }
        }
        self.board.announce.push(Announcement {
            run: run_id.clone(),
            attempt: run.attempt.number,
            outcome,
            detail: detail.clone(),
            class: run.attempt.class,
            triggers: run.triggers.clone(),
            unplanned_nodes: run.unplanned_nodes.clone(),
        });
        let mut about = Self::about(run_id, &run);
        if let LedgerSubject::Run { triggers, failed: slot, .. } = &mut about {
            triggers.clone_from(&run.triggers);
            *slot = failed;
        }
        self.line(format!("run/{run_id}/settled"), about, outcome, detail);
    }
}
