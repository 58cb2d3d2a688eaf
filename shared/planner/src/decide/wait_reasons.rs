//! What each pending node waits for. Reads the board as admission does, and by the same functions, so that what an operator is told is what keeps it.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

use super::{
    admission_queue::{Obstacle, Queue},
    due::{paused, rested},
    rules::ProtocolRules,
};
use crate::{BacklogEntry, Board, DatasetName, EntryStage, OrdinalSet, ReadinessPolicy, Release, RunId, Trigger};

/// Some nodes of a backlog entry, and what they wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingNodes {
    /// Who has pending.
    pub trigger: Trigger,
    /// Which opening of the backlog entry.
    pub generation: u64,
    /// The nodes (ordinals of the release's dictionary).
    pub nodes: OrdinalSet,
    /// What for.
    pub why: WaitReason,
}

/// What nodes wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// Nothing: they are in this live run.
    Runs(RunId),
    /// The end of this run of the same load.
    SameLoad(RunId),
    /// An operator's word, about a dataset or all.
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
    Older(Trigger),
    /// The last free place, which is reserved for somebody who has waited too long.
    KeyPlacement(Trigger),
    /// The end of one of as many live runs as may be.
    MaxParallel(usize),
    /// The end of the window of `limits.runs_per_day`.
    RunsPerDay(Timestamp),
    /// New data, a new release or an operator: it failed.
    Quarantined {
        /// The run that failed, if it came to a run.
        run: Option<RunId>,
        /// How.
        reason: String,
    },
    /// An operator's approval.
    Approval(String),
    /// Nothing: they run next.
    Next,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |time: &Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::Runs(run) => write!(f, "in run {run}"),
            Self::SameLoad(run) => write!(f, "wait for run {run} of the same load to end"),
            Self::Paused(None) => f.write_str("everything is paused by an operator; `landfall resume` goes on"),
            Self::Paused(Some(name)) => write!(f, "paused by an operator; `landfall resume {name}` goes on"),
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
            Self::Older(trigger) => {
                write!(f, "wait for {trigger}, which has waited longer and reserved what they need")
            }
            Self::KeyPlacement(trigger) => {
                write!(f, "the last place is reserved for {trigger}, which has waited longer")
            }
            Self::MaxParallel(most) => write!(f, "as many runs are live as may be ({most}, runs.max_parallel)"),
            Self::RunsPerDay(until) => {
                write!(
                    f,
                    "wait until {}: as many runs were planned as may be in a day (limits.runs_per_day)",
                    at(until)
                )
            }
            Self::Quarantined { run, reason } => {
                let run = run.as_ref().map(|run| format!(" in run {run}")).unwrap_or_default();
                write!(f, "did not get done{run}, and wait for new data, a new release or `landfall retry`: {reason}")
            }
            Self::Next => f.write_str("run next"),
        }
    }
}

