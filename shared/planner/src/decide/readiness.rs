//! Readiness: when a load is complete, by the dataset's policy and the events of the load.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    decision::DecisionBuilder,
    limits::{COUNTED_KEPT, GROUPS_CLOSED, GROUPS_OPEN},
    rules::Rules,
};
use crate::{Dataset, DatasetName, EntryStage, EventHash, OpenGroup, ReadinessPolicy};

/// An object that is late for a complete group, and a deletion, are not counted. Their load is complete after this
/// quiet time.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// A group's name is a part of a key. The board has the hash of a name that is longer than this.
const LONGEST_NAME: usize = 120;

/// What an event says about the completeness of its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadSignal<'a> {
    /// An object was created. The key is relative to the dataset's location.
    Created(&'a str),
    /// An object was deleted.
    Deleted,
    /// A loader reported that the load is complete.
    Reported,
}

/// What one event means for how long its backlog entry gathers more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The load is complete.
    Complete,
    /// The load is complete at `until` if nothing else comes, and at `at_most` in any case.
    Settling { until: Timestamp, at_most: Timestamp },
    /// The load is complete with a later event, and at `at_most` in any case.
    Incomplete { at_most: Timestamp },
}

impl Readiness {
    /// The stage of a new backlog entry.
    pub(super) fn stage(self, rules: &dyn Rules) -> EntryStage {
        match self {
            Self::Complete => EntryStage::Ready { settles_at: None },
            Self::Settling { until, at_most } => EntryStage::Gathering {
                ready_at: rules.gathers_until(until, at_most),
                at_most,
                settles_at: Some(until),
            },
            Self::Incomplete { at_most } => EntryStage::Gathering { ready_at: at_most, at_most, settles_at: None },
        }
    }

    /// Changes the stage of a backlog entry that the event joins. The first event of an entry sets its bound.
    pub(super) fn join(self, stage: &mut EntryStage, rules: &dyn Rules) {
        let EntryStage::Gathering { at_most, .. } = *stage else { return };
        match self {
            Self::Complete => *stage = self.stage(rules),
            Self::Settling { until, .. } => *stage = Self::Settling { until, at_most }.stage(rules),
            Self::Incomplete { .. } => {}
        }
    }
}

impl DecisionBuilder<'_> {
    /// The readiness that the dataset's policy gives an event, with a note for the ledger.
    pub(super) fn readiness(
        &mut self,
        name: &DatasetName,
        dataset: &Dataset,
        signal: LoadSignal<'_>,
        key: &str,
        time: Timestamp,
    ) -> (Readiness, String) {
        let now = self.now;
        let from = self.context.rules.gathers_from(now, time);
        let late = |at_most: SignedDuration| Readiness::Settling { until: now + LATE, at_most: now + at_most };
        let without_note = |readiness| (readiness, String::new());
        match (&dataset.ready, signal) {
            (_, LoadSignal::Reported) | (ReadinessPolicy::EveryObject | ReadinessPolicy::Event, _) => {
                without_note(Readiness::Complete)
            }
            (ReadinessPolicy::Quiet { quiet: time, at_most } | ReadinessPolicy::Delay { delay: time, at_most }, _) => {
                without_note(Readiness::Settling { until: from + time.0, at_most: now + at_most.0 })
            }
            (ReadinessPolicy::Marker { at_most, .. } | ReadinessPolicy::Count { at_most, .. }, LoadSignal::Deleted) => {
                without_note(late(at_most.0))
            }
            (ReadinessPolicy::Marker { at_most, .. }, LoadSignal::Created(below)) => {
                if dataset.ready.is_marker(below) {
                    return (Readiness::Complete, ": its marker".to_owned());
                }
                without_note(Readiness::Incomplete { at_most: now + at_most.0 })
            }
            (ReadinessPolicy::Count { count, at_most, .. }, LoadSignal::Created(below)) => {
                let incomplete = Readiness::Incomplete { at_most: now + at_most.0 };
                let Some(group) = dataset.ready.group(below) else {
                    return (incomplete, ": it is in no group".to_owned());
                };
                let group = if group.len() > LONGEST_NAME { EventHash::of(&["group", &group]).hex() } else { group };
                if self.board.datasets.get(name).is_some_and(|state| state.groups.closed.contains(&group)) {
                    return (late(at_most.0), format!(": late, {} was complete", named(&group)));
                }
                let seen = self.count(name, &group, key);
                let note = format!(": {seen} of {count}{}", of(&group));
                if seen < usize::try_from(*count).unwrap_or(usize::MAX) {
                    return (incomplete, note);
                }
                self.close(name, &group);
                (Readiness::Complete, note)
            }
        }
    }

    /// Counts the key for its group, once. Returns how many keys the group has.
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
            self.close_incomplete(name, &oldest);
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

    /// Closes an incomplete group, because there is no room to count it. Its load runs with what arrived.
    fn close_incomplete(&mut self, name: &DatasetName, group: &str) {
        self.close(name, group);
        if let Some(entry) = self.board.backlog.get_mut(&crate::Trigger::Load(name.clone()))
            && entry.is_gathering()
        {
            Readiness::Complete.join(&mut entry.stage, self.context.rules);
            entry.warning = Some(format!(
                "too many groups are open at once; the run starts although {} is incomplete",
                named(group)
            ));
        }
    }

    /// Keeps the number of counted keys within [`COUNTED_KEPT`].
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
            self.close_incomplete(&name, &group);
        }
    }

    /// Ends the gathering of entries whose time is over, with a warning where `at_most` ended it.
    pub(super) fn end_waits(&mut self) {
        let now = self.now;
        let mut closing: Vec<(DatasetName, Vec<String>)> = Vec::new();
        for (trigger, entry) in &mut self.board.backlog {
            let EntryStage::Gathering { ready_at, settles_at, .. } = entry.stage else { continue };
            if ready_at > now {
                continue;
            }
            entry.stage = EntryStage::Ready { settles_at: None };
            if settles_at.is_some_and(|at| at <= now) {
                continue;
            }
            let crate::Trigger::Load(name) = trigger else { continue };
            let Some(dataset) = self.release.and_then(|release| release.dataset(name)) else { continue };
            let open = self.board.datasets.get(name).map(|state| &state.groups.open);
            entry.warning = match &dataset.ready {
                ReadinessPolicy::Quiet { at_most, .. } | ReadinessPolicy::Delay { at_most, .. } => {
                    Some(format!("objects kept arriving for {:#} (at_most)", at_most.0))
                }
                ReadinessPolicy::Marker { marker, at_most } => {
                    Some(format!("no {marker} arrived within {:#} (at_most)", at_most.0))
                }
                ReadinessPolicy::Count { count, at_most, .. } => {
                    let seen = open
                        .into_iter()
                        .flatten()
                        .map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group)));
                    let seen: Vec<String> = seen.take(3).collect();
                    Some(format!("only {} arrived within {:#} (at_most)", seen.join(", "), at_most.0))
                }
                ReadinessPolicy::EveryObject | ReadinessPolicy::Event => None,
            };
            // Their count is over. Objects that still arrive are late.
            closing.push((name.clone(), open.into_iter().flatten().map(|(group, _)| group.clone()).collect()));
            // The rows of the last objects may not be in the warehouse yet: `mark_planned` opens a follow-up for them.
            if matches!(dataset.ready, ReadinessPolicy::Delay { .. }) {
                entry.stage = EntryStage::Ready { settles_at };
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
