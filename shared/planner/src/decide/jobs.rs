//! Jobs: the trigger of a schedule.

use super::{decision::DecisionBuilder, outside_times::AHEAD};
use crate::{BacklogEntry, JobName, LedgerOutcome, LedgerSubject, Trigger};

impl DecisionBuilder<'_> {
    /// Opens a job's backlog entry. The job and its scheduled time identify duplicates. Scheduler's execution id
    /// cannot: it is new with each delivery attempt.
    pub(super) fn schedule(&mut self, job: &JobName, scheduled_time: &str) {
        let about = LedgerSubject::Schedule { job: job.clone(), scheduled_time: scheduled_time.to_owned() };
        let event = format!("job/{job}/{scheduled_time}");
        let Some(resolved) = self.release.and_then(|release| release.compiled.jobs.get(job)) else {
            let detail = "the release in place has no job of this name";
            return self.line(event, about, LedgerOutcome::Refused, detail);
        };
        // A schedule that states a time far ahead would make every later one a duplicate.
        if scheduled_time.parse().is_ok_and(|at| self.is_ahead(at)) {
            let detail = format!("its scheduled time {AHEAD}: correct the clock of what called on-schedule");
            return self.line(event, about, LedgerOutcome::Refused, detail);
        }
        if self.board.jobs.get(job).is_some_and(|last| self.context.rules.is_duplicate_schedule(last, scheduled_time)) {
            return self.line(
                event,
                about,
                LedgerOutcome::Covered,
                "delivered before, or older than the last scheduled time",
            );
        }
        self.board.jobs.insert(job.clone(), scheduled_time.to_owned());
        let nodes = resolved.freshness.union(&resolved.test).union(&resolved.build);
        let generation = self.board.seq + 1;
        let entry = BacklogEntry::new(generation, self.now, nodes, scheduled_time.to_owned());
        self.board.backlog.insert(Trigger::Job(job.clone()), entry);
        self.line(event, about, LedgerOutcome::Mapped, format!("opened {job}: {}", resolved.select));
    }
}
