//! The kind of run that a backlog entry needs.

use crate::{Board, DatasetName, JobName, Release, Trigger};

/// What a run does. Backlog entries merge into one run only if they need the same kind (L4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunKind {
    /// A build after the dataset's own operations (`before`).
    LoadFirst(DatasetName),
    /// A plain build.
    Build,
    /// A build in which incremental models that failed are rebuilt from nothing.
    FullRefresh,
    /// The steps of a job.
    Job(JobName),
}

/// Returns the kind of run that a backlog entry needs. A job has a run of its own, and so has a load whose dataset has
/// operations to do first. dbt's vars belong to the release, so they are the same for all.
pub(super) fn run_kind(board: &Board, release: &Release, trigger: &Trigger) -> RunKind {
    if board.backlog.get(trigger).is_some_and(|entry| !entry.refresh.is_empty()) {
        return RunKind::FullRefresh;
    }
    match trigger {
        Trigger::Load(name) if loads_first(board, release, trigger) => RunKind::LoadFirst(name.clone()),
        Trigger::Job(job) => RunKind::Job(job.clone()),
        Trigger::Load(_) | Trigger::Release | Trigger::Operator => RunKind::Build,
    }
}

/// Whether a run for the trigger must do its dataset's operations (`before`) first. An earlier run of the same
/// generation may have done them.
pub(super) fn loads_first(board: &Board, release: &Release, trigger: &Trigger) -> bool {
    let Trigger::Load(name) = trigger else { return false };
    let does = release.dataset(name).is_some_and(|dataset| !dataset.before.is_empty());
    does && board.backlog.get(trigger).is_some_and(|entry| !entry.before_done)
}
