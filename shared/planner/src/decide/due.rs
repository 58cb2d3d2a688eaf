//! Times and pauses that the rules share: when a backlog entry is due, and when a task is overdue.

use jiff::{SignedDuration, Timestamp};

use super::limits::OVERDUE_AFTER;
use crate::{BacklogEntry, Board, DatasetName, Release, Run, Trigger};

/// When the backlog entry may be planned. `None` means now, as far as time goes.
pub(crate) fn due(
    board: &Board,
    release: &Release,
    trigger: &Trigger,
    entry: &BacklogEntry,
    now: Timestamp,
) -> Option<Timestamp> {
    let ready = entry.ready_at().filter(|at| *at > now);
    ready.max(rested(board, release, trigger, now))
}

/// When the dataset's `min_interval` ends, if it has not ended yet.
pub(crate) fn rested(board: &Board, release: &Release, trigger: &Trigger, now: Timestamp) -> Option<Timestamp> {
    let Trigger::Load(name) = trigger else { return None };
    let dataset = release.dataset(name)?;
    Some(board.datasets.get(name)?.last_run? + dataset.min_interval.0).filter(|at| *at > now)
}

/// Whether an operator wants no run planned for the trigger.
///
/// What is planned already goes on to its end, its retries included: it holds relations that are half built, and a run that is stopped in the
/// middle for an unknown time would keep everybody else from them. To stop a run is another wish than to start none.
pub(crate) fn paused(board: &Board, trigger: &Trigger) -> bool {
    let one = |name: &DatasetName| board.datasets.get(name).is_some_and(|state| state.paused);
    board.paused_all || matches!(trigger, Trigger::Load(name) if one(name))
}

/// How long after its start a task counts as overdue: its time limit, plus [`OVERDUE_AFTER`].
pub(crate) fn overdue_after(run: &Run) -> SignedDuration {
    SignedDuration::from_secs(run.timeout_seconds.into()) + OVERDUE_AFTER
}
