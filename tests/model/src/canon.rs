//! Boards that mean the same made equal.
//!
//! What is taken away, and why nothing is lost by it:
//!
//! - `seq`, the writers' nonces and the ledger's key only tell one swap from another. Whether a board is still the one that was read, and whether a
//!   writer won, the model keeps beside the board ([`At`](crate::state::At)), as the etag and the list of nonces would tell.
//! - Words for people (`last`, `before`, `detail`, the number of events): no decision reads them but to copy them.
//! - The absolute time: every comparison that the decider makes is of two times. The time stands still, and when time passes all else moves into the past.
//!   In a history an hour passes at most; nothing here waits for longer than the fifty minutes for which a call is repeated. Planning times and the daily budget, with
//!   a limit that is out of reach, decide nothing here.
//! - Announcements: no decision reads them.
//! - Run ids are given out again once nothing in the world bears them ([`World::free_run`](crate::state::World::free_run)): only whether two are equal counts.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use landfall_pipeline::{Board, Budget};

use crate::project::NOW;

/// As old as it gets.
const OLDEST: SignedDuration = SignedDuration::from_hours(1);

/// A board in the form in which equal meaning is equal.
#[derive(Clone)]
pub struct Canon {
    /// The board.
    pub board: Arc<Board>,
    json: Arc<[u8]>,
}

impl Canon {
    /// Of a board.
    pub fn of(mut board: Board) -> Self {
        board.seq = 0;
        board.now = *NOW;
        board.nonces.clear();
        board.ledger = None;
        board.budget = Budget { since: *NOW, runs: 0 };
        for state in board.datasets.values_mut() {
            state.last_run = None;
        }
        for debt in board.owed.values_mut() {
            (debt.events, debt.last) = (1, String::new());
            if let Some(stuck) = &mut debt.stuck {
                (stuck.run, stuck.reason) = (None, String::new());
            }
        }
        for run in board.runs.values_mut() {
            run.planned_at = *NOW;
            run.attempt.before.clear();
        }
        board.announce.clear();
        let json = board.to_json().unwrap().into();
        Self { board: Arc::new(board), json }
    }

    /// The same board so much later.
    #[must_use]
    pub fn later(&self, by: SignedDuration) -> Self {
        let mut board = Board::clone(&self.board);
        let move_back = |time: &mut Timestamp| *time = back(*time, by);
        for state in board.datasets.values_mut() {
            state.covered_to.iter_mut().chain(state.recent.times_mut()).for_each(move_back);
        }
        for debt in board.owed.values_mut() {
            [&mut debt.since, &mut debt.latest].into_iter().for_each(move_back);
            debt.ready_at.iter_mut().chain(&mut debt.at_most).chain(&mut debt.calm_at).for_each(move_back);
        }
        for run in board.runs.values_mut() {
            [&mut run.attempt.since, &mut run.attempt.not_before].into_iter().for_each(move_back);
            run.read_point.iter_mut().chain(&mut run.attempt.running_since).for_each(move_back);
        }
        Self::of(board)
    }
}

/// A time so much further in the past, but not older than anything needs.
pub fn back(time: Timestamp, by: SignedDuration) -> Timestamp {
    (time - by).max(*NOW - OLDEST)
}

impl PartialEq for Canon {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for Canon {}

impl Hash for Canon {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.json.hash(state);
    }
}

impl std::fmt::Debug for Canon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.json))
    }
}
