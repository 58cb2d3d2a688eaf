//! What each owed node waits for. Reads the board as admission does, and by the same functions, so that what a person is told is what keeps it.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

use super::{
    admit::rested,
    asked::paused,
    queue::{Obstacle, Queue},
};
use crate::{Board, Cause, DatasetName, Debt, ReadyPolicy, Release, RunId, Set};

/// Some nodes of a debt, and what they wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Who owes.
    pub cause: Cause,
    /// Which opening of the debt.
    pub generation: u64,
    /// The nodes (ordinals of the release's dictionary).
    pub nodes: Set,
    /// What for.
    pub why: Why,
}

/// What nodes wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nothing: they are in this live run.
    Runs(RunId),
    /// The end of this run of the same load.
    SameLoad(RunId),
    /// A person's word, about a dataset or all.
    Paused(Option<DatasetName>),
    /// More of the same load.
    Gathering {
        /// Not longer than this.
        until: Timestamp,
        /// For people.
        what: String,
    },
    /// The dataset's `min_interval`.
    MinInterval(Timestamp),
    /// Something that they are built from, for people: "waits for the first load of ...".
    Parents(String),
    /// A relation (none: the whole warehouse) that a live run holds.
    Held {
        /// The run.
        run: RunId,
        /// What they meet in.
        relation: Option<String>,
    },
    /// What a run held that is over (`runs.drain`).
    Drain {
        /// The run.
        run: RunId,
        /// Held until then.
        until: Timestamp,
    },
    /// Somebody who has waited too long and reserved what they need.
    Older(Cause),
    /// The last free place, which is reserved for somebody who has waited too long.
    Place(Cause),
    /// The end of one of as many live runs as may be.
    MaxParallel(usize),
    /// The end of the window of `limits.runs_per_day`.
    RunsPerDay(Timestamp),
    /// New data, a new release or a person: it failed.
    Stuck {
        /// The run that failed, if it came to a run.
        run: Option<RunId>,
        /// How.
        reason: String,
    },
    /// A person's approval.
    Approval(String),
    /// Nothing: they run next.
    Next,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |time: &Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::Runs(run) => write!(f, "in run {run}"),
            Self::SameLoad(run) => write!(f, "wait for run {run} of the same load to end"),
            Self::Paused(None) => f.write_str("everything is paused by a person; `landfall resume` goes on"),
            Self::Paused(Some(name)) => write!(f, "paused by a person; `landfall resume {name}` goes on"),
            Self::Gathering { until, what } => write!(f, "wait {what}, until {} at the latest", at(until)),
            Self::MinInterval(until) => {
                write!(f, "wait until {}: the dataset ran a while ago (min_interval)", at(until))
            }
            Self::Parents(reason) | Self::Approval(reason) => f.write_str(reason),
            Self::Held { run, relation: Some(relation) } => write!(f, "wait for run {run}, which holds {relation}"),
            Self::Held { run, relation: None } => write!(f, "wait for run {run}, which holds the whole warehouse"),
            Self::Drain { run, until } => {
                write!(f, "wait until {}: what run {run} held is held so long after it (runs.drain)", at(until))
            }
            Self::Older(cause) => write!(f, "wait for {cause}, which has waited longer and reserved what they need"),
            Self::Place(cause) => write!(f, "the last place is reserved for {cause}, which has waited longer"),
            Self::MaxParallel(most) => write!(f, "as many runs are live as may be ({most}, runs.max_parallel)"),
            Self::RunsPerDay(until) => {
                write!(
                    f,
                    "wait until {}: as many runs were planned as may be in a day (limits.runs_per_day)",
                    at(until)
                )
            }
            Self::Stuck { run, reason } => {
                let run = run.as_ref().map(|run| format!(" in run {run}")).unwrap_or_default();
                write!(f, "did not get done{run}, and wait for new data, a new release or `landfall retry`: {reason}")
            }
            Self::Next => f.write_str("run next"),
        }
    }
}

