//! Who may run next, and what keeps the others: the part of admission that only looks, so that `landfall status` can say it, too.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
};

use jiff::Timestamp;

use super::rules::{ProtocolRules, Rules};
use super::{
    due::{due, paused},
    lease_index::{LeaseIndex, Unready},
    leases::Leases,
    run_kind::loads_first,
    runnable_nodes::{Split, split},
};
use crate::{BacklogEntry, Board, DatasetName, OrdinalSet, Release, Run, RunId, Trigger};

/// What keeps a trigger from running although its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A live run holds a relation that it needs, or the whole warehouse.
    Run { run: RunId, relation: Option<String> },
    /// A run that is over may still have statements in the warehouse (`runs.drain`).
    Drain { run: RunId, until: Timestamp },
    /// One that has waited too long has reserved what it needs.
    Older { trigger: Trigger },
}

/// A trigger, or several that run as one, and what of it could run now.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) triggers: Vec<Trigger>,
    /// Since when the oldest of them waits.
    pub(super) since: Timestamp,
    pub(super) split: Split,
}

/// Triggers whose time has come, oldest first.
pub(crate) struct Queue<'a> {
    release: &'a Release,
    rules: &'a dyn Rules,
    unready: Unready,
    /// Nothing but room keeps these.
    pub(super) clear: Vec<Candidate>,
    /// These are kept by something: [`Queue::obstacle`].
    pub(super) blocked: Vec<Candidate>,
    /// Nothing of these can run before something else is built; a run that builds it may take them along.
    pub(super) idle: Vec<Candidate>,
    reserved: Reservations<'a>,
}

/// What those who waited too long have reserved.
struct Reservations<'a> {
    /// They, oldest first, and what they would run.
    by: Vec<(Timestamp, Trigger, OrdinalSet)>,
    /// All of it.
    all: LeaseIndex<'a>,
    /// Each one's, once somebody asks.
    leases: OnceCell<Vec<Leases>>,
}

impl BacklogEntry {
    /// What of it may be tried: not what failed, nor what is built from that.
    pub(super) fn open_nodes(&self, release: &Release) -> OrdinalSet {
        match &self.quarantine {
            Some(quarantine) => {
                let open = self.nodes.minus(&quarantine.nodes);
                open.minus(&release.graph().descendants(&quarantine.nodes, &self.nodes))
            }
            None => OrdinalSet::clone(&self.nodes),
        }
    }
}

impl Candidate {
    /// What of these triggers could run now, as one run. Triggers of which nothing can run are left out: they go on waiting, and tell nobody
    /// otherwise.
    fn of(board: &Board, release: &Release, unready: &Unready, triggers: &[Trigger], rules: &dyn Rules) -> Self {
        let entries = || triggers.iter().filter_map(|trigger| Some((trigger, board.backlog.get(trigger)?)));
        let open: OrdinalSet = match triggers {
            [one] => board.backlog.get(one).map(|entry| entry.open_nodes(release)).unwrap_or_default(),
            _ => entries().fold(OrdinalSet::new(), |all, (_, entry)| all.union(&entry.open_nodes(release))),
        };
        let loading: BTreeSet<&DatasetName> = triggers
            .iter()
            .filter_map(|trigger| match trigger {
                Trigger::Load(name) if loads_first(board, release, trigger) => Some(name),
                _ => None,
            })
            .collect();
        let split = if unready.lets_all(release, &open) {
            Split { run: open, ..Split::default() }
        } else {
            split(release, board, &open, &loading, rules)
        };
        let runs = |trigger: &Trigger, entry: &BacklogEntry| {
            let loads_itself = matches!(trigger, Trigger::Load(name) if loading.contains(name));
            loads_itself || entry.open_nodes(release).meets(&split.run)
        };
        let triggers: Vec<Trigger> =
            entries().filter(|(trigger, entry)| runs(trigger, entry)).map(|(trigger, _)| trigger.clone()).collect();
        let kept = || triggers.iter().filter_map(|trigger| board.backlog.get(trigger));
        let since = kept().map(|entry| entry.since).min().unwrap_or(board.now);
        Self { triggers, since, split }
    }

    /// What running it takes.
    pub(super) fn leases(&self, release: &Release) -> Leases {
        Leases::of(release, &self.split.run, &self.triggers)
    }
}

