//! What each pending node waits for. The same functions as in admission find it, so the explanation is always the
//! true one.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

use super::{
    admission_queue::{Obstacle, Queue},
    due::{min_interval_until, paused},
    rules::ProtocolRules,
};
use crate::{BacklogEntry, Board, DatasetName, EntryStage, OrdinalSet, ReadinessPolicy, Release, RunId, Trigger};

/// Some nodes of a backlog entry, and what they wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingNodes {
    /// The trigger of the backlog entry.
    pub trigger: Trigger,
    /// The generation of the backlog entry.
    pub generation: u64,
    /// The nodes (ordinals of the release's dictionary).
    pub nodes: OrdinalSet,
    /// What they wait for.
    pub why: WaitReason,
}

/// What nodes wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// Nothing, because they are in this live run.
    InRun(RunId),
    /// The end of this run of the same load.
    SameLoad(RunId),
    /// `landfall resume`, for a dataset or (`None`) for everything.
    Paused(Option<DatasetName>),
    /// More of the same load.
    Gathering {
        /// The time at which the wait ends at the latest.
        until: Timestamp,
        /// The thing that is expected, as text.
        what: String,
    },
    /// The dataset's `min_interval`.
    MinInterval(Timestamp),
    /// A parent, as text: "waits for the first load of ...".
    Parents(String),
    /// A relation that a live run holds.
    Held {
        /// The id of the run.
        run: RunId,
        /// The relation. `None` for the whole warehouse.
        relation: Option<String>,
    },
    /// The end of the drain after a run (`runs.drain`).
    Drain {
        /// The id of the run.
        run: RunId,
        /// The time at which the drain ends.
        until: Timestamp,
    },
    /// A trigger past the fairness limit that reserved a relation that they need.
    RelationsReserved(Trigger),
    /// The last free place among the live runs, which a trigger past the fairness limit reserved.
    SlotReserved(Trigger),
    /// The end of a live run: as many are live as `runs.max_parallel` allows.
    MaxParallel(usize),
    /// The end of the window of `limits.runs_per_day`.
    RunsPerDay(Timestamp),
    /// New data, a new release or `landfall retry`, because they failed.
    Quarantined {
        /// The run that failed, if it came to a run.
        run: Option<RunId>,
        /// The failure, as text.
        reason: String,
    },
    /// An operator's approval of the release, with the reason.
    Approval(String),
    /// Nothing, because they run next.
    Next,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |time: &Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::InRun(run) => write!(f, "in run {run}"),
            Self::SameLoad(run) => write!(f, "wait for run {run} of the same load to end"),
            Self::Paused(None) => f.write_str("wait for `landfall resume`: an operator paused everything"),
            Self::Paused(Some(name)) => write!(f, "wait for `landfall resume {name}`: an operator paused the dataset"),
            Self::Gathering { until, what } => write!(f, "wait {what}, until {} at the latest", at(until)),
            Self::MinInterval(until) => {
                write!(f, "wait until {}: the dataset ran recently (min_interval)", at(until))
            }
            Self::Parents(reason) | Self::Approval(reason) => f.write_str(reason),
            Self::Held { run, relation: Some(relation) } => write!(f, "wait for run {run}, which holds {relation}"),
            Self::Held { run, relation: None } => write!(f, "wait for run {run}, which holds the whole warehouse"),
            Self::Drain { run, until } => {
                write!(f, "wait until {}: the relations of run {run} stay held after its end (runs.drain)", at(until))
            }
            Self::RelationsReserved(trigger) => {
                write!(f, "wait for {trigger}, which is pending for longer and reserved a relation that they need")
            }
            Self::SlotReserved(trigger) => {
                write!(
                    f,
                    "wait for {trigger}, which is pending for longer and reserved the last free place among the live runs"
                )
            }
            Self::MaxParallel(most) => {
                write!(f, "wait for a live run to end: {most} are live, the most that runs.max_parallel allows")
            }
            Self::RunsPerDay(until) => {
                write!(f, "wait until {}: the runs of this day are used up (limits.runs_per_day)", at(until))
            }
            Self::Quarantined { run, reason } => {
                let run = run.as_ref().map(|run| format!(" in run {run}")).unwrap_or_default();
                write!(f, "failed{run}, and wait for new data, a new release or `landfall retry`: {reason}")
            }
            Self::Next => f.write_str("run next"),
        }
    }
}

