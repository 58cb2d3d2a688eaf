//! Who may run next, and what keeps the others: the part of admission that only looks, so that `landfall status` can say it, too.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
};

use jiff::Timestamp;

use super::{
    PATIENCE,
    admit::due,
    asked::paused,
    leases::Leases,
    taken::{Taken, Unready},
    waiting::{Split, split},
};
use crate::{
    Board, Cause, DatasetName, Debt, Release, Run, RunId, Set,
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
}

/// Causes whose time has come, oldest first.
pub(crate) struct Queue<'a> {
    release: &'a Release,
    unready: Unready,
    /// Nothing but room keeps these.
    pub(super) clear: Vec<Candidate>,
    /// These are kept by something: [`Queue::obstacle`].
    pub(super) blocked: Vec<Candidate>,
    /// Nothing of these can run before something else is built; a run that builds it may take them along.
    pub(super) idle: Vec<Candidate>,
    reserved: Reserved<'a>,
}

/// What those who waited too long have reserved.
struct Reserved<'a> {
    /// They, oldest first, and what they would run.
    by: Vec<(Timestamp, Cause, Set)>,
    /// All of it.
    all: Taken<'a>,
    /// Each one's, once somebody asks.
    leases: OnceCell<Vec<Leases>>,
}

impl Debt {
    /// What of it may be tried: not what failed, nor what is built from that.
    pub(super) fn open_nodes(&self, release: &Release) -> Set {
        match &self.stuck {
            Some(stuck) => {
                let open = self.nodes.minus(&stuck.nodes);
                open.minus(&release.graph().descendants(&stuck.nodes, &self.nodes))
            }
            None => Set::clone(&self.nodes),
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
    fn of(board: &Board, release: &Release, unready: &Unready, causes: &[Cause]) -> Self {
        let debts = || causes.iter().filter_map(|cause| Some((cause, board.owed.get(cause)?)));
        let open: Set = match causes {
            [one] => board.owed.get(one).map(|debt| debt.open_nodes(release)).unwrap_or_default(),
            _ => debts().fold(Set::new(), |all, (_, debt)| all.union(&debt.open_nodes(release))),
        };
        let loading: BTreeSet<&DatasetName> = causes
            .iter()
            .filter_map(|cause| match cause {
                Cause::Load(name) if loads_first(board, release, cause) => Some(name),
                _ => None,
            })
            .collect();
        let split = if unready.lets_all(release, &open) {
            Split { run: open, ..Split::default() }
        } else {
            split(release, board, &open, &loading)
        };
        let runs = |cause: &Cause, debt: &Debt| {
            let loads_itself = matches!(cause, Cause::Load(name) if loading.contains(name));
            loads_itself || debt.open_nodes(release).meets(&split.run)
        };
        let causes: Vec<Cause> =
            debts().filter(|(cause, debt)| runs(cause, debt)).map(|(cause, _)| cause.clone()).collect();
        let kept = || causes.iter().filter_map(|cause| board.owed.get(cause));
        let since = kept().map(|debt| debt.since).min().unwrap_or(board.now);
        Self { causes, since, split }
    }

    /// What running it takes.
    pub(super) fn leases(&self, release: &Release) -> Leases {
        Leases::of(release, &self.split.run, &self.causes)
    }
}

impl<'a> Queue<'a> {
    /// As the board stands. The selection of what waits is resolved here, at admission, and never earlier.
    pub(crate) fn of(board: &Board, release: &'a Release, now: Timestamp) -> Self {
        let mut queue = Self {
            release,
            unready: Unready::of(board, release),
            clear: Vec::new(),
            blocked: Vec::new(),
            idle: Vec::new(),
            reserved: Reserved { by: Vec::new(), all: Taken::new(release), leases: OnceCell::new() },
        };
        let held = held(board, release);
        for (_, cause) in ready(board, release, now) {
            let candidate = queue.candidate(board, std::slice::from_ref(cause));
            if candidate.causes.is_empty() {
                queue.idle.push(Candidate { causes: vec![cause.clone()], ..candidate });
                continue;
            }
            let run = &candidate.split.run;
            if !held.keeps(run, cause) && !queue.reserved.all.keeps(run, cause) {
                queue.clear.push(candidate);
                continue;
            }
            queue.reserve(&candidate, now);
            queue.blocked.push(candidate);
        }
        queue
    }

    /// Lets one that is kept reserve what it needs, if it has waited for too long.
    pub(super) fn reserve(&mut self, kept: &Candidate, now: Timestamp) {
        let Some(cause) = kept.causes.first() else { return };
        if impatient(kept.since, now) && keeps(Safeguard::Patience) {
            self.reserved.all.reserve(&kept.split.run, cause);
            let by = &mut self.reserved.by;
            let at = by.partition_point(|(since, ..)| *since <= kept.since);
            by.insert(at, (kept.since, cause.clone(), kept.split.run.clone()));
            self.reserved.leases = OnceCell::new();
        }
    }

    /// What of these causes could run now, as one run.
    pub(super) fn candidate(&self, board: &Board, causes: &[Cause]) -> Candidate {
        Candidate::of(board, self.release, &self.unready, causes)
    }

    /// What keeps it: something that is held, or reserved by one that is older than `youngest`.
    pub(super) fn obstacle(
        &self,
        board: &Board,
        candidate: &Candidate,
        leases: &Leases,
        youngest: Timestamp,
    ) -> Option<Obstacle> {
        obstacle(board, self.release, leases).or_else(|| self.older(candidate, leases, youngest))
    }

    /// Whether one that is older has reserved something that the candidate needs.
    pub(super) fn older(&self, candidate: &Candidate, leases: &Leases, youngest: Timestamp) -> Option<Obstacle> {
        let Reserved { by, all, leases: each } = &self.reserved;
        if !candidate.causes.iter().any(|cause| all.keeps(&candidate.split.run, cause)) {
            return None;
        }
        let each = each.get_or_init(|| {
            by.iter().map(|(_, cause, run)| Leases::of(self.release, run, std::slice::from_ref(cause))).collect()
        });
        let meets = |(_, reserved): &(&(Timestamp, Cause, Set), &Leases)| reserved.conflict(leases);
        by.iter()
            .zip(each)
            .filter(|((since, cause, _), _)| *since <= youngest && !candidate.causes.contains(cause))
            .find(meets)
            .map(|((_, cause, _), _)| Obstacle::Older { cause: cause.clone() })
    }

    /// Whether one that waited too long has reserved a place among the live runs, too: it must not find both its relations and no room.
    pub(super) fn slot_reserved(&self, since: Timestamp) -> bool {
        self.reserved.by.first().is_some_and(|(reserved, ..)| *reserved < since)
    }

    /// The one that has waited longest of those who waited too long.
    pub(super) fn first_reserved(&self) -> Option<&Cause> {
        self.reserved.by.first().map(|(_, cause, _)| cause)
    }
}

/// Whether who waits for leases since then has waited for too long.
fn impatient(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) > PATIENCE
}

/// A cause that has waited for too long although its time has come and something of it could run, and what that takes.
pub(super) struct Waiter<'a> {
    pub(super) cause: &'a Cause,
    pub(super) since: Timestamp,
    pub(super) leases: Leases,
}