impl<'a> Queue<'a> {
    /// As the board stands. The selection of what waits is resolved here, at admission, and never earlier.
    pub(crate) fn of(board: &Board, release: &'a Release, now: Timestamp, rules: &'a dyn Rules) -> Self {
        let mut queue = Self {
            release,
            rules,
            unready: Unready::of(board, release),
            clear: Vec::new(),
            blocked: Vec::new(),
            idle: Vec::new(),
            reserved: Reservations { by: Vec::new(), all: LeaseIndex::new(release), leases: OnceCell::new() },
        };
        let held = held(board, release, rules);
        for (_, trigger) in ready(board, release, now) {
            let candidate = queue.candidate(board, std::slice::from_ref(trigger));
            if candidate.triggers.is_empty() {
                queue.idle.push(Candidate { triggers: vec![trigger.clone()], ..candidate });
                continue;
            }
            let run = &candidate.split.run;
            if !held.keeps(run, trigger) && !queue.reserved.all.keeps(run, trigger) {
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
        let Some(trigger) = kept.triggers.first() else { return };
        if self.rules.past_fairness_limit(kept.since, now) {
            self.reserved.all.reserve(&kept.split.run, trigger);
            let by = &mut self.reserved.by;
            let at = by.partition_point(|(since, ..)| *since <= kept.since);
            by.insert(at, (kept.since, trigger.clone(), kept.split.run.clone()));
            self.reserved.leases = OnceCell::new();
        }
    }

    /// What of these triggers could run now, as one run.
    pub(super) fn candidate(&self, board: &Board, triggers: &[Trigger]) -> Candidate {
        Candidate::of(board, self.release, &self.unready, triggers, self.rules)
    }

    /// What keeps it: something that is held, or reserved by one that is older than `youngest`.
    pub(super) fn obstacle(
        &self,
        board: &Board,
        candidate: &Candidate,
        leases: &Leases,
        youngest: Timestamp,
    ) -> Option<Obstacle> {
        obstacle(board, self.release, leases, self.rules).or_else(|| self.older(candidate, leases, youngest))
    }

    /// Whether one that is older has reserved something that the candidate needs.
    pub(super) fn older(&self, candidate: &Candidate, leases: &Leases, youngest: Timestamp) -> Option<Obstacle> {
        let Reservations { by, all, leases: each } = &self.reserved;
        if !candidate.triggers.iter().any(|trigger| all.keeps(&candidate.split.run, trigger)) {
            return None;
        }
        let each = each.get_or_init(|| {
            by.iter().map(|(_, trigger, run)| Leases::of(self.release, run, std::slice::from_ref(trigger))).collect()
        });
        let meets = |(_, reserved): &(&(Timestamp, Trigger, OrdinalSet), &Leases)| reserved.conflict(leases);
        by.iter()
            .zip(each)
            .filter(|((since, trigger, _), _)| *since <= youngest && !candidate.triggers.contains(trigger))
            .find(meets)
            .map(|((_, trigger, _), _)| Obstacle::Older { trigger: trigger.clone() })
    }

    /// Whether one that waited too long has reserved a place among the live runs, too: it must not find both its relations and no room.
    pub(super) fn slot_reserved(&self, since: Timestamp) -> bool {
        self.reserved.by.first().is_some_and(|(reserved, ..)| *reserved < since)
    }

    /// The one that has waited longest of those who waited too long.
    pub(super) fn first_reserved(&self) -> Option<&Trigger> {
        self.reserved.by.first().map(|(_, trigger, _)| trigger)
    }
}

/// A trigger that has waited for too long although its time has come and something of it could run, and what that takes.
pub(super) struct Waiter<'a> {
    pub(super) trigger: &'a Trigger,
    pub(super) since: Timestamp,
    pub(super) leases: Leases,
}

impl<'a> Waiter<'a> {
    /// All of them on a board, oldest first. By the rules that ship: a decision by other rules is checked by them, too.
    pub(super) fn past_fairness_limit(board: &'a Board, release: &'a Release) -> impl Iterator<Item = Self> {
        let unready = Unready::of(board, release);
        let ready = ready(board, release, board.now).into_iter();
        let rules = &ProtocolRules;
        ready.filter(|(since, _)| rules.past_fairness_limit(*since, board.now)).filter_map(move |(since, trigger)| {
            let candidate = Candidate::of(board, release, &unready, std::slice::from_ref(trigger), rules);
            (!candidate.triggers.is_empty()).then(|| Self { trigger, since, leases: candidate.leases(release) })
        })
    }
}

/// Backlog entries whose time has come, oldest first.
fn ready<'a>(board: &'a Board, release: &Release, now: Timestamp) -> Vec<(Timestamp, &'a Trigger)> {
    let live: HashSet<(&Trigger, u64)> =
        board.runs.values().flat_map(|run| &run.triggers).map(|c| (&c.trigger, c.generation)).collect();
    let mut ready: Vec<(Timestamp, &Trigger)> = board
        .backlog
        .iter()
        .filter(|(trigger, entry)| {
            !paused(board, trigger)
                && due(board, release, trigger, entry, now).is_none()
                && !entry.open_nodes(release).is_empty()
                && !live.contains(&(*trigger, entry.generation))
        })
        .map(|(trigger, entry)| (entry.since, trigger))
        .collect();
    ready.sort();
    ready
}

/// The live runs that hold leases.
fn holders<'a>(board: &'a Board, rules: &dyn Rules) -> impl Iterator<Item = (&'a RunId, &'a Run)> {
    board.runs.iter().filter(|(_, run)| rules.holds_leases(run, board.now))
}

/// All that the board holds.
fn held<'a>(board: &Board, release: &'a Release, rules: &dyn Rules) -> LeaseIndex<'a> {
    let mut held = LeaseIndex::new(release);
    for (_, run) in holders(board, rules) {
        held.hold(&Leases::held_by(run), run.holds_unknown);
    }
    board.draining.iter().for_each(|draining| held.hold(&Leases::draining(draining), false));
    held
}

/// What on the board keeps these leases from being taken.
pub(super) fn obstacle(board: &Board, release: &Release, leases: &Leases, rules: &dyn Rules) -> Option<Obstacle> {
    for (id, run) in holders(board, rules) {
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
