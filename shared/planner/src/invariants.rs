//! The invariants of ARCHITECTURE.md as functions. The planner checks each decision by them where debug assertions
//! are on. The simulation and the end-to-end tests check by them what happened.

use std::fmt;

use crate::{
    Board, Release, RunId, TaskArn,
    decide::{Leases, fairness_violations},
};

/// A violation of an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The id of the invariant in ARCHITECTURE.md.
    pub invariant: &'static str,
    /// What violates it.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// The relations that one task held in the warehouse, with the time. `T` is any type of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold<T> {
    /// The id of the run.
    pub run: RunId,
    /// The number of the attempt.
    pub attempt: u32,
    /// The ARN of the task.
    pub task_arn: TaskArn,
    /// Relations that it may write.
    pub writes: Vec<String>,
    /// Relations that it reads, and that no other task may write.
    pub reads: Vec<String>,
    /// Whether it holds the whole warehouse.
    pub exclusive: bool,
    /// When it claimed its attempt.
    pub from: T,
    /// When it ended. `None` while it runs.
    pub to: Option<T>,
}

/// Checks L3: no two tasks hold the same relation at the same time, unless both only read it.
pub fn check_holds<T: PartialOrd>(holds: &[Hold<T>]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (at, one) in holds.iter().enumerate() {
        for other in holds.iter().skip(at + 1) {
            let ends_before = |a: &Hold<T>, b: &Hold<T>| a.to.as_ref().is_some_and(|to| *to <= b.from);
            if one.task_arn == other.task_arn || ends_before(one, other) || ends_before(other, one) {
                continue;
            }
            let common = |these: &[String], those: &[String]| these.iter().find(|it| those.contains(it)).cloned();
            let shared = common(&one.writes, &other.writes)
                .or_else(|| common(&one.writes, &other.reads))
                .or_else(|| common(&one.reads, &other.writes))
                .or_else(|| (one.exclusive || other.exclusive).then(|| "the whole warehouse".to_owned()));
            if let Some(relation) = shared {
                let detail = format!(
                    "{} (attempt {}) and {} (attempt {}) hold {relation} at once",
                    one.run, one.attempt, other.run, other.attempt
                );
                violations.push(Violation { invariant: "L3", detail });
            }
        }
    }
    violations
}

/// Checks what must be true of every board.
pub fn check_board(board: &Board) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |invariant, detail: String| violations.push(Violation { invariant, detail });
    let runs: Vec<_> = board.runs.iter().map(|(id, run)| (id, Leases::held_by(run))).collect();
    for (at, (id, leases)) in runs.iter().enumerate() {
        for (other, theirs) in runs.iter().skip(at + 1) {
            if leases.conflict(theirs) {
                add("L3", format!("the leases of {id} and {other} conflict"));
            }
        }
    }
    for (trigger, entry) in &board.backlog {
        if let crate::Trigger::Load(name) = trigger {
            let newest = board.datasets.get(name).map_or(0, |state| state.generation);
            if entry.generation > newest {
                add(
                    "L2",
                    format!("generation {} of {trigger} is pending, but the newest is {newest}", entry.generation),
                );
            }
        }
    }
    for (id, run) in &board.runs {
        if !run.done.is_subset(&run.nodes) {
            add("L2", format!("{id} completed nodes that it did not plan"));
        }
    }
    violations
}

/// Checks what must be true of every board and of each step from one to the next. `release` is the one that the board
/// names, if it is known.
pub fn check_step(before: Option<&Board>, after: &Board, release: Option<&Release>) -> Vec<Violation> {
    let mut violations = check_board(after);
    let Some(before) = before else { return violations };
    let mut add = |invariant, detail: String| violations.push(Violation { invariant, detail });
    if after.now < before.now {
        add("L6", format!("the board's time goes back from {} to {}", before.now, after.now));
    }
    if after.epoch == before.epoch && after.seq != before.seq + 1 {
        add("L6", format!("the board's number goes from {} to {}", before.seq, after.seq));
    }
    for (id, run) in &before.runs {
        if after.runs.get(id).is_some_and(|later| later.attempt.number < run.attempt.number) {
            add("L7", format!("{id} goes back to an earlier attempt"));
        }
    }
    for (name, state) in &before.datasets {
        if after.epoch == before.epoch
            && after.datasets.get(name).is_some_and(|later| later.generation < state.generation)
        {
            add("L2", format!("{name} goes back to an earlier generation"));
        }
    }
    for detail in release.map(|release| fairness_violations(before, after, release)).unwrap_or_default() {
        add("L9", detail);
    }
    violations
}
