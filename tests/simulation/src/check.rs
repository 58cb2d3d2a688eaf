//! Checks at the end of a history.

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{
    Board, DatasetName, LedgerObject, LedgerOutcome, LedgerSubject, MAX_ATTEMPTS, NodeId, Trigger, WantedSchedule,
    invariants,
};

pub use landfall_planner::invariants::Violation;

use crate::{
    check_times,
    container::content_key,
    docs,
    project::Node,
    scenario::MINUTE,
    world::{Seen, World, at},
};

/// Whether nothing is in progress, and by the board nothing will be.
pub fn is_at_rest(world: &World) -> bool {
    let Some((board, _)) = &world.board else { return false };
    let gathering = board.backlog.values().any(landfall_planner::BacklogEntry::is_gathering);
    let alive = world.tasks.values().any(|task| task.stopped.is_none());
    board.runs.is_empty()
        && board.announce.is_empty()
        && board.docs.pending.is_empty()
        && board.draining.is_empty()
        && board.schedules.agree()
        && !gathering
        && !alive
        && !waits_for_min_interval(world, board)
}

/// Whether a pending entry waits only for its `min_interval`, or for the two sweeps after it: clocks are wrong by
/// seconds.
fn waits_for_min_interval(world: &World, board: &Board) -> bool {
    let Some(release) = board.release.as_ref().and_then(|id| world.releases.get(id)) else { return false };
    let now = at(world.now - 2 * MINUTE);
    board.backlog.keys().any(|trigger| {
        let Trigger::Load(name) = trigger else { return false };
        let last_run = board.datasets.get(name).and_then(|state| state.last_run);
        release.dataset(name).zip(last_run).is_some_and(|(dataset, last)| last + dataset.min_interval.0 > now)
    })
}

/// Returns every violation that shows at the end.
pub fn at_the_end(world: &World, quiet: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    if !quiet {
        found.push(Violation { invariant: "L9", detail: "the history never comes to rest".to_owned() });
    }
    found.extend(invariants::check_holds(&world.holds));
    found.extend(events(world));
    found.extend(check_times::of_ledger(world, chain(world).values().copied()));
    found.extend(data(world));
    found.extend(runs(world));
    found.extend(nothing_forgotten(world));
    found.extend(schedules(world));
    found.extend(announced(world));
    found.extend(docs::at_the_end(world));
    found
}

/// The ledger as its readers see it: from the board backwards.
fn chain(world: &World) -> BTreeMap<&String, &LedgerObject> {
    let mut chain = BTreeMap::new();
    let mut next = world.board.as_ref().and_then(|(board, _)| board.ledger.as_ref());
    while let Some((key, page)) = next.and_then(|key| world.ledger.get_key_value(key)) {
        if chain.insert(key, page).is_some() {
            break;
        }
        next = page.header.previous.as_ref();
    }
    chain
}

/// Checks L1 and L5: each event has an outcome for each time that it was received, and opened at most one load.
fn events(world: &World) -> Vec<Violation> {
    let mut outcomes: BTreeMap<&str, Vec<(LedgerOutcome, &str)>> = BTreeMap::new();
    let chain = chain(world);
    for page in chain.values() {
        for line in &page.lines {
            outcomes.entry(&line.event).or_default().push((line.outcome, &line.detail));
        }
    }
    let mut found = Vec::new();
    for (event, lines) in &outcomes {
        let received = world.received.get(*event).copied().unwrap_or(u32::MAX);
        // A recovery records the lines of the last ledger objects again. One of those may belong to a writer whose
        // write succeeds after the recovery.
        if lines.len() > received.saturating_add(world.recoveries) as usize {
            let detail = format!("{event} was received {received} times, but has {} outcomes", lines.len());
            found.push(Violation { invariant: "L1", detail });
        }
    }
    for message in &world.malformed {
        let lines = outcomes.get(message.as_str()).map_or(0, Vec::len);
        if lines == 0 || lines > 1 && world.recoveries == 0 {
            let detail = format!("the malformed message {message} has {lines} outcomes");
            found.push(Violation { invariant: "L1", detail });
        }
    }
    for landed in &world.landed {
        let lines = outcomes.get(landed.event.as_str()).map(Vec::as_slice).unwrap_or_default();
        if lines.is_empty() {
            let detail = format!("{} of {} has no outcome", landed.event, landed.dataset);
            found.push(Violation { invariant: "L1", detail });
        }
        let opened =
            lines.iter().filter(|(outcome, why)| *outcome == LedgerOutcome::Mapped && why.starts_with("opened"));
        let opened = opened.count();
        // The simulated board drops no hash of an uncovered event, unless the board was lost.
        if opened > 1 && world.recoveries == 0 {
            let detail = format!("{} opened {opened} loads of {}", landed.event, landed.dataset);
            found.push(Violation { invariant: "L5", detail });
        }
    }
    for key in &world.committed {
        // The restored board may record the last events of a lost board again.
        if !chain.contains_key(key) && world.recoveries == 0 {
            found.push(Violation {
                invariant: "L1",
                detail: format!("the ledger object {key} that a board named is not on the chain"),
            });
        }
    }
    found
}

