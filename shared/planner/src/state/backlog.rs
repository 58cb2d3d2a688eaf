//! What a trigger still has pending.

use std::ops::Deref;

use jiff::{SignedDuration, Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};

use crate::{OrdinalSet, RunId};

/// The nodes that a backlog entry still has pending. Most backlog entries owe their dataset's whole selection: then the board says so (by saying nothing) instead of listing
/// thousands of nodes, and [`StoredBoard::with`](crate::StoredBoard::with) puts the release's own set in.
#[derive(Debug, Clone)]
pub struct PendingNodes {
    nodes: OrdinalSet,
    /// They are the whole selection of the backlog entry's dataset in the release that the board names.
    pub(crate) whole: bool,
}

impl PendingNodes {
    /// The whole selection of a dataset.
    pub(crate) fn whole_of(nodes: &OrdinalSet) -> Self {
        Self { nodes: nodes.clone(), whole: true }
    }
}

impl From<OrdinalSet> for PendingNodes {
    fn from(nodes: OrdinalSet) -> Self {
        Self { nodes, whole: false }
    }
}

impl Deref for PendingNodes {
    type Target = OrdinalSet;
    fn deref(&self) -> &OrdinalSet {
        &self.nodes
    }
}

/// How they are stored is no part of what is pending.
impl PartialEq for PendingNodes {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

/// What a trigger still has pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct BacklogEntry {
    /// Which opening of the backlog entry this is: only a run that names it completes it.
    pub generation: u64,
    /// When the oldest unpaid event came.
    pub since: Timestamp,
    /// Nodes (ordinals of the release's dictionary).
    pub nodes: PendingNodes,
    /// Events that opened or joined this generation.
    pub events: u64,
    /// For people: the last of them, shortened.
    pub last: String,
    /// The latest time that an event of this generation bears.
    pub latest: Timestamp,
    /// Present until the generation is ready.
    pub ready_at: Option<Timestamp>,
    /// A bound on `ready_at`.
    pub at_most: Option<Timestamp>,
    /// When it would be ready if nothing bounded it; absent where time alone does not make it so.
    pub calm_at: Option<Timestamp>,
    /// Why its run may begin too early, for people.
    pub warning: Option<String>,
    /// Whether a run has planned this generation.
    pub planned: bool,
    /// Whether the dataset's own operations (`before`) were done for this generation.
    pub before_done: bool,
    /// What its next run builds anew from nothing, because it failed.
    pub refresh: OrdinalSet,
    /// Whether this generation has come to that: it does so once.
    pub refreshed: bool,
    /// Present when it failed: it waits for new data, a new release or an operator.
    pub quarantine: Option<Quarantine>,
}

/// A backlog entry as the board has it, of which there are thousands: times after the first are milliseconds since that one, and what is as usual is left out.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "gen")]
    generation: u64,
    #[serde(with = "millisecond::required")]
    since: Timestamp,
    /// Absent: the whole selection of its dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nodes: Option<OrdinalSet>,
    events: u64,
    last: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    latest: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<i64>,
    /// Absent: as `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calm: Option<Calm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    planned: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    before_done: bool,
    #[serde(default, skip_serializing_if = "OrdinalSet::is_empty")]
    refresh: OrdinalSet,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refreshed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<Quarantine>,
}

/// When nothing would be waited for any more, where that is not `ready`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Calm {
    /// Milliseconds after the first.
    At(i64),
    /// Time alone does not bring it: `false`.
    Never(bool),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl From<BacklogEntry> for Stored {
    fn from(entry: BacklogEntry) -> Self {
        let since = entry.since.as_millisecond();
        let after = |at: Timestamp| at.as_millisecond() - since;
        Self {
            generation: entry.generation,
            since: entry.since,
            nodes: (!entry.nodes.whole).then_some(entry.nodes.nodes),
            events: entry.events,
            last: entry.last,
            latest: after(entry.latest),
            ready: entry.ready_at.map(after),
            at_most: entry.at_most.map(after),
            calm: (entry.calm_at != entry.ready_at)
                .then(|| entry.calm_at.map_or(Calm::Never(false), |at| Calm::At(after(at)))),
            warning: entry.warning,
            planned: entry.planned,
            before_done: entry.before_done,
            refresh: entry.refresh,
            refreshed: entry.refreshed,
            quarantine: entry.quarantine,
        }
    }
}

impl From<Stored> for BacklogEntry {
    fn from(stored: Stored) -> Self {
        // A time that no calendar has is not ours: it is as good as the first.
        let at = |after: i64| stored.since.checked_add(SignedDuration::from_millis(after)).unwrap_or(stored.since);
        let ready_at = stored.ready.map(at);
        Self {
            generation: stored.generation,
            since: stored.since,
            nodes: PendingNodes { whole: stored.nodes.is_none(), nodes: stored.nodes.unwrap_or_default() },
            events: stored.events,
            last: stored.last,
            latest: at(stored.latest),
            ready_at,
            at_most: stored.at_most.map(at),
            calm_at: match stored.calm {
                None => ready_at,
                Some(Calm::At(after)) => Some(at(after)),
                Some(Calm::Never(_)) => None,
            },
            warning: stored.warning,
            planned: stored.planned,
            before_done: stored.before_done,
            refresh: stored.refresh,
            refreshed: stored.refreshed,
            quarantine: stored.quarantine,
        }
    }
}

impl BacklogEntry {
    /// A backlog entry that one event opened, and that is ready. `last` is that event, for people.
    pub fn new(generation: u64, now: Timestamp, nodes: impl Into<PendingNodes>, last: String) -> Self {
        Self {
            generation,
            since: now,
            nodes: nodes.into(),
            events: 1,
            last,
            latest: now,
            ready_at: None,
            at_most: None,
            calm_at: None,
            warning: None,
            planned: false,
            before_done: false,
            refresh: OrdinalSet::new(),
            refreshed: false,
            quarantine: None,
        }
    }
}

/// Why a backlog entry is not tried again by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The run that failed, if it came to a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// For people.
    pub reason: String,
    /// The nodes that are not tried again; others of the backlog entry may still run.
    pub nodes: OrdinalSet,
    /// Nothing failed: an operator is to approve it first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}
