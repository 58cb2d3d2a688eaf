//! Readiness: what an event means for how long its backlog entry goes on waiting for more.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    decision::DecisionBuilder,
    limits::{COUNTED_KEPT, GROUPS_CLOSED, GROUPS_OPEN},
};
use crate::{BacklogEntry, Dataset, DatasetName, EventHash, OpenGroup, ReadinessPolicy};

/// What comes late to a group that is complete, and what is deleted, is not counted: the backlog entry waits so long for more of it.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// A group's name is a part of a key: longer ones go by their hash.
const LONGEST_NAME: usize = 120;

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// An object came; its key below the location.
    Object(&'a str),
    /// An object went.
    Deletion,
    /// A loader's word.
    Word,
}

/// How long a backlog entry goes on waiting, by one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all.
    Over,
    /// Until then if nothing else comes.
    Calm { until: Timestamp, at_most: Timestamp },
    /// Until something else comes that ends it.
    More { at_most: Timestamp },
}

impl Wait {
    /// A new backlog entry's.
    pub(super) fn begin(self, entry: BacklogEntry) -> BacklogEntry {
        match self {
            Self::Over => entry,
            Self::Calm { until, at_most } => BacklogEntry {
                ready_at: Some(until.min(at_most)),
                at_most: Some(at_most),
                calm_at: Some(until),
                ..entry
            },
            Self::More { at_most } => BacklogEntry { ready_at: Some(at_most), at_most: Some(at_most), ..entry },
        }
    }

    /// A backlog entry's that may be waiting.
    pub(super) fn join(self, entry: &mut BacklogEntry) {
        if entry.ready_at.is_none() {
            return;
        }
        match self {
            Self::Over => (entry.ready_at, entry.at_most, entry.calm_at) = (None, None, None),
            Self::Calm { until, at_most } => {
                entry.ready_at = Some(until.min(entry.at_most.unwrap_or(at_most)));
                entry.calm_at = Some(until);
            }
            Self::More { .. } => {}
        }
    }
}