/// Checks L2 and L9: the data of each load is in every node that is built from it, or the node is pending for a
/// lasting reason.
fn data(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some((board, _)) = &world.board else {
        return vec![Violation { invariant: "L6", detail: "there is no board".to_owned() }];
    };
    let Some(id) = &board.release else { return found };
    let Some(release) = world.releases.get(id) else { return found };
    let Some(project) = world.scenario.versions.get(world.version(id)) else { return found };
    let nodes: BTreeMap<String, &Node> = project.nodes.iter().map(|node| (node.id(), node)).collect();
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for landed in &world.landed {
        let newest = last.entry(&landed.dataset).or_insert(landed.written);
        *newest = (*newest).max(landed.written);
    }
    let empty = Seen::new();
    for (dataset, written) in last {
        let Ok(name) = DatasetName::parse(format!("raw.{dataset}")) else { continue };
        let Some(resolved) = release.dataset(&name) else { continue };
        for node in release.ids(&resolved.nodes) {
            let Some(there) = nodes.get(node.as_str()) else { continue };
            let seen = world.content.get(&content_key(there)).unwrap_or(&empty);
            // Any trigger counts: a new model is pending for its release, and its build reads all data.
            let backlog =
                release.ordinal(&node).is_some_and(|it| board.backlog.values().any(|entry| entry.nodes.contains(it)));
            if !backlog && seen.get(dataset).is_none_or(|until| *until < written) {
                let until = seen.get(dataset).map(|until| at(*until).to_string());
                let detail = format!(
                    "{node} has read {dataset} until {}, the last load came at {}, and the node is not pending",
                    until.as_deref().unwrap_or("never"),
                    at(written)
                );
                found.push(Violation { invariant: "L2", detail });
            }
        }
    }
    for node in &project.nodes {
        let Some(code) = world.codes.get(&content_key(node)).filter(|code| **code != node.code) else { continue };
        let Some(ordinal) = NodeId::parse(node.id()).ok().and_then(|id| release.ordinal(&id)) else { continue };
        if !board.backlog.values().any(|entry| entry.nodes.contains(ordinal)) {
            let detail = format!(
                "{} was last built with code {code}, {id} has code {}, and the node is not pending",
                node.name, node.code
            );
            found.push(Violation { invariant: "L2", detail });
        }
    }
    found.extend(pending(world));
    found
}

/// Checks L9: each pending node failed, or a parent of it did or was never built.
fn pending(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some((board, _)) = &world.board else { return found };
    let Some(id) = &board.release else { return found };
    let Some(release) = world.releases.get(id) else { return found };
    let Some(project) = world.scenario.versions.get(world.version(id)) else { return found };
    if board.budget.runs >= release.compiled.limits.runs_per_day {
        return found;
    }
    let by_name: BTreeMap<&str, &Node> = project.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let by_id: BTreeMap<String, &Node> = project.nodes.iter().map(|node| (node.id(), node)).collect();
    for (trigger, entry) in &board.backlog {
        if let Some(quarantine) =
            entry.quarantine.as_ref().filter(|quarantine| quarantine.run.is_none() && !quarantine.approval)
        {
            let detail = format!("{trigger} is quarantined although no run was planned: {}", quarantine.reason);
            found.push(Violation { invariant: "L9", detail });
        }
        let quarantine: BTreeSet<NodeId> = entry
            .quarantine
            .as_ref()
            .map(|quarantine| release.ids(&quarantine.nodes).into_iter().collect())
            .unwrap_or_default();
        for node in release.ids(&entry.nodes) {
            let Some(there) = by_id.get(node.as_str()) else { continue };
            // Look at its ancestors for one that failed or never existed.
            let mut open = vec![*there];
            let mut excused = false;
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            while let Some(at) = open.pop() {
                if !seen.insert(&at.name) {
                    continue;
                }
                excused |= NodeId::parse(at.id()).is_ok_and(|id| quarantine.contains(&id));
                for parent in &at.parents {
                    match (parent.strip_prefix("raw."), by_name.get(parent.as_str())) {
                        (Some(source), _) => excused |= !world.landed.iter().any(|landed| landed.dataset == source),
                        (None, Some(parent)) => {
                            let pending_elsewhere = board.backlog.values().any(|entry| {
                                entry.quarantine.as_ref().is_some_and(|quarantine| {
                                    release.ids(&quarantine.nodes).iter().any(|id| id.as_str() == parent.id())
                                })
                            });
                            let built = NodeId::parse(parent.id())
                                .ok()
                                .and_then(|id| release.ordinal(&id))
                                .is_some_and(|ordinal| board.built.contains(ordinal));
                            excused |= pending_elsewhere && !built;
                            open.push(parent);
                        }
                        (None, None) => excused = true,
                    }
                }
            }
            if !excused {
                let detail = format!("{node} is pending for {trigger}, but could be completed");
                found.push(Violation { invariant: "L9", detail });
            }
        }
    }
    found
}

