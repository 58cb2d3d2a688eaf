//! Backlog entries: the nodes that a trigger still has to get built.

use std::ops::Deref;

use jiff::{SignedDuration, Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};

use crate::{OrdinalSet, RunId};

/// The pending nodes of a backlog entry. In most entries they are their dataset's whole selection. The stored board
/// omits that set instead of listing thousands of nodes, and [`StoredBoard::with`](crate::StoredBoard::with) takes it
/// from the release.
#[derive(Debug, Clone)]
pub struct PendingNodes {
    nodes: OrdinalSet,
    /// Whether they are the whole selection of the entry's dataset in the release that the board names.
    pub(crate) whole: bool,
}

impl PendingNodes {
    /// Pending nodes that are the whole selection of a dataset.
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

/// Compares the nodes, not how they are stored.
impl PartialEq for PendingNodes {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

/// The nodes that a trigger still has to get built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct BacklogEntry {
    /// The number of this opening of the entry. Only a run whose plan names it completes its nodes.
    pub generation: u64,
    /// When the oldest event of this generation came.
    pub since: Timestamp,
    /// The pending nodes (ordinals of the release's dictionary).
    pub nodes: PendingNodes,
    /// How many events opened or joined this generation.
    pub events: u64,
    /// The last of these events, as a short text for operators.
    pub last: String,
    /// The latest write of this generation by S3's clock, if all of its events are small single PUTs. A run that reads
    /// later covers such events. `None` if it has any other event.
    pub latest_put: Option<Timestamp>,
    /// How far it is on its way to a run.
    pub stage: EntryStage,
    /// Why its run may begin too early, as text for the plan.
    pub warning: Option<String>,
    /// Whether the dataset's own operations (`before`) were done for this generation.
    pub before_done: bool,
    /// Incremental models that its next run rebuilds from nothing, because they failed.
    pub refresh: OrdinalSet,
    /// Whether this generation has had its full refresh. It has at most one.
    pub refreshed: bool,
    /// The nodes that failed or wait for approval, until new data, a new release or an operator frees them.
    pub quarantine: Option<Quarantine>,
}

/// How far a generation of a backlog entry is on its way to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStage {
    /// More data of the same load is expected.
    Gathering {
        /// When it becomes ready if nothing else comes. Never later than `at_most`.
        ready_at: Timestamp,
        /// When it becomes ready at the latest, whatever comes.
        at_most: Timestamp,
        /// When it would become ready without that bound. `None` if it would wait for an event, such as a marker.
        settles_at: Option<Timestamp>,
    },
    /// A run may plan it.
    Ready {
        /// When the rows of the last objects are in the warehouse, if `at_most` ended a `delay` before that. A run that
        /// plans it earlier leaves a follow-up for them.
        settles_at: Option<Timestamp>,
    },
    /// A run has planned it. What is left of it can still be planned again.
    Planned,
}

/// A backlog entry in board.json, which has thousands. Times are milliseconds after `since`, and usual values are
/// left out.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "gen")]
    generation: u64,
    #[serde(with = "millisecond::required")]
    since: Timestamp,
    /// Absent for the whole selection of its dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nodes: Option<OrdinalSet>,
    events: u64,
    last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<i64>,
    /// Absent if it equals `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settles: Option<Settles>,
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

/// The stored `settles_at`, where it differs from `ready`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Settles {
    /// Milliseconds after `since`.
    At(i64),
    /// It waits for an event: `false`.
    Never(bool),
}

