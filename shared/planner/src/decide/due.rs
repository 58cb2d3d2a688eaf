//! Times that the rules share: when a backlog entry is due, and when a task is overdue.

use jiff::{SignedDuration, Timestamp};

use super::limits::OVERDUE_AFTER;
use crate::{BacklogEntry, Board, DatasetName, Release, Run, Trigger};

/// When the backlog entry may be planned. `None` if time does not keep it from being planned now.
pub(crate) fn due(
    board: &Board,
    release: &Release,
    trigger: &Trigger,
    entry: &BacklogEntry,
    now: Timestamp,
) -> Option<Timestamp> {
    let ready = entry.ready_at().filter(|at| *at > now);
    ready.max(min_interval_until(board, release, trigger, now))
}

/// When the dataset's `min_interval` ends. `None` if it has ended.
pub(crate) fn min_interval_until(
    board: &Board,
    release: &Release,
    trigger: &Trigger,
    now: Timestamp,
) -> Option<Timestamp> {
    let Trigger::Load(name) = trigger else { return None };
    let dataset = release.dataset(name)?;
    Some(board.datasets.get(name)?.last_run? + dataset.min_interval.0).filter(|at| *at > now)
}

/// Whether an operator paused the trigger, so that no run is planned for it.
///
/// A run that was planned before continues to its end, including its retries. It holds half-built relations: if it were
/// suspended for an unknown time, no other run could use them. Stopping a run is another request than starting none.
pub(crate) fn paused(board: &Board, trigger: &Trigger) -> bool {
    let one = |name: &DatasetName| board.datasets.get(name).is_some_and(|state| state.paused);
    board.paused_all || matches!(trigger, Trigger::Load(name) if one(name))
}

/// How long after its start a run's task counts as overdue: its time limit plus [`OVERDUE_AFTER`].
pub(crate) fn overdue_after(run: &Run) -> SignedDuration {
    SignedDuration::from_secs(run.timeout_seconds.into()) + OVERDUE_AFTER
}