/// Checks L9 as the planner does: at rest nothing is pending that could run.
fn nothing_forgotten(world: &World) -> Vec<Violation> {
    let Some((board, _)) = &world.board else { return Vec::new() };
    let release = board.release.as_ref().and_then(|id| world.releases.get(id));
    release.map(|release| invariants::check_nothing_forgotten(board, release)).unwrap_or_default()
}

/// Checks L10: the schedules are those of the release in place.
fn schedules(world: &World) -> Vec<Violation> {
    let Some((board, _)) = &world.board else { return Vec::new() };
    let Some(release) = board.release.as_ref().and_then(|id| world.releases.get(id)) else { return Vec::new() };
    let wanted = release.wanted_schedules();
    let there: Vec<&WantedSchedule> = world.schedules.values().collect();
    if there.iter().copied().eq(&wanted) {
        return Vec::new();
    }
    let names = |these: Vec<&WantedSchedule>| -> Vec<String> {
        these.iter().map(|schedule| format!("{} {}", schedule.name, schedule.expression)).collect()
    };
    let detail = format!(
        "{} wants the schedules {:?}, and there are {:?}",
        release.id(),
        names(wanted.iter().collect()),
        names(there)
    );
    vec![Violation { invariant: "L10", detail }]
}

/// Checks L6: `Run Settled` was sent for every run that ended. A lost board may have had the only note of an end.
fn announced(world: &World) -> Vec<Violation> {
    let chain = chain(world);
    let lines = chain.values().flat_map(|page| &page.lines).filter(|_| world.recoveries == 0);
    let ended = lines.filter(|line| line.event.starts_with("run/") && line.event.ends_with("/settled"));
    let unsent = ended.filter_map(|line| match &line.about {
        LedgerSubject::Run { run, .. } => (!world.announced.contains_key(run)).then_some(run),
        _ => None,
    });
    unsent.map(|run| Violation { invariant: "L6", detail: format!("Run Settled was never sent for {run}") }).collect()
}

/// Checks L4 and L7 by the ledger: no generation is planned as new twice, no run is settled twice, and attempts end.
fn runs(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    let chain = chain(world);
    let committed = chain.values().flat_map(|page| &page.lines);
    let mut first: BTreeMap<(Trigger, u64), Vec<String>> = BTreeMap::new();
    let mut settled: BTreeMap<String, u32> = BTreeMap::new();
    let mut scheduled: BTreeMap<&str, u32> = BTreeMap::new();
    let mut planned = 0;
    for line in committed {
        if line.event.starts_with("job/") && line.outcome == LedgerOutcome::Mapped {
            *scheduled.entry(&line.event).or_default() += 1;
        }
        planned += u32::from(line.event.starts_with("run/") && line.outcome == LedgerOutcome::Planned);
        let landfall_planner::LedgerSubject::Run { run, triggers, .. } = &line.about else { continue };
        match line.outcome {
            LedgerOutcome::Planned => {
                for trigger in triggers.iter().filter(|trigger| trigger.first) {
                    first.entry((trigger.trigger.clone(), trigger.generation)).or_default().push(run.to_string());
                }
            }
            LedgerOutcome::Succeeded | LedgerOutcome::Failed | LedgerOutcome::Dropped => {
                *settled.entry(run.to_string()).or_default() += 1;
            }
            _ => {}
        }
    }
    // A history is shorter than the day of `limits.runs_per_day`. A lost board loses its count.
    let limit = world.scenario.runs_per_day.filter(|limit| planned > *limit && world.recoveries == 0);
    if let Some(limit) = limit {
        let detail = format!("{planned} runs were planned in a day, and limits.runs_per_day is {limit}");
        found.push(Violation { invariant: "L4", detail });
    }
    for (event, times) in scheduled {
        if times > 1 && world.recoveries == 0 {
            found.push(Violation { invariant: "L5", detail: format!("{event} opened {times} runs") });
        }
    }
    for ((trigger, generation), runs) in first {
        if runs.len() > 1 && world.recoveries == 0 {
            let detail = format!("load {generation} of {trigger} was planned as new by {}", runs.join(" and "));
            found.push(Violation { invariant: "L4", detail });
        }
    }
    for (run, times) in settled {
        if times > 1 && world.recoveries == 0 {
            found.push(Violation { invariant: "L7", detail: format!("{run} was settled {times} times") });
        }
    }
    for (run, attempt) in world.ran.keys() {
        if *attempt > MAX_ATTEMPTS {
            found.push(Violation { invariant: "L4", detail: format!("{run} reached attempt {attempt}") });
        }
    }
    found
}