/// Returns what every pending node waits for, trigger by trigger. Each node of a backlog entry is in exactly one
/// element. `release` is the one that the board names.
pub fn wait_reasons(board: &Board, release: &Release, now: Timestamp) -> Vec<WaitingNodes> {
    let now = now.max(board.now);
    let queue = Queue::of(board, release, now, &ProtocolRules);
    let mut found = Vec::new();
    for (trigger, entry) in &board.backlog {
        let mut left = OrdinalSet::clone(&entry.nodes);
        let mut add = |nodes: OrdinalSet, why: WaitReason| {
            let nodes = nodes.intersection(&left);
            left = left.difference(&nodes);
            if !nodes.is_empty() {
                found.push(WaitingNodes { trigger: trigger.clone(), generation: entry.generation, nodes, why });
            }
        };
        let completes = |c: &crate::RunTrigger| c.trigger == *trigger && c.generation == entry.generation;
        let live = board.runs.iter().find(|(_, run)| run.triggers.iter().any(completes));
        if let Some((id, run)) = live {
            add(run.nodes.clone(), WaitReason::InRun(id.clone()));
        }
        if let Some(quarantine) = &entry.quarantine {
            let reason = quarantine.reason.trim().to_owned();
            let why = if quarantine.approval {
                WaitReason::Approval(reason)
            } else {
                WaitReason::Quarantined { run: quarantine.run.clone(), reason }
            };
            add(entry.nodes.difference(&entry.open_nodes(release)), why);
        }
        if paused(board, trigger) {
            let Trigger::Load(name) = trigger else {
                add(OrdinalSet::clone(&entry.nodes), WaitReason::Paused(None));
                continue;
            };
            add(OrdinalSet::clone(&entry.nodes), WaitReason::Paused(Some(name.clone()).filter(|_| !board.paused_all)));
            continue;
        }
        if let Some(until) = entry.ready_at().filter(|at| *at > now) {
            add(
                OrdinalSet::clone(&entry.nodes),
                WaitReason::Gathering { until, what: gathering(board, release, trigger, entry) },
            );
            continue;
        }
        if let Some(until) = min_interval_until(board, release, trigger, now) {
            add(OrdinalSet::clone(&entry.nodes), WaitReason::MinInterval(until));
            continue;
        }
        let candidate = queue.candidate(board, std::slice::from_ref(trigger));
        let mut reasons: BTreeMap<&str, OrdinalSet> = BTreeMap::new();
        for (ordinal, reason) in &candidate.split.waiting {
            reasons.entry(reason).or_default().insert(*ordinal);
        }
        for (reason, nodes) in reasons {
            add(nodes, WaitReason::Parents(reason.to_owned()));
        }
        let why = match live {
            Some((id, _)) => WaitReason::SameLoad(id.clone()),
            None => kept(board, release, &queue, trigger, entry),
        };
        add(OrdinalSet::clone(&entry.nodes), why);
    }
    found
}

/// What keeps nodes that could be built now.
fn kept(board: &Board, release: &Release, queue: &Queue<'_>, trigger: &Trigger, entry: &BacklogEntry) -> WaitReason {
    let blocked = queue.blocked.iter().find(|candidate| candidate.triggers.contains(trigger));
    match blocked.and_then(|candidate| queue.obstacle(board, candidate, &candidate.leases(release), entry.since)) {
        Some(Obstacle::Run { run, relation }) => return WaitReason::Held { run, relation },
        Some(Obstacle::Drain { run, until }) => return WaitReason::Drain { run, until },
        Some(Obstacle::Reserved { by: trigger }) => return WaitReason::RelationsReserved(trigger),
        None => {}
    }
    let most = release.compiled.runs.max_parallel;
    if board.runs.len() >= most {
        return WaitReason::MaxParallel(most);
    }
    if board.budget.runs >= release.compiled.limits.runs_per_day {
        return WaitReason::RunsPerDay(board.budget.since + SignedDuration::from_hours(24));
    }
    match queue.first_reserved() {
        Some(older) if queue.slot_reserved(entry.since) && board.runs.len() + 1 >= most => {
            WaitReason::SlotReserved(older.clone())
        }
        _ => WaitReason::Next,
    }
}

fn gathering(board: &Board, release: &Release, trigger: &Trigger, entry: &BacklogEntry) -> String {
    let Trigger::Load(name) = trigger else { return "for the rest of the load".to_owned() };
    match release.dataset(name).map(|dataset| &dataset.ready) {
        Some(ReadinessPolicy::Quiet { quiet, .. }) => format!("until no object arrives for {:#}", quiet.0),
        Some(ReadinessPolicy::Delay { delay, .. }) => format!("for {:#} after the last object", delay.0),
        // After a late object, or a deletion, the entry waits by time.
        _ if matches!(entry.stage, EntryStage::Gathering { settles_at: Some(_), .. }) => {
            "for other late objects".to_owned()
        }
        Some(ReadinessPolicy::Marker { marker, .. }) => format!("for the marker {marker}"),
        Some(ReadinessPolicy::Count { count, .. }) => {
            let groups = board.datasets.get(name).into_iter().flat_map(|state| &state.groups.open);
            let of = |group: &str| if group.is_empty() { String::new() } else { format!(" of {group}") };
            let seen: Vec<String> =
                groups.map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group))).take(3).collect();
            format!("for the rest of its group (so far {})", seen.join(", "))
        }
        _ => "for the rest of the load".to_owned(),
    }
}
