//! What the board asks anybody to do. Effects are a function of the board and the time alone: whoever sees one may perform it, any number of
//! times, and a function that dies before or after one loses nothing (L6).

use jiff::Timestamp;

use super::{
    due::{due, overdue_after},
    limits::REPEAT_FOR,
};
use crate::{AttemptState, Board, Release, RunId};

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Call `RunTask` as the plan says, and tell the planner what it answered.
    StartTask {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
    },
    /// PUT `revoked` to the attempt's claim, and tell the planner who won.
    Revoke {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
    },
    /// Ask ECS to stop a task that is far beyond its time. No lease ends by it: only by its being seen stopped.
    StopTask {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// The task.
        task_arn: String,
    },
    /// Tell the event bus of the runs that are over.
    Announce,
    /// Tell the event bus that `limits.runs_per_day` is reached ([`Board::limit_reached`]).
    AnnounceLimit,
    /// Tell publish-docs that docs are pending.
    PublishDocs,
    /// Wake on-load at that time: something becomes due then.
    Wake {
        /// When.
        at: Timestamp,
    },
}

/// What is to be done now.
pub fn effects(board: &Board, release: Option<&Release>, now: Timestamp) -> Vec<Effect> {
    let now = now.max(board.now);
    let mut effects = Vec::new();
    for (id, run) in &board.runs {
        let (run_id, attempt) = (id.clone(), run.attempt.number);
        let overdue = now.duration_since(run.attempt.since) > REPEAT_FOR;
        match &run.attempt.state {
            AttemptState::Starting { .. } if overdue => effects.push(Effect::Revoke { run: run_id, attempt }),
            AttemptState::Starting { not_before } if *not_before <= now => {
                effects.push(Effect::StartTask { run: run_id, attempt });
            }
            AttemptState::Revoking { .. } => effects.push(Effect::Revoke { run: run_id, attempt }),
            AttemptState::Running { task_arn, running_since } => {
                // No wake is asked for it: the sweep, which comes every minute, is soon enough.
                if now.duration_since(*running_since) > overdue_after(run) {
                    effects.push(Effect::StopTask { run: run_id, attempt, task_arn: task_arn.clone() });
                }
            }
            AttemptState::Starting { .. } => {}
        }
    }
    if !board.announce.is_empty() {
        effects.push(Effect::Announce);
    }
    if board.limit_reached.is_some_and(|limit| !limit.told) {
        effects.push(Effect::AnnounceLimit);
    }
    if !board.docs.pending.is_empty() && board.docs.not_before.is_none_or(|at| at <= now) {
        effects.push(Effect::PublishDocs);
    }
    effects.extend(next_due(board, release, now).map(|at| Effect::Wake { at }));
    effects
}

/// When something next becomes due by time alone.
pub fn next_due(board: &Board, release: Option<&Release>, now: Timestamp) -> Option<Timestamp> {
    let entries = release.into_iter().flat_map(|release| {
        board.backlog.iter().filter_map(move |(trigger, entry)| due(board, release, trigger, entry, now))
    });
    let attempts = board.runs.values().filter_map(|run| match run.attempt.state {
        AttemptState::Starting { not_before } => Some(not_before),
        AttemptState::Running { .. } | AttemptState::Revoking { .. } => None,
    });
    let docs = board.docs.not_before.filter(|_| !board.docs.pending.is_empty());
    let drained = board.draining.iter().map(|draining| draining.until);
    let limit = board.limit_reached.map(|limit| limit.until);
    entries.chain(attempts).chain(docs).chain(drained).chain(limit).filter(|at| *at > now).min()
}
