//! Checks of times: which clock decides, and when a run may begin.

use std::collections::BTreeMap;

use jiff::Timestamp;
use landfall_planner::{
    Board, DatasetName, LedgerObject, LedgerOutcome, LedgerSubject, ReadinessPolicy, Release, RunTrigger, Trigger,
    invariants::Violation,
};

use crate::world::{World, at};

/// Checks a board that is put in place: its time is S3's, no entry gathers beyond `at_most`, and no run is planned
/// within `min_interval`, or for a job and other triggers together.
pub fn of_board(world: &World, before: Option<&Board>, board: &Board, release: Option<&Release>) -> Vec<Violation> {
    let mut found = Vec::new();
    let skew = world.scenario.skew;
    if board.now > at(world.now + skew) {
        let detail = format!("the board's time {} is ahead of S3's, {}", board.now, at(world.now));
        found.push(Violation { invariant: "L9", detail });
    }
    let dataset = |trigger: &Trigger| match trigger {
        Trigger::Load(name) => release.and_then(|release| release.dataset(name)),
        _ => None,
    };
    for (trigger, entry) in board.backlog.iter().filter(|(_, entry)| entry.is_gathering()) {
        let at_most = dataset(trigger).and_then(|dataset| at_most(&dataset.ready));
        if at_most.is_some_and(|at_most| entry.since + at_most <= board.now) {
            let detail = format!("{trigger} gathers since {}, longer than its at_most", entry.since);
            found.push(Violation { invariant: "L9", detail });
        }
    }
    for run in board.runs.iter().filter(|(id, _)| before.is_some_and(|before| !before.runs.contains_key(*id))) {
        let is_job = |trigger: &RunTrigger| matches!(trigger.trigger, Trigger::Job(_));
        if run.1.triggers.len() > 1 && run.1.triggers.iter().any(is_job) {
            let detail = format!("{} is a job's run, and a run of other triggers too", run.0);
            found.push(Violation { invariant: "L4", detail });
        }
        for trigger in &run.1.triggers {
            let Trigger::Load(name) = &trigger.trigger else { continue };
            let last = before.and_then(|before| before.datasets.get(name)).and_then(|state| state.last_run);
            let interval = dataset(&trigger.trigger).map(|dataset| dataset.min_interval.0);
            if last.zip(interval).is_some_and(|(last, interval)| run.1.planned_at < last + interval) {
                let detail = format!("{} is planned for {name} within its min_interval", run.0);
                found.push(Violation { invariant: "L4", detail });
            }
        }
    }
    found
}

fn at_most(policy: &ReadinessPolicy) -> Option<jiff::SignedDuration> {
    match policy {
        ReadinessPolicy::Quiet { at_most, .. }
        | ReadinessPolicy::Delay { at_most, .. }
        | ReadinessPolicy::Marker { at_most, .. }
        | ReadinessPolicy::Count { at_most, .. } => Some(at_most.0),
        ReadinessPolicy::EveryObject | ReadinessPolicy::Event => None,
    }
}

/// What the ledger says of one generation of a dataset.
#[derive(Debug, Clone, Copy)]
struct Generation {
    /// When its first event was decided.
    opened: Timestamp,
    /// Whether a loader reported it as complete.
    reported: bool,
}

/// Checks by the ledger that no run was planned before its load was quiet, counted from the arrival of its first event.
pub fn of_ledger<'a>(world: &World, chain: impl Iterator<Item = &'a LedgerObject> + Clone) -> Vec<Violation> {
    let release = world.board.as_ref().and_then(|(board, _)| board.release.as_ref());
    let Some(release) = release.and_then(|id| world.releases.get(id)).filter(|_| world.recoveries == 0) else {
        return Vec::new();
    };
    let lines = chain.flat_map(|page| &page.lines);
    let mut generations: BTreeMap<(DatasetName, u64), Generation> = BTreeMap::new();
    for line in lines.clone().filter(|line| line.outcome == LedgerOutcome::Mapped) {
        let (loads, reported) = match &line.about {
            LedgerSubject::Object { datasets, .. } => {
                let loads = datasets.iter().filter_map(|load| Some((load.dataset.clone(), load.generation?)));
                (loads.collect::<Vec<_>>(), false)
            }
            LedgerSubject::Loaded { dataset, generation: Some(generation), .. } => {
                let Ok(name) = DatasetName::parse(dataset.as_str()) else { continue };
                (vec![(name, *generation)], true)
            }
            _ => continue,
        };
        for load in loads {
            let known = generations.entry(load).or_insert(Generation { opened: line.at, reported });
            known.opened = known.opened.min(line.at);
            known.reported |= reported;
        }
    }
    let mut found = Vec::new();
    for line in lines.filter(|line| line.outcome == LedgerOutcome::Planned) {
        let LedgerSubject::Run { run, triggers, .. } = &line.about else { continue };
        // A run that plans what an earlier one left does not wait again.
        for trigger in triggers.iter().filter(|trigger| trigger.first) {
            let Trigger::Load(name) = &trigger.trigger else { continue };
            let Some(generation) = generations.get(&(name.clone(), trigger.generation)) else { continue };
            let policy = release.dataset(name).map(|dataset| &dataset.ready);
            let (
                Some(ReadinessPolicy::Quiet { quiet: time, at_most } | ReadinessPolicy::Delay { delay: time, at_most }),
                false,
            ) = (policy, generation.reported)
            else {
                continue;
            };
            if line.at < generation.opened + time.0.min(at_most.0) {
                let detail = format!("{run} is planned for {name} before its load is quiet");
                found.push(Violation { invariant: "L2", detail });
            }
        }
    }
    found
}
