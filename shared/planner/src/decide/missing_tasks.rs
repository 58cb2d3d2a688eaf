//! Tasks that ECS does not know. Such a task may still run: `DescribeTasks` is eventually consistent, and knows the tasks
//! of one cluster only. So its run keeps its leases until ECS has said so several times, and the task cannot run any
//! more (L3).

use super::{
    decision::DecisionBuilder,
    limits::{MISSING_APART, MISSING_TIMES},
    stopped_task::StoppedTask,
};
use crate::{MissingTask, Run, RunId};

impl DecisionBuilder<'_> {
    /// ECS answered that it does not know the task of a running attempt.
    pub(super) fn missing(&mut self, stop: &StoppedTask) {
        let now = self.now;
        let is_its_task = |run: &&mut Run| {
            run.attempt.number == stop.attempt
                && run.attempt.is_running()
                && run.attempt.task_arn() == Some(&stop.task_arn)
        };
        let Some(run) = self.board.runs.get_mut(&stop.run).filter(is_its_task) else { return };
        let missing = run.attempt.missing.get_or_insert(MissingTask { since: now, last: now, times: 1 });
        if missing.times < MISSING_TIMES && now.duration_since(missing.last) >= MISSING_APART {
            missing.times += 1;
            missing.last = now;
        }
        let missing = *missing;
        let claimed_at = stop.claim.as_ref().map_or(run.attempt.since, |claim| claim.written_at);
        if self.context.rules.missing_counts_as_stopped(run, missing, claimed_at, now) {
            self.stopped(stop);
        }
    }

    /// ECS knows the tasks of these runs.
    pub(super) fn known(&mut self, runs: &[RunId]) {
        for id in runs {
            if let Some(run) = self.board.runs.get_mut(id) {
                run.attempt.missing = None;
            }
        }
    }
}
