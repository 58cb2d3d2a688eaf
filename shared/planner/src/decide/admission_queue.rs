//! Which backlog entries may run next, and what keeps the others. This part of admission changes nothing, so that
//! `landfall status` uses it, too.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
};

use jiff::Timestamp;

use super::rules::{ProtocolRules, Rules};
use super::{
    available_ancestors::may_build,
    due::paused,
    lease_index::{LeaseIndex, UnbuiltInputs},
    leases::Leases,
    run_kind::loads_first,
    runnable_nodes::{Split, split},
};
use crate::{BacklogEntry, Board, DatasetName, OrdinalSet, Release, Run, RunId, Trigger};

/// What keeps a due trigger from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A live run holds a relation that the trigger needs (`None`: the whole warehouse).
    Run { run: RunId, relation: Option<String> },
    /// A run that ended may still have statements in the warehouse (`runs.drain`).
    Drain { run: RunId, until: Timestamp },
    /// An older trigger past the fairness limit has reserved what the trigger needs.
    Reserved { by: Trigger },
}

/// One trigger, or several that run as one, and which of their nodes could run now.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) triggers: Vec<Trigger>,
    /// When the oldest of them became pending.
    pub(super) since: Timestamp,
    pub(super) split: Split,
}

/// Due triggers, oldest first.
pub(crate) struct Queue<'a> {
    release: &'a Release,
    rules: &'a dyn Rules,
    unbuilt_inputs: UnbuiltInputs,
    /// Nothing but `runs.max_parallel` and `limits.runs_per_day` keeps these.
    pub(super) clear: Vec<Candidate>,
    /// A lease or a reservation keeps these: see [`Queue::obstacle`].
    pub(super) blocked: Vec<Candidate>,
    /// No node of these can run before others are built. A run that builds those may include them.
    pub(super) idle: Vec<Candidate>,
    reserved: Reservations<'a>,
}

/// What triggers past the fairness limit have reserved.
struct Reservations<'a> {
    /// These triggers, oldest first, with the nodes that they would run.
    by: Vec<(Timestamp, Trigger, OrdinalSet)>,
    /// All that they reserved.
    all: LeaseIndex<'a>,
    /// The leases of each, computed when first needed.
    leases: OnceCell<Vec<Leases>>,
}

impl BacklogEntry {
    /// The pending nodes that may be tried: neither quarantined nor built from those that are.
    pub(super) fn open_nodes(&self, release: &Release) -> OrdinalSet {
        match &self.quarantine {
            Some(quarantine) => {
                let open = self.nodes.difference(&quarantine.nodes);
                open.difference(&release.graph().descendants(&quarantine.nodes, &self.nodes))
            }
            None => OrdinalSet::clone(&self.nodes),
        }
    }
}

impl Candidate {
    /// The nodes of these triggers that could run now as one run. Triggers of which no node can run are left out and
    /// stay pending.
    fn of(
        board: &Board,
        release: &Release,
        unbuilt_inputs: &UnbuiltInputs,
        triggers: &[Trigger],
        rules: &dyn Rules,
    ) -> Self {
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
        let split = if unbuilt_inputs.allows_all(release, &open) {
            Split { run: open, ..Split::default() }
        } else {
            let builds = triggers.iter().all(|trigger| may_build(release, trigger));
            let available = if builds { &unbuilt_inputs.available } else { &OrdinalSet::new() };
            split(release, board, &open, &loading, available, rules)
        };
        let runs = |trigger: &Trigger, entry: &BacklogEntry| {
            let loads_itself = matches!(trigger, Trigger::Load(name) if loading.contains(name));
            loads_itself || entry.open_nodes(release).intersects(&split.run)
        };
        let triggers: Vec<Trigger> =
            entries().filter(|(trigger, entry)| runs(trigger, entry)).map(|(trigger, _)| trigger.clone()).collect();
        let kept = || triggers.iter().filter_map(|trigger| board.backlog.get(trigger));
        let since = kept().map(|entry| entry.since).min().unwrap_or(board.now);
        Self { triggers, since, split }
    }

    /// The leases that running it takes.
    pub(super) fn leases(&self, release: &Release) -> Leases {
        Leases::of(release, &self.split.run, &self.triggers)
    }
}

impl<'a> Queue<'a> {
    /// The queue of a board. Which nodes can run is resolved here, at admission, and never earlier.
    pub(crate) fn of(board: &Board, release: &'a Release, now: Timestamp, rules: &'a dyn Rules) -> Self {
        let mut queue = Self {
            release,
            rules,
            unbuilt_inputs: UnbuiltInputs::of(board, release, rules),
            clear: Vec::new(),
            blocked: Vec::new(),
            idle: Vec::new(),
            reserved: Reservations { by: Vec::new(), all: LeaseIndex::new(release), leases: OnceCell::new() },
        };
        let held = held(board, release, rules);
        for (_, trigger) in ready(board, release, now, rules) {
            let candidate = queue.candidate(board, std::slice::from_ref(trigger));
            if candidate.triggers.is_empty() {
                queue.idle.push(Candidate { triggers: vec![trigger.clone()], ..candidate });
                continue;
            }
            let run = &candidate.split.run;
            if !held.conflicts(run, trigger) && !queue.reserved.all.conflicts(run, trigger) {
                queue.clear.push(candidate);
                continue;
            }
            queue.reserve(&candidate, now);
            queue.blocked.push(candidate);
        }
        queue
    }

    /// Reserves what a kept candidate needs, if it is past the fairness limit.
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

