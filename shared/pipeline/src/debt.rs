//! What a cause still owes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RunId, Set};

/// What a cause still owes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debt {
    /// Which opening of the debt this is: only a run that names it pays it.
    pub generation: u64,
    /// When the oldest unpaid event came.
    pub since: Timestamp,
    /// Nodes (ordinals of the release's dictionary).
    pub nodes: Set,
    /// Events that opened or joined this generation.
    pub events: u64,
    /// For people: the last of them.
    pub last: String,
    /// The latest time that an event of this generation bears.
    pub latest: Timestamp,
    /// Present until the generation is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// A bound on `ready_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Timestamp>,
    /// When it would be ready if nothing bounded it; absent where time alone does not make it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_at: Option<Timestamp>,
    /// Why its run may begin too early, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Whether a run has planned this generation.
    #[serde(default)]
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
    pub fn new(generation: u64, now: Timestamp, nodes: Set, last: String) -> Self {
        Self {
            generation,
            since: now,
            nodes,
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