impl From<BacklogEntry> for Stored {
    fn from(entry: BacklogEntry) -> Self {
        let since = entry.since.as_millisecond();
        let after = |at: Timestamp| at.as_millisecond() - since;
        let (ready, at_most, settles) = match entry.stage {
            EntryStage::Gathering { ready_at, at_most, settles_at } => {
                let settles = settles_at.map_or(Settles::Never(false), |at| Settles::At(after(at)));
                (Some(after(ready_at)), Some(after(at_most)), (settles_at != Some(ready_at)).then_some(settles))
            }
            EntryStage::Ready { settles_at } => (None, None, settles_at.map(|at| Settles::At(after(at)))),
            EntryStage::Planned => (None, None, None),
        };
        Self {
            generation: entry.generation,
            since: entry.since,
            planned: entry.stage == EntryStage::Planned,
            nodes: (!entry.nodes.whole).then_some(entry.nodes.nodes),
            events: entry.events,
            last: entry.last,
            put: entry.latest_put.map(after),
            ready,
            at_most,
            settles,
            warning: entry.warning,
            before_done: entry.before_done,
            refresh: entry.refresh,
            refreshed: entry.refreshed,
            quarantine: entry.quarantine,
        }
    }
}

impl From<Stored> for BacklogEntry {
    fn from(stored: Stored) -> Self {
        // The sum of a time and its distance to another time is that time, whatever the two are. Only a number that
        // Landfall did not write overflows.
        let at = |after: i64| stored.since.checked_add(SignedDuration::from_millis(after)).unwrap_or(stored.since);
        let settles_at = match stored.settles {
            None => stored.ready.map(at),
            Some(Settles::At(after)) => Some(at(after)),
            Some(Settles::Never(_)) => None,
        };
        let stage = match stored.ready.map(at) {
            _ if stored.planned => EntryStage::Planned,
            Some(ready_at) => {
                EntryStage::Gathering { ready_at, at_most: stored.at_most.map_or(ready_at, at), settles_at }
            }
            None => EntryStage::Ready { settles_at },
        };
        Self {
            generation: stored.generation,
            since: stored.since,
            nodes: PendingNodes { whole: stored.nodes.is_none(), nodes: stored.nodes.unwrap_or_default() },
            events: stored.events,
            last: stored.last,
            latest_put: stored.put.map(at),
            stage,
            warning: stored.warning,
            before_done: stored.before_done,
            refresh: stored.refresh,
            refreshed: stored.refreshed,
            quarantine: stored.quarantine,
        }
    }
}

impl BacklogEntry {
    /// A ready entry that one event opened. `last` describes that event.
    pub fn new(generation: u64, now: Timestamp, nodes: impl Into<PendingNodes>, last: String) -> Self {
        Self {
            generation,
            since: now,
            nodes: nodes.into(),
            events: 1,
            last,
            latest_put: None,
            stage: EntryStage::Ready { settles_at: None },
            warning: None,
            before_done: false,
            refresh: OrdinalSet::new(),
            refreshed: false,
            quarantine: None,
        }
    }

    /// Keeps only these nodes pending, because the others were built. What was built is not quarantined any more.
    pub(crate) fn keep_pending(&mut self, nodes: OrdinalSet) {
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.nodes = quarantine.nodes.intersection(&nodes);
        }
        self.quarantine.take_if(|quarantine| quarantine.nodes.is_empty());
        self.nodes = nodes.into();
    }

    /// Whether a run has planned this generation.
    pub fn is_planned(&self) -> bool {
        self.stage == EntryStage::Planned
    }

    /// Whether it waits for more data of the same load.
    pub fn is_gathering(&self) -> bool {
        self.ready_at().is_some()
    }

    /// When it becomes ready, if it is not yet.
    pub fn ready_at(&self) -> Option<Timestamp> {
        match self.stage {
            EntryStage::Gathering { ready_at, .. } => Some(ready_at),
            EntryStage::Ready { .. } | EntryStage::Planned => None,
        }
    }
}

/// Nodes of a backlog entry that are not tried again automatically.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The run that failed. `None` if no run was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The failure, as text for operators.
    pub reason: String,
    /// The quarantined nodes. Other nodes of the entry may still run.
    pub nodes: OrdinalSet,
    /// Whether nothing failed, but an operator must approve the release first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}