    /// Which nodes of these triggers could run now as one run.
    pub(super) fn candidate(&self, board: &Board, triggers: &[Trigger]) -> Candidate {
        Candidate::of(board, self.release, &self.unbuilt_inputs, triggers, self.rules)
    }

    /// What keeps the candidate: a lease, or a reservation that is older than `youngest`.
    pub(super) fn obstacle(
        &self,
        board: &Board,
        candidate: &Candidate,
        leases: &Leases,
        youngest: Timestamp,
    ) -> Option<Obstacle> {
        obstacle(board, self.release, leases, self.rules)
            .or_else(|| self.reserved_by_older(candidate, leases, youngest))
    }

    /// The reservation older than `youngest` that keeps the candidate, if there is one.
    pub(super) fn reserved_by_older(
        &self,
        candidate: &Candidate,
        leases: &Leases,
        youngest: Timestamp,
    ) -> Option<Obstacle> {
        let Reservations { by, all, leases: each } = &self.reserved;
        if !candidate.triggers.iter().any(|trigger| all.conflicts(&candidate.split.run, trigger)) {
            return None;
        }
        let each = each.get_or_init(|| {
            by.iter().map(|(_, trigger, run)| Leases::of(self.release, run, std::slice::from_ref(trigger))).collect()
        });
        let conflicts = |(_, reserved): &(&(Timestamp, Trigger, OrdinalSet), &Leases)| reserved.conflict(leases);
        by.iter()
            .zip(each)
            .filter(|((since, trigger, _), _)| *since <= youngest && !candidate.triggers.contains(trigger))
            .find(conflicts)
            .map(|((_, trigger, _), _)| Obstacle::Reserved { by: trigger.clone() })
    }

    /// Whether a trigger that is pending since before `since` has reserved a place among the live runs. Without a
    /// place its reserved relations would be of no use.
    pub(super) fn slot_reserved(&self, since: Timestamp) -> bool {
        self.reserved.by.first().is_some_and(|(reserved, ..)| *reserved < since)
    }

    /// The oldest trigger with a reservation.
    pub(super) fn first_reserved(&self) -> Option<&Trigger> {
        self.reserved.by.first().map(|(_, trigger, _)| trigger)
    }
}

/// A due trigger past the fairness limit of which some nodes could run, and the leases that it needs.
pub(super) struct OverdueEntry<'a> {
    pub(super) trigger: &'a Trigger,
    pub(super) since: Timestamp,
    pub(super) leases: Leases,
}

impl<'a> OverdueEntry<'a> {
    /// All of them on a board, oldest first, by the rules that ship: a mutant's decision is judged by those, too.
    pub(super) fn past_fairness_limit(board: &'a Board, release: &'a Release) -> impl Iterator<Item = Self> {
        let rules = &ProtocolRules;
        let unbuilt_inputs = UnbuiltInputs::of(board, release, rules);
        let ready = ready(board, release, board.now, rules).into_iter();
        ready.filter(|(since, _)| rules.past_fairness_limit(*since, board.now)).filter_map(move |(since, trigger)| {
            let candidate = Candidate::of(board, release, &unbuilt_inputs, std::slice::from_ref(trigger), rules);
            (!candidate.triggers.is_empty()).then(|| Self { trigger, since, leases: candidate.leases(release) })
        })
    }
}

/// Due backlog entries that no live run works on, oldest first.
fn ready<'a>(board: &'a Board, release: &Release, now: Timestamp, rules: &dyn Rules) -> Vec<(Timestamp, &'a Trigger)> {
    let live: HashSet<(&Trigger, u64)> =
        board.runs.values().flat_map(|run| &run.triggers).map(|c| (&c.trigger, c.generation)).collect();
    let mut ready: Vec<(Timestamp, &Trigger)> = board
        .backlog
        .iter()
        .filter(|(trigger, entry)| {
            !paused(board, trigger)
                && entry.ready_at().is_none_or(|at| at <= now)
                && rules.min_interval_until(board, release, trigger, now).is_none()
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

/// An index of all leases on the board.
fn held<'a>(board: &Board, release: &'a Release, rules: &dyn Rules) -> LeaseIndex<'a> {
    let mut held = LeaseIndex::new(release);
    for (_, run) in holders(board, rules) {
        held.hold(&Leases::held_by(run), run.holds_unknown);
    }
    board.draining.iter().for_each(|draining| held.hold(&Leases::draining(draining), false));
    held
}

/// What on the board keeps a run from taking these leases.
pub(super) fn obstacle(board: &Board, release: &Release, leases: &Leases, rules: &dyn Rules) -> Option<Obstacle> {
    for (id, run) in holders(board, rules) {
        let held = Leases::held_by(run);
        if run.holds_unknown || held.conflict(leases) {
            return Some(Obstacle::Run { run: id.clone(), relation: shared_relation(release, &held, leases) });
        }
    }
    board.draining.iter().find_map(|draining| {
        let (run, until) = (draining.run.clone(), draining.until);
        Leases::draining(draining).conflict(leases).then_some(Obstacle::Drain { run, until })
    })
}

/// A relation that both need. `None` if one of them takes the whole warehouse.
fn shared_relation(release: &Release, held: &Leases, wanted: &Leases) -> Option<String> {
    if held.exclusive || wanted.exclusive {
        return None;
    }
    let both = [(&held.writes, &wanted.writes), (&held.writes, &wanted.reads), (&held.reads, &wanted.writes)];
    let relation = both.into_iter().find_map(|(held, wanted)| held.intersection(wanted).iter().next())?;
    release.compiled.relations.get(usize::try_from(relation).ok()?).cloned()
}
