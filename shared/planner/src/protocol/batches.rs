//! Unfinished batches of microbatch models. dbt builds such a model in batches of its event time, and an invocation
//! without a window builds the newest ones only. So a batch that failed is run again by its window.
//! <https://docs.getdbt.com/docs/build/incremental-microbatch>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// A half-open range of event time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventWindow {
    /// The first instant of the window.
    pub start: Timestamp,
    /// The first instant after the window.
    pub end: Timestamp,
}

impl EventWindow {
    /// Returns the windows in order, with those joined that meet or overlap. Empty windows are left out.
    pub fn joined(windows: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut windows: Vec<Self> = windows.into_iter().filter(|window| window.start < window.end).collect();
        windows.sort_unstable();
        let mut joined: Vec<Self> = Vec::new();
        for window in windows {
            match joined.last_mut() {
                Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
                _ => joined.push(window),
            }
        }
        joined
    }
}

/// The unfinished windows of microbatch models, by the model's id.
pub type BatchWindows = BTreeMap<NodeId, Vec<EventWindow>>;

/// What an attempt left undone of a microbatch model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedBatches {
    /// The windows that were not built, in order.
    pub windows: Vec<EventWindow>,
    /// Whether the run has built the batches that dbt chooses by itself, except for `windows`. If so, the next attempt
    /// runs nothing but the windows.
    pub others_built: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: &str, end: &str) -> EventWindow {
        let at = |day: &str| format!("2026-01-{day}T00:00:00Z").parse().unwrap();
        EventWindow { start: at(start), end: at(end) }
    }

    #[test]
    fn windows_that_meet_become_one_and_a_gap_stays() {
        let windows = [window("05", "06"), window("01", "02"), window("02", "03"), window("04", "04")];
        assert_eq!(EventWindow::joined(windows), [window("01", "03"), window("05", "06")]);
    }
}
