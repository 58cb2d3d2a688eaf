//! What the board asks every function to do. Effects depend on the board and the time alone. Any function may perform
//! one, any number of times, so a function that crashes before or after an effect loses nothing (L6).

use jiff::Timestamp;

use super::{
    due::{due, overdue_after},
    limits::REPEAT_FOR,
};
use crate::{AttemptState, Board, Release, RunId, TaskArn};

/// An action that the board asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Call `RunTask` as the plan says, and give the answer to the planner.
    StartTask {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
    },
    /// Write `revoked` to the attempt's claim (`If-None-Match: *`), and give the winner to the planner.
    Revoke {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
    },
    /// Ask ECS to stop an overdue task. Its leases do not end by this call, but when the task is seen stopped.
    StopTask {
        /// The id of the run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
        /// The ARN of the task.
        task_arn: TaskArn,
    },
    /// Send `Run Settled` for the runs that ended.
    Announce,
    /// Send the event that `limits.runs_per_day` is reached ([`Board::limit_reached`]).
    AnnounceLimit,
    /// Call publish-docs, because docs are pending.
    PublishDocs,
    /// Wake on-load at that time, because something becomes due then.
    Wake {
        /// The time at which something becomes due.
        at: Timestamp,
    },
}

/// Returns what is to be done now.
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
                // `next_due` asks for no wake here: the sweep runs every minute, which is soon enough.
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
    if board.limit_reached.is_some_and(|limit| !limit.announced) {
        effects.push(Effect::AnnounceLimit);
    }
    if !board.docs.pending.is_empty() && board.docs.not_before.is_none_or(|at| at <= now) {
        effects.push(Effect::PublishDocs);
    }
    effects.extend(next_due(board, release, now).map(|at| Effect::Wake { at }));
    effects
}

/// Returns when something next becomes due by time alone.
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
