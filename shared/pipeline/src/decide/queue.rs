//! Who may run next, and what keeps the others: the part of admission that only looks, so that `landfall status` can say it, too.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    PATIENCE,
    admit::{due, live},
    asked::paused,
    leases::Leases,
    waiting::{Split, split},
};
use crate::{
    Board, Cause, DatasetName, Debt, Release, RunId, Set,
    pending::overdue_after,
    safeguards::{Safeguard, keeps},
};

/// What keeps a cause from running although its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A live run holds a relation that it needs, or the whole warehouse.
    Run { run: RunId, relation: Option<String> },
    /// A run that is over may still have statements in the warehouse (`runs.drain`).
    Drain { run: RunId, until: Timestamp },
    /// One that has waited too long has reserved what it needs.
    Older { cause: Cause },
}

/// A cause, or several that run as one, and what of it could run now.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) causes: Vec<Cause>,
    /// Since when the oldest of them waits.
    pub(super) since: Timestamp,
    pub(super) split: Split,
    pub(super) leases: Leases,
}

/// Causes whose time has come, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Nothing but room keeps these.
    pub(super) clear: Vec<Candidate>,
    /// These are kept by something.
    pub(super) blocked: Vec<(Candidate, Obstacle)>,
    /// Nothing of these can run before something else is built; a run that builds it may take them along.
    pub(super) idle: Vec<Candidate>,
    /// What those who waited too long have reserved.
    pub(super) reserved: Vec<(Timestamp, Cause, Leases)>,
}

impl Debt {
    /// What of it may be tried: not what failed, nor what is built from that.
    pub(super) fn open_nodes(&self, release: &Release) -> Set {
        match &self.stuck {
            Some(stuck) => {
                let open = self.nodes.minus(&stuck.nodes);
                open.minus(&release.graph().descendants(&stuck.nodes, &self.nodes))
            }
            None => self.nodes.clone(),
        }
    }
}

/// Whether a run for the cause has something to do before it builds. Another run of the same generation may have done it.
pub(super) fn loads_first(board: &Board, release: &Release, cause: &Cause) -> bool {
    let Cause::Load(name) = cause else { return false };
    let does = release.dataset(name).is_some_and(|dataset| !dataset.before.is_empty());
    does && board.owed.get(cause).is_some_and(|debt| !debt.before_done)
}

impl Candidate {
    /// What of these causes could run now, as one run. Causes of which nothing can run are left out: they go on waiting, and tell nobody
    /// otherwise.
    pub(super) fn of(board: &Board, release: &Release, causes: &[Cause]) -> Self {
        let debts = || causes.iter().filter_map(|cause| Some((cause, board.owed.get(cause)?)));
        let open: Set = debts().fold(Set::new(), |all, (_, debt)| all.union(&debt.open_nodes(release)));
        let loading: BTreeSet<&DatasetName> = causes
            .iter()
            .filter_map(|cause| match cause {
                Cause::Load(name) if loads_first(board, release, cause) => Some(name),
                _ => None,
            })
            .collect();
        let split = split(release, board, &open, &loading);
        let runs = |cause: &Cause, debt: &Debt| {
            let loads_itself = matches!(cause, Cause::Load(name) if loading.contains(name));
            loads_itself || debt.open_nodes(release).meets(&split.run)
        };
        let causes: Vec<Cause> =
            debts().filter(|(cause, debt)| runs(cause, debt)).map(|(cause, _)| cause.clone()).collect();
        let kept = || causes.iter().filter_map(|cause| board.owed.get(cause));
        let since = kept().map(|debt| debt.since).min().unwrap_or(board.now);
        let leases = Leases::of(release, &split.run, &causes);
        Self { causes, since, split, leases }
    }
}

impl Queue {
    /// As the board stands. The selection of what waits is resolved here, at admission, and never earlier.
    pub(crate) fn of(board: &Board, release: &Release, now: Timestamp) -> Self {
        let mut queue = Self::default();
        let mut ready: Vec<(Timestamp, &Cause)> = board
            .owed
            .iter()
            .filter(|(cause, debt)| {
                !paused(board, cause)
                    && due(board, release, cause, debt, now).is_none()
                    && !debt.open_nodes(release).is_empty()
                    && !live(board, cause, debt.generation)
            })
            .map(|(cause, debt)| (debt.since, cause))
            .collect();
        ready.sort();
        for (since, cause) in ready {
            let candidate = Candidate::of(board, release, std::slice::from_ref(cause));
            if candidate.causes.is_empty() {
                queue.idle.push(Candidate { causes: vec![cause.clone()], ..candidate });
                continue;
            }
            let Some(obstacle) = obstacle(board, release, &candidate.leases).or_else(|| queue.older(&candidate, since))
            else {
                queue.clear.push(candidate);
                continue;
            };
            if now.duration_since(since) > PATIENCE && keeps(Safeguard::Patience) {
                queue.reserved.push((since, cause.clone(), candidate.leases.clone()));
            }
            queue.blocked.push((candidate, obstacle));
        }
        queue
    }

    /// Whether one that is older has reserved something that the candidate needs.
    pub(super) fn older(&self, candidate: &Candidate, youngest: Timestamp) -> Option<Obstacle> {
        let meets = |(since, cause, leases): &&(Timestamp, Cause, Leases)| {
            *since <= youngest && !candidate.causes.contains(cause) && leases.conflict(&candidate.leases)
        };
        self.reserved.iter().find(meets).map(|(_, cause, _)| Obstacle::Older { cause: cause.clone() })
    }

    /// Whether one that waited too long has reserved a place among the live runs, too: it must not find both its relations and no room.
    pub(super) fn slot_reserved(&self, since: Timestamp) -> bool {
        self.reserved.first().is_some_and(|(reserved, ..)| *reserved < since)
    }
}

/// What on the board keeps these leases from being taken.
pub(super) fn obstacle(board: &Board, release: &Release, leases: &Leases) -> Option<Obstacle> {
    for (id, run) in &board.runs {
        let overdue = run.attempt.running_since.is_some_and(|since| board.now > since + overdue_after(run));
        if !keeps(Safeguard::Lease) || (overdue && !keeps(Safeguard::LeaseUntilStopped)) {
            continue;
        }
        let held = Leases::held_by(run);
        if run.holds_unknown || held.conflict(leases) {
            return Some(Obstacle::Run { run: id.clone(), relation: meeting(release, &held, leases) });
        }
    }
    board.draining.iter().find_map(|draining| {
        let held =
            Leases { writes: draining.writes.clone(), reads: draining.reads.clone(), exclusive: draining.exclusive };
        let (run, until) = (draining.run.clone(), draining.until);
        held.conflict(leases).then_some(Obstacle::Drain { run, until })
    })
}

/// A relation in which the two meet; none if it is the whole warehouse.
fn meeting(release: &Release, held: &Leases, wanted: &Leases) -> Option<String> {
    if held.exclusive || wanted.exclusive {
        return None;
    }
    let both = [(&held.writes, &wanted.writes), (&held.writes, &wanted.reads), (&held.reads, &wanted.writes)];
    let relation = both.into_iter().find_map(|(held, wanted)| held.intersection(wanted).iter().next())?;
    release.compiled.relations.get(usize::try_from(relation).ok()?).cloned()
}