/// What every owed node waits for, cause by cause; each node of a debt is in exactly one entry of it. `release` is the one that the board names.
pub fn waits(board: &Board, release: &Release, now: Timestamp) -> Vec<Waiting> {
    let now = now.max(board.now);
    let queue = Queue::of(board, release, now);
    let mut found = Vec::new();
    for (cause, debt) in &board.owed {
        let mut left = Set::clone(&debt.nodes);
        let mut tell = |nodes: Set, why: Why| {
            let nodes = nodes.intersection(&left);
            left = left.minus(&nodes);
            if !nodes.is_empty() {
                found.push(Waiting { cause: cause.clone(), generation: debt.generation, nodes, why });
            }
        };
        let pays = |c: &crate::RunCause| c.cause == *cause && c.generation == debt.generation;
        let live = board.runs.iter().find(|(_, run)| run.causes.iter().any(pays));
        if let Some((id, run)) = live {
            tell(run.nodes.clone(), Why::Runs(id.clone()));
        }
        if let Some(stuck) = &debt.stuck {
            let reason = stuck.reason.trim().to_owned();
            let why =
                if stuck.approval { Why::Approval(reason) } else { Why::Stuck { run: stuck.run.clone(), reason } };
            tell(debt.nodes.minus(&debt.open_nodes(release)), why);
        }
        if paused(board, cause) {
            let Cause::Load(name) = cause else {
                tell(Set::clone(&debt.nodes), Why::Paused(None));
                continue;
            };
            tell(Set::clone(&debt.nodes), Why::Paused(Some(name.clone()).filter(|_| !board.paused_all)));
            continue;
        }
        if let Some(until) = debt.ready_at.filter(|at| *at > now) {
            tell(Set::clone(&debt.nodes), Why::Gathering { until, what: gathering(board, release, cause, debt) });
            continue;
        }
        if let Some(until) = rested(board, release, cause, now) {
            tell(Set::clone(&debt.nodes), Why::MinInterval(until));
            continue;
        }
        let candidate = queue.candidate(board, std::slice::from_ref(cause));
        let mut reasons: BTreeMap<&str, Set> = BTreeMap::new();
        for (ordinal, reason) in &candidate.split.waiting {
            reasons.entry(reason).or_default().insert(*ordinal);
        }
        for (reason, nodes) in reasons {
            tell(nodes, Why::Parents(reason.to_owned()));
        }
        let why = match live {
            Some((id, _)) => Why::SameLoad(id.clone()),
            None => kept(board, release, &queue, cause, debt),
        };
        tell(Set::clone(&debt.nodes), why);
    }
    found
}

/// What keeps nodes that could be built.
fn kept(board: &Board, release: &Release, queue: &Queue<'_>, cause: &Cause, debt: &Debt) -> Why {
    let blocked = queue.blocked.iter().find(|candidate| candidate.causes.contains(cause));
    match blocked.and_then(|candidate| queue.obstacle(board, candidate, &candidate.leases(release), debt.since)) {
        Some(Obstacle::Run { run, relation }) => return Why::Held { run, relation },
        Some(Obstacle::Drain { run, until }) => return Why::Drain { run, until },
        Some(Obstacle::Older { cause }) => return Why::Older(cause),
        None => {}
    }
    let most = release.compiled.runs.max_parallel;
    if board.runs.len() >= most {
        return Why::MaxParallel(most);
    }
    if board.budget.runs >= release.compiled.limits.runs_per_day {
        return Why::RunsPerDay(board.budget.since + SignedDuration::from_hours(24));
    }
    match queue.first_reserved() {
        Some(older) if queue.slot_reserved(debt.since) && board.runs.len() + 1 >= most => Why::Place(older.clone()),
        _ => Why::Next,
    }
}

fn gathering(board: &Board, release: &Release, cause: &Cause, debt: &Debt) -> String {
    let Cause::Load(name) = cause else { return "for more of it".to_owned() };
    match release.dataset(name).map(|dataset| &dataset.ready) {
        Some(ReadyPolicy::Quiet { quiet, .. }) => format!("until nothing more has come for {:#}", quiet.0),
        Some(ReadyPolicy::Delay { delay, .. }) => format!("for {:#} after the last object", delay.0),
        // What is late is not waited for by name.
        _ if debt.calm_at.is_some() => "for more of what comes late".to_owned(),
        Some(ReadyPolicy::Marker { marker, .. }) => format!("for the marker {marker}"),
        Some(ReadyPolicy::Count { count, .. }) => {
            let groups = board.datasets.get(name).into_iter().flat_map(|state| &state.groups.open);
            let of = |group: &str| if group.is_empty() { String::new() } else { format!(" of {group}") };
            let seen: Vec<String> =
                groups.map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group))).take(3).collect();
            format!("for the rest of its group (so far {})", seen.join(", "))
        }
        _ => "for more of it".to_owned(),
    }
}