impl<'a> Waiter<'a> {
    /// All of them on a board, oldest first.
    pub(super) fn impatient(board: &'a Board, release: &'a Release) -> impl Iterator<Item = Self> {
        let unready = Unready::of(board, release);
        let ready = ready(board, release, board.now).into_iter();
        ready.filter(|(since, _)| impatient(*since, board.now)).filter_map(move |(since, cause)| {
            let candidate = Candidate::of(board, release, &unready, std::slice::from_ref(cause));
            (!candidate.causes.is_empty()).then(|| Self { cause, since, leases: candidate.leases(release) })
        })
    }
}

/// Debts whose time has come, oldest first.
fn ready<'a>(board: &'a Board, release: &Release, now: Timestamp) -> Vec<(Timestamp, &'a Cause)> {
    let live: HashSet<(&Cause, u64)> =
        board.runs.values().flat_map(|run| &run.causes).map(|c| (&c.cause, c.generation)).collect();
    let mut ready: Vec<(Timestamp, &Cause)> = board
        .owed
        .iter()
        .filter(|(cause, debt)| {
            !paused(board, cause)
                && due(board, release, cause, debt, now).is_none()
                && !debt.open_nodes(release).is_empty()
                && !live.contains(&(*cause, debt.generation))
        })
        .map(|(cause, debt)| (debt.since, cause))
        .collect();
    ready.sort();
    ready
}

/// The live runs that hold anything: all but what a mutant takes for over.
fn holders(board: &Board) -> impl Iterator<Item = (&RunId, &Run)> {
    board.runs.iter().filter(|(_, run)| {
        let overdue = run.attempt.running_since.is_some_and(|since| board.now > since + overdue_after(run));
        keeps(Safeguard::Lease) && (!overdue || keeps(Safeguard::LeaseUntilStopped))
    })
}

/// All that the board holds.
fn held<'a>(board: &Board, release: &'a Release) -> Taken<'a> {
    let mut held = Taken::new(release);
    for (_, run) in holders(board) {
        held.hold(&Leases::held_by(run), run.holds_unknown);
    }
    board.draining.iter().for_each(|draining| held.hold(&Leases::draining(draining), false));
    held
}

/// What on the board keeps these leases from being taken.
pub(super) fn obstacle(board: &Board, release: &Release, leases: &Leases) -> Option<Obstacle> {
    for (id, run) in holders(board) {
        let held = Leases::held_by(run);
        if run.holds_unknown || held.conflict(leases) {
            return Some(Obstacle::Run { run: id.clone(), relation: meeting(release, &held, leases) });
        }
    }
    board.draining.iter().find_map(|draining| {
        let (run, until) = (draining.run.clone(), draining.until);
        Leases::draining(draining).conflict(leases).then_some(Obstacle::Drain { run, until })
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