/// What every pending node waits for, trigger by trigger; each node of a backlog entry is in exactly one entry of it. `release` is the one that the board names.
pub fn wait_reasons(board: &Board, release: &Release, now: Timestamp) -> Vec<WaitingNodes> {
    let now = now.max(board.now);
    let queue = Queue::of(board, release, now, &ProtocolRules);
    let mut found = Vec::new();
    for (trigger, entry) in &board.backlog {
        let mut left = OrdinalSet::clone(&entry.nodes);
        let mut tell = |nodes: OrdinalSet, why: WaitReason| {
            let nodes = nodes.intersection(&left);
            left = left.minus(&nodes);
            if !nodes.is_empty() {
                found.push(WaitingNodes { trigger: trigger.clone(), generation: entry.generation, nodes, why });
            }
        };
        let completes = |c: &crate::RunTrigger| c.trigger == *trigger && c.generation == entry.generation;
        let live = board.runs.iter().find(|(_, run)| run.triggers.iter().any(completes));
        if let Some((id, run)) = live {
            tell(run.nodes.clone(), WaitReason::Runs(id.clone()));
        }
        if let Some(quarantine) = &entry.quarantine {
            let reason = quarantine.reason.trim().to_owned();
            let why = if quarantine.approval {
                WaitReason::Approval(reason)
            } else {
                WaitReason::Quarantined { run: quarantine.run.clone(), reason }
            };
            tell(entry.nodes.minus(&entry.open_nodes(release)), why);
        }
        if paused(board, trigger) {
            let Trigger::Load(name) = trigger else {
                tell(OrdinalSet::clone(&entry.nodes), WaitReason::Paused(None));
                continue;
            };
            tell(OrdinalSet::clone(&entry.nodes), WaitReason::Paused(Some(name.clone()).filter(|_| !board.paused_all)));
            continue;
        }
        if let Some(until) = entry.ready_at().filter(|at| *at > now) {
            tell(
                OrdinalSet::clone(&entry.nodes),
                WaitReason::Gathering { until, what: gathering(board, release, trigger, entry) },
            );
            continue;
        }
        if let Some(until) = rested(board, release, trigger, now) {
            tell(OrdinalSet::clone(&entry.nodes), WaitReason::MinInterval(until));
            continue;
        }
        let candidate = queue.candidate(board, std::slice::from_ref(trigger));
        let mut reasons: BTreeMap<&str, OrdinalSet> = BTreeMap::new();
        for (ordinal, reason) in &candidate.split.waiting {
            reasons.entry(reason).or_default().insert(*ordinal);
        }
        for (reason, nodes) in reasons {
            tell(nodes, WaitReason::Parents(reason.to_owned()));
        }
        let why = match live {
            Some((id, _)) => WaitReason::SameLoad(id.clone()),
            None => kept(board, release, &queue, trigger, entry),
        };
        tell(OrdinalSet::clone(&entry.nodes), why);
    }
    found
}

/// What keeps nodes that could be built.
fn kept(board: &Board, release: &Release, queue: &Queue<'_>, trigger: &Trigger, entry: &BacklogEntry) -> WaitReason {
    let blocked = queue.blocked.iter().find(|candidate| candidate.triggers.contains(trigger));
    match blocked.and_then(|candidate| queue.obstacle(board, candidate, &candidate.leases(release), entry.since)) {
        Some(Obstacle::Run { run, relation }) => return WaitReason::Held { run, relation },
        Some(Obstacle::Drain { run, until }) => return WaitReason::Drain { run, until },
        Some(Obstacle::Older { trigger }) => return WaitReason::Older(trigger),
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
            WaitReason::KeyPlacement(older.clone())
        }
        _ => WaitReason::Next,
    }
}

fn gathering(board: &Board, release: &Release, trigger: &Trigger, entry: &BacklogEntry) -> String {
    let Trigger::Load(name) = trigger else { return "for more of it".to_owned() };
    match release.dataset(name).map(|dataset| &dataset.ready) {
        Some(ReadinessPolicy::Quiet { quiet, .. }) => format!("until nothing more has come for {:#}", quiet.0),
        Some(ReadinessPolicy::Delay { delay, .. }) => format!("for {:#} after the last object", delay.0),
        // An object that comes late, and a deletion, open a wait by time.
        _ if matches!(entry.stage, EntryStage::Gathering { settles_at: Some(_), .. }) => {
            "for more of what comes late".to_owned()
        }
        Some(ReadinessPolicy::Marker { marker, .. }) => format!("for the marker {marker}"),
        Some(ReadinessPolicy::Count { count, .. }) => {
            let groups = board.datasets.get(name).into_iter().flat_map(|state| &state.groups.open);
            let of = |group: &str| if group.is_empty() { String::new() } else { format!(" of {group}") };
            let seen: Vec<String> =
                groups.map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group))).take(3).collect();
            format!("for the rest of its group (so far {})", seen.join(", "))
        }
        _ => "for more of it".to_owned(),
    }
}
