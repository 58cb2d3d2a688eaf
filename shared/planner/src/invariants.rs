//! What must always be true, by the ids of ARCHITECTURE.md. The planner checks itself by these functions where debug assertions are on; the
//! simulation and the end-to-end tests check what they saw by the same.

use std::fmt;

use crate::{
    Board, Release, RunId,
    decide::{Leases, fairness_violations},
};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its id.
    pub invariant: &'static str,
    /// How.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What one task held in the warehouse, and from when to when; `T` is any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold<T> {
    /// The run.
    pub run: RunId,
    /// The attempt.
    pub attempt: u32,
    /// The task.
    pub task_arn: String,
    /// Relations that it may write.
    pub writes: Vec<String>,
    /// Relations that it reads and nobody may write.
    pub reads: Vec<String>,
    /// The whole warehouse.
    pub exclusive: bool,
    /// From its claim.
    pub from: T,
    /// To its end; none: it lives.
    pub to: Option<T>,
}

/// L3: no two tasks that live at once hold the same relation, unless both only read it.
pub fn of_holds<T: PartialOrd>(holds: &[Hold<T>]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (at, one) in holds.iter().enumerate() {
        for other in holds.iter().skip(at + 1) {
            let ends_before = |a: &Hold<T>, b: &Hold<T>| a.to.as_ref().is_some_and(|to| *to <= b.from);
            if one.task_arn == other.task_arn || ends_before(one, other) || ends_before(other, one) {
                continue;
            }
            let meets = |these: &[String], those: &[String]| these.iter().find(|it| those.contains(it)).cloned();
            let shared = meets(&one.writes, &other.writes)
                .or_else(|| meets(&one.writes, &other.reads))
                .or_else(|| meets(&one.reads, &other.writes))
                .or_else(|| (one.exclusive || other.exclusive).then(|| "the whole warehouse".to_owned()));
            if let Some(relation) = shared {
                let what = format!(
                    "{} (attempt {}) and {} (attempt {}) hold {relation} at once",
                    one.run, one.attempt, other.run, other.attempt
                );
                broken.push(Broken { invariant: "L3", what });
            }
        }
    }
    broken
}

/// What holds of every board.
pub fn of_board(board: &Board) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut say = |invariant, what: String| broken.push(Broken { invariant, what });
    let runs: Vec<_> = board.runs.iter().map(|(id, run)| (id, Leases::held_by(run))).collect();
    for (at, (id, leases)) in runs.iter().enumerate() {
        for (other, theirs) in runs.iter().skip(at + 1) {
            if leases.conflict(theirs) {
                say("L3", format!("{id} and {other} are on the board with leases that meet"));
            }
        }
    }
    for (trigger, entry) in &board.backlog {
        if let crate::Trigger::Load(name) = trigger {
            let newest = board.datasets.get(name).map_or(0, |state| state.generation);
            if entry.generation > newest {
                say("L2", format!("{trigger} has pending generation {}, and the newest is {newest}", entry.generation));
            }
        }
    }
    for (id, run) in &board.runs {
        if !run.done.is_subset(&run.nodes) {
            say("L2", format!("{id} did what it did not plan"));
        }
    }
    broken
}

/// What holds of every board and of each step from one to the next; `release` is the one that the board names, where it is known.
pub fn of_step(before: Option<&Board>, after: &Board, release: Option<&Release>) -> Vec<Broken> {
    let mut broken = of_board(after);
    let Some(before) = before else { return broken };
    let mut say = |invariant, what: String| broken.push(Broken { invariant, what });
    if after.now < before.now {
        say("L6", format!("the board's time runs backwards from {} to {}", before.now, after.now));
    }
    if after.epoch == before.epoch && after.seq != before.seq + 1 {
        say("L6", format!("the board's number goes from {} to {}", before.seq, after.seq));
    }
    for (id, run) in &before.runs {
        if after.runs.get(id).is_some_and(|later| later.attempt.number < run.attempt.number) {
            say("L7", format!("{id} goes back to an attempt before"));
        }
    }
    for (name, state) in &before.datasets {
        if after.epoch == before.epoch
            && after.datasets.get(name).is_some_and(|later| later.generation < state.generation)
        {
            say("L2", format!("{name} goes back to a generation before"));
        }
    }
    for what in release.map(|release| fairness_violations(before, after, release)).unwrap_or_default() {
        say("L9", what);
    }
    broken
}