impl DecisionBuilder<'_> {
    /// By the dataset's policy; with words for the ledger.
    pub(super) fn wait(&mut self, name: &DatasetName, dataset: &Dataset, what: What<'_>, key: &str) -> (Wait, String) {
        let now = self.now;
        let late = |at_most: SignedDuration| Wait::Calm { until: now + LATE, at_most: now + at_most };
        let silent = |wait| (wait, String::new());
        match (&dataset.ready, what) {
            (_, What::Word) | (ReadinessPolicy::EveryObject | ReadinessPolicy::Event, _) => silent(Wait::Over),
            (ReadinessPolicy::Quiet { quiet: calm, at_most } | ReadinessPolicy::Delay { delay: calm, at_most }, _) => {
                silent(Wait::Calm { until: now + calm.0, at_most: now + at_most.0 })
            }
            (ReadinessPolicy::Marker { at_most, .. } | ReadinessPolicy::Count { at_most, .. }, What::Deletion) => {
                silent(late(at_most.0))
            }
            (ReadinessPolicy::Marker { at_most, .. }, What::Object(below)) => {
                if dataset.ready.is_marker(below) {
                    return (Wait::Over, ": its marker".to_owned());
                }
                silent(Wait::More { at_most: now + at_most.0 })
            }
            (ReadinessPolicy::Count { count, at_most, .. }, What::Object(below)) => {
                let more = Wait::More { at_most: now + at_most.0 };
                let Some(group) = dataset.ready.group(below) else { return (more, ": it is in no group".to_owned()) };
                let group = if group.len() > LONGEST_NAME { EventHash::of(&["group", &group]).hex() } else { group };
                if self.board.datasets.get(name).is_some_and(|state| state.groups.closed.contains(&group)) {
                    return (late(at_most.0), format!(": late, {} was complete", named(&group)));
                }
                let seen = self.count(name, &group, key);
                let note = format!(": {seen} of {count}{}", of(&group));
                if seen < usize::try_from(*count).unwrap_or(usize::MAX) {
                    return (more, note);
                }
                self.close(name, &group);
                (Wait::Over, note)
            }
        }
    }

    /// Counts the key for its group, once; gives how many are there.
    fn count(&mut self, name: &DatasetName, group: &str, key: &str) -> usize {
        let now = self.now;
        let state = self.board.datasets.entry(name.clone()).or_default();
        let open = &mut state.groups.open;
        let entry = open.entry(group.to_owned()).or_insert_with(|| OpenGroup { since: now, keys: BTreeSet::new() });
        let mut key = EventHash::of(&["key", key]).hex();
        key.truncate(12);
        entry.keys.insert(key);
        let seen = entry.keys.len();
        if open.len() > GROUPS_OPEN
            && let Some(oldest) = open.iter().filter(|(other, _)| *other != group).min_by_key(|(_, open)| open.since)
        {
            let oldest = oldest.0.clone();
            self.end_after_revoke(name, &oldest);
        }
        seen
    }

    fn close(&mut self, name: &DatasetName, group: &str) {
        let groups = &mut self.board.datasets.entry(name.clone()).or_default().groups;
        groups.open.remove(group);
        if !groups.closed.iter().any(|closed| closed == group) {
            groups.closed.push_back(group.to_owned());
        }
        while groups.closed.len() > GROUPS_CLOSED {
            groups.closed.pop_front();
        }
    }

    /// There is no room to count a group any longer: what came of it is run for.
    fn end_after_revoke(&mut self, name: &DatasetName, group: &str) {
        self.close(name, group);
        if let Some(entry) = self.board.backlog.get_mut(&crate::Trigger::Load(name.clone()))
            && entry.ready_at.is_some()
        {
            Wait::Over.join(entry);
            entry.warning = Some(format!("too many groups are open at once: {} is run for incomplete", named(group)));
        }
    }

    /// Keeps what is counted within its bound.
    pub(super) fn bound_groups(&mut self) {
        loop {
            let open = || {
                self.board.datasets.iter().flat_map(|(name, state)| state.groups.open.iter().map(move |g| (name, g)))
            };
            let kept: usize = open().map(|(_, (_, group))| group.keys.len()).sum();
            let oldest = open()
                .min_by_key(|(_, (_, group))| group.since)
                .map(|(name, (group, _))| (name.clone(), group.clone()));
            let Some((name, group)) = oldest.filter(|_| kept > COUNTED_KEPT) else { return };
            self.end_after_revoke(&name, &group);
        }
    }

    /// Lets backlog entries become ready whose time has come; with a warning where only `at_most` ended the wait.
    pub(super) fn end_waits(&mut self) {
        let now = self.now;
        let mut closing: Vec<(DatasetName, Vec<String>)> = Vec::new();
        for (trigger, entry) in &mut self.board.backlog {
            if entry.ready_at.is_none_or(|at| at > now) {
                continue;
            }
            (entry.ready_at, entry.at_most) = (None, None);
            if entry.calm_at.take_if(|calm| *calm <= now).is_some() {
                continue;
            }
            let crate::Trigger::Load(name) = trigger else { continue };
            let Some(dataset) = self.release.and_then(|release| release.dataset(name)) else { continue };
            let open = self.board.datasets.get(name).map(|state| &state.groups.open);
            entry.warning = match &dataset.ready {
                ReadinessPolicy::Quiet { at_most, .. } | ReadinessPolicy::Delay { at_most, .. } => {
                    Some(format!("objects went on coming for {:#} (at_most)", at_most.0))
                }
                ReadinessPolicy::Marker { marker, at_most } => {
                    Some(format!("no {marker} came within {:#} (at_most)", at_most.0))
                }
                ReadinessPolicy::Count { count, at_most, .. } => {
                    let seen = open
                        .into_iter()
                        .flatten()
                        .map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group)));
                    let seen: Vec<String> = seen.take(3).collect();
                    Some(format!("only {} came within {:#} (at_most)", seen.join(", "), at_most.0))
                }
                ReadinessPolicy::EveryObject | ReadinessPolicy::Event => None,
            };
            // Their count is over: what still comes of them is late.
            closing.push((name.clone(), open.into_iter().flatten().map(|(group, _)| group.clone()).collect()));
            // What came last may not be in the warehouse yet: `DecisionBuilder::take` opens its follow-up.
            if !matches!(dataset.ready, ReadinessPolicy::Delay { .. }) {
                entry.calm_at = None;
            }
        }
        for (name, groups) in closing {
            for group in groups {
                self.close(&name, &group);
            }
        }
    }
}

fn named(group: &str) -> &str {
    if group.is_empty() { "the group" } else { group }
}

fn of(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!(" of {group}") }
}
