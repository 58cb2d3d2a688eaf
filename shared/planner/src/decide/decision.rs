//! The function `decide`, and the decision in progress that its rules change.

use jiff::Timestamp;

use super::input::{Context, Input};
use crate::{Board, LedgerLine, LedgerOutcome, LedgerSubject, NONCES_KEPT, Plan, Release, invariants, ledger_key};

/// What is to be written, in this order: the plans, the ledger object, the board.
///
/// A plan or a ledger object that no board names has no effect, so the order makes a crash between two writes harmless.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The board after the decision.
    pub board: Board,
    /// The plans of new runs.
    pub plans: Vec<Plan>,
    /// The lines of the new ledger object.
    pub lines: Vec<LedgerLine>,
    /// Whether anything changed. If not, nothing is to be written.
    pub changed: bool,
}

/// Decides what the input leads to. The same arguments always give the same decision.
pub fn decide(board: &Board, input: &Input<'_>, context: &Context<'_>) -> Decision {
    // The board stores times in milliseconds.
    let now = Timestamp::from_millisecond(context.now.as_millisecond()).unwrap_or(context.now).max(board.now);
    let mut state = DecisionBuilder {
        board: board.clone(),
        lines: Vec::new(),
        plans: Vec::new(),
        now,
        context,
        release: context.release,
    };
    match input {
        Input::Events(loads) => state.receive_events(loads),
        Input::Tick => {}
        Input::Schedule { job, scheduled_time } => state.schedule(job, scheduled_time),
        Input::Offer { release, force } => state.offer(release, *force),
        Input::Refuse { release, reason } => state.refuse(release, reason),
        Input::Started { run, attempt, task_arn } => state.started(run, *attempt, task_arn),
        Input::NotStarted { run, attempt, reason, retryable } => state.not_started(run, *attempt, reason, *retryable),
        Input::Revoked { run, attempt } => state.revoked(run, *attempt),
        Input::Claimed { run, attempt, task_arn } => state.claimed(run, *attempt, task_arn),
        Input::Stopped(stop) => state.stopped(stop),
        Input::Missing(stop) => state.missing(stop),
        Input::Known { runs } => state.known(runs),
        Input::Recover(recovered) => state.recover(recovered),
        Input::LedgerCleaned { ledger } => {
            state.board.ledger_cleaned_to = state.board.ledger_cleaned_to.take().max(Some(ledger.clone()));
        }
        Input::DeadLetters { loads, functions } => state.dead_letters(*loads, *functions),
        Input::SchedulesBegun { nonce } => state.begin_schedules(nonce),
        Input::SchedulesSettled { nonce, outcome } => state.settle_schedules(nonce, outcome),
        Input::LimitAnnounced => {
            if let Some(limit) = &mut state.board.limit_reached {
                limit.announced = true;
            }
        }
        Input::Announced { runs } => state.board.announce.retain(|announcement| !runs.contains(&announcement.run)),
        Input::Published { docs } => state.published(docs),
    }
    state.expire();
    state.admit();
    state.finish(board)
}

/// A decision in progress: the rules change its board and add plans and ledger lines.
pub(super) struct DecisionBuilder<'a> {
    pub(super) board: Board,
    pub(super) lines: Vec<LedgerLine>,
    pub(super) plans: Vec<Plan>,
    pub(super) now: Timestamp,
    pub(super) context: &'a Context<'a>,
    pub(super) release: Option<&'a Release>,
}

impl DecisionBuilder<'_> {
    pub(super) fn line(
        &mut self,
        event: impl Into<String>,
        about: LedgerSubject,
        outcome: LedgerOutcome,
        detail: impl Into<String>,
    ) {
        self.lines.push(LedgerLine { event: event.into(), at: self.now, about, outcome, detail: detail.into() });
    }

    /// Adds the marks of this write (time, number, writer, ledger object) if anything changed.
    fn finish(mut self, before: &Board) -> Decision {
        let changed = !self.lines.is_empty() || self.board != *before;
        if changed {
            self.board.omit_whole_selections(self.release);
            self.board.now = self.now;
            self.board.seq = self.board.seq.max(before.seq) + 1;
            self.board.nonces.push_back(self.context.nonce.clone());
            while self.board.nonces.len() > NONCES_KEPT {
                self.board.nonces.pop_front();
            }
            if !self.lines.is_empty() {
                self.board.ledger = Some(ledger_key(self.now, self.board.seq, self.context.nonce));
            }
        }
        if cfg!(debug_assertions) && changed && self.context.rules.checks_invariants() {
            let mut violations = invariants::check_step(Some(before), &self.board, self.release);
            if let (Some(_), Some(release)) = (self.context.task, self.release) {
                violations.extend(invariants::check_nothing_forgotten(&self.board, release));
            }
            debug_assert!(violations.is_empty(), "{violations:?}");
        }
        Decision { board: self.board, plans: self.plans, lines: self.lines, changed }
    }
}
