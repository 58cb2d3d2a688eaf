//! The job schedules in EventBridge Scheduler: which function may change them, and what it reported.

use super::decision::DecisionBuilder;
use crate::{Nonce, Release, SCHEDULES_LEASE, ScheduleWriter};

impl DecisionBuilder<'_> {
    /// Wants the schedules of a release. What exists is unknown again, because the stack's target or role may have
    /// changed, too.
    pub(super) fn want_schedules(&mut self, release: &Release) {
        let schedules = &mut self.board.schedules;
        schedules.wanted = Some(release.schedules_hash());
        (schedules.confirmed, schedules.problem) = (None, None);
    }

    /// A function asks to change schedules. It may if no other function does.
    pub(super) fn begin_schedules(&mut self, nonce: &Nonce) {
        if self.board.schedules.agree() || !self.context.rules.may_write_schedules(&self.board.schedules, self.now) {
            return;
        }
        self.board.schedules.confirmed = None;
        self.hold_schedules(nonce);
    }

    /// A function changed the schedules to those with this hash. After a failure others wait until its calls can have no
    /// effect any more.
    pub(super) fn settle_schedules(&mut self, nonce: &Nonce, outcome: &Result<String, String>) {
        let schedules = &mut self.board.schedules;
        if !schedules.is_written_by(nonce) {
            return;
        }
        match outcome {
            Ok(hash) => {
                schedules.confirmed = Some(hash.clone());
                (schedules.writer, schedules.problem) = (None, None);
            }
            Err(problem) => schedules.problem = Some(problem.clone()),
        }
    }

    /// Nothing is known of the schedules after a recovery, and a function of the lost board may still change them.
    pub(super) fn forget_schedules(&mut self) {
        self.board.schedules.confirmed = None;
        self.hold_schedules(self.context.nonce);
    }

    fn hold_schedules(&mut self, nonce: &Nonce) {
        let until = self.now + SCHEDULES_LEASE;
        self.board.schedules.writer = Some(ScheduleWriter { nonce: nonce.clone(), until });
    }
}
