//! The invariants of ARCHITECTURE.md as functions. The planner checks each decision by them where debug assertions
//! are on. The simulation and the end-to-end tests check by them what happened.

use std::{collections::BTreeMap, fmt};

use crate::{
    BacklogEntry, Board, OrdinalSet, Release, RunId, TaskArn, Trigger,
    decide::{Leases, fairness_violations},
    release::NodeKind,
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

/// Checks L9 on a board that a function wrote that may plan: if no run is live, nothing is pending that could run. What
/// is pending gathers, is paused, failed, or needs something that does not exist. `release` is the one that the board
/// names.
///
/// It shares no rule with admission.
pub fn check_nothing_forgotten(board: &Board, release: &Release) -> Vec<Violation> {
    let spent = board.budget.runs >= release.compiled.limits.runs_per_day;
    let kept = spent || board.paused_all || !board.runs.is_empty() || !board.draining.is_empty();
    if kept || board.release.as_ref() != Some(release.id()) {
        return Vec::new();
    }
    let mut availability = Availability::new(board, release);
    let mut violations = Vec::new();
    for (trigger, entry) in board.backlog.iter().filter(|(trigger, entry)| is_due(board, release, trigger, entry)) {
        let open = Availability::open(release, entry);
        if let Some(node) = open.iter().find(|node| availability.has_all_inputs(*node)) {
            let node = release.id_of(node).map(ToString::to_string).unwrap_or_default();
            let detail = format!("{node} is pending for {trigger}, and everything that it needs is available");
            violations.push(Violation { invariant: "L9", detail });
        }
    }
    violations
}

/// Whether time and operators let the entry run. A job that only tests is dropped if its tests cannot run.
fn is_due(board: &Board, release: &Release, trigger: &Trigger, entry: &BacklogEntry) -> bool {
    match trigger {
        Trigger::Job(_) => false,
        Trigger::Release | Trigger::Operator => !entry.is_gathering(),
        Trigger::Load(name) => {
            let state = board.datasets.get(name);
            let paused = state.is_some_and(|state| state.paused);
            let interval = release.dataset(name).map(|dataset| dataset.min_interval.0).unwrap_or_default();
            let last = state.and_then(|state| state.last_run);
            !entry.is_gathering() && !paused && last.is_none_or(|last| last + interval <= board.now)
        }
    }
}

/// Which nodes have everything that they are built from, found parent by parent.
struct Availability<'a> {
    board: &'a Board,
    release: &'a Release,
    /// Nodes that their own triggers build.
    pending: OrdinalSet,
    /// Whether an unbuilt node can be built now. `None` while its parents are looked at.
    known: BTreeMap<u32, Option<bool>>,
}

impl<'a> Availability<'a> {
    fn new(board: &'a Board, release: &'a Release) -> Self {
        let mut pending = OrdinalSet::new();
        for entry in board.backlog.values() {
            let approval = entry.quarantine.as_ref().is_some_and(|quarantine| quarantine.approval);
            pending.add(&if approval { OrdinalSet::clone(&entry.nodes) } else { Self::open(release, entry) });
        }
        Self { board, release, pending, known: BTreeMap::new() }
    }

    /// The pending nodes that neither failed nor descend from a pending node that did.
    fn open(release: &Release, entry: &BacklogEntry) -> OrdinalSet {
        let mut open = OrdinalSet::clone(&entry.nodes);
        let mut failed: Vec<u32> = entry.quarantine.iter().flat_map(|quarantine| quarantine.nodes.iter()).collect();
        while let Some(node) = failed.pop() {
            if open.remove(node) {
                failed.extend(release.graph().children(node));
            }
        }
        open
    }

    fn has_all_inputs(&mut self, node: u32) -> bool {
        let release = self.release;
        release.graph().get(node).is_some()
            && release.graph().parents(node).iter().all(|parent| self.is_available(*parent))
    }

    /// Whether the node is built or loaded, or can be built by any run now.
    fn is_available(&mut self, node: u32) -> bool {
        let mut stack = vec![node];
        while let Some(at) = stack.last().copied() {
            let open: Vec<u32> = match self.known.get(&at) {
                Some(Some(_)) => Vec::new(),
                Some(None) => {
                    let parents = self.release.graph().parents(at);
                    let all = parents.iter().all(|parent| self.known.get(parent).copied().flatten() == Some(true));
                    self.known.insert(at, Some(all));
                    Vec::new()
                }
                None => {
                    let immediate = self.without_parents(at);
                    self.known.insert(at, immediate);
                    if immediate.is_none() { self.release.graph().parents(at).to_vec() } else { Vec::new() }
                }
            };
            if self.known.get(&at).copied().flatten().is_some() {
                stack.pop();
            } else {
                stack.extend(open);
            }
        }
        self.known.get(&node).copied().flatten() == Some(true)
    }

    /// The answer for a node whose parents do not matter.
    fn without_parents(&self, node: u32) -> Option<bool> {
        let vertex = self.release.vertex(node)?;
        let built = self.board.built.contains(node);
        match (vertex.kind, self.release.dataset_of_source(node)) {
            (NodeKind::Source, Some(name)) => Some(self.board.datasets.get(name).is_some_and(|state| state.loaded)),
            (NodeKind::Source, None) => {
                let read = |child: &u32| self.board.built.contains(*child);
                Some(built || self.release.graph().children(node).iter().any(read))
            }
            _ if built => Some(true),
            _ if self.pending.contains(node) => Some(false),
            _ => None,
        }
    }
}
