//! What a cause still owes.

use std::ops::Deref;

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{RunId, Set};

/// The nodes that a debt still owes. Most debts owe their dataset's whole selection: then the board says so (by saying nothing) instead of listing
/// thousands of nodes, and [`StoredBoard::with`](crate::StoredBoard::with) puts the release's own set in.
#[derive(Debug, Clone)]
pub struct OwedNodes {
    nodes: Set,
    /// They are the whole selection of the debt's dataset in the release that the board names.
    pub(crate) whole: bool,
}

impl OwedNodes {
    /// What a debt that lists none stands for until a release is at hand.
    fn whole() -> Self {
        Self { nodes: Set::new(), whole: true }
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    /// The whole selection of a dataset.
    pub(crate) fn whole_of(nodes: &Set) -> Self {
        Self { nodes: nodes.clone(), whole: true }
    }
}

impl From<Set> for OwedNodes {
    fn from(nodes: Set) -> Self {
        Self { nodes, whole: false }
    }
}

impl Deref for OwedNodes {
    type Target = Set;
    fn deref(&self) -> &Set {
        &self.nodes
    }
}

/// How they are stored is no part of what is owed.
impl PartialEq for OwedNodes {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Serialize for OwedNodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OwedNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Set::deserialize(deserializer).map(Self::from)
    }
}

/// What a cause still owes. In JSON its times are milliseconds since 1970: there are thousands of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debt {
    /// Which opening of the debt this is: only a run that names it pays it.
    pub generation: u64,
    /// When the oldest unpaid event came.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// Nodes (ordinals of the release's dictionary).
    #[serde(default = "OwedNodes::whole", skip_serializing_if = "OwedNodes::is_whole")]
    pub nodes: OwedNodes,
    /// Events that opened or joined this generation.
    pub events: u64,
    /// For people: the last of them, shortened.
    pub last: String,
    /// The latest time that an event of this generation bears.
    #[serde(with = "millisecond::required")]
    pub latest: Timestamp,
    /// Present until the generation is ready.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub ready_at: Option<Timestamp>,
    /// A bound on `ready_at`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub at_most: Option<Timestamp>,
    /// When it would be ready if nothing bounded it; absent where time alone does not make it so.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub calm_at: Option<Timestamp>,
    /// Why its run may begin too early, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Whether a run has planned this generation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub planned: bool,
    /// Whether the dataset's own operations (`before`) were done for this generation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_done: bool,
    /// What its next run builds anew from nothing, because it failed.
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub refresh: Set,
    /// Whether this generation has come to that: it does so once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refreshed: bool,
    /// Present when it failed: it waits for new data, a new release or a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
}

impl Debt {
    /// A debt that one event opened, and that is ready. `last` is that event, for people.
    pub fn new(generation: u64, now: Timestamp, nodes: impl Into<OwedNodes>, last: String) -> Self {
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
            refresh: Set::new(),
            refreshed: false,
            stuck: None,
        }
    }
}

/// Why a debt is not tried again by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stuck {
    /// The run that failed, if it came to a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// For people.
    pub reason: String,
    /// The nodes that are not tried again; others of the debt may still run.
    pub nodes: Set,
    /// Nothing failed: a person is to approve it first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}
