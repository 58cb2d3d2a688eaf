//! Readiness: what an event means for how long its debt goes on waiting for more.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Deciding;
use crate::{Dataset, DatasetName, Debt, EventMark, OpenGroup, ReadyPolicy};

/// What comes late to a group that is complete, and what is deleted, is not counted: the debt waits so long for more of it.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// How many groups of a dataset are counted at once; the oldest makes room.
pub const GROUPS_OPEN: usize = 8;
/// How many complete groups of a dataset are remembered.
pub const GROUPS_CLOSED: usize = 64;
/// How many keys are counted at once, over all datasets; the oldest group makes room. Together with [`GROUPS_OPEN`] it bounds the board.
pub const COUNTED_KEPT: usize = 8192;
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

/// How long a debt goes on waiting, by one event.
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
    /// A new debt's.
    pub(super) fn begin(self, debt: Debt) -> Debt {
        match self {
            Self::Over => debt,
            Self::Calm { until, at_most } => {
                Debt { ready_at: Some(until.min(at_most)), at_most: Some(at_most), calm_at: Some(until), ..debt }
            }
            Self::More { at_most } => Debt { ready_at: Some(at_most), at_most: Some(at_most), ..debt },
        }
    }

    /// A debt's that may be waiting.
    pub(super) fn join(self, debt: &mut Debt) {
        if debt.ready_at.is_none() {
            return;
        }
        match self {
            Self::Over => (debt.ready_at, debt.at_most, debt.calm_at) = (None, None, None),
            Self::Calm { until, at_most } => {
                debt.ready_at = Some(until.min(debt.at_most.unwrap_or(at_most)));
                debt.calm_at = Some(until);
            }
            Self::More { .. } => {}
        }
    }
}

impl Deciding<'_> {
    /// By the dataset's policy; with words for the ledger.
    pub(super) fn wait(&mut self, name: &DatasetName, dataset: &Dataset, what: What<'_>, key: &str) -> (Wait, String) {
        let now = self.now;
        let late = |at_most: SignedDuration| Wait::Calm { until: now + LATE, at_most: now + at_most };
        let silent = |wait| (wait, String::new());
        match (&dataset.ready, what) {
            (_, What::Word) | (ReadyPolicy::EveryObject | ReadyPolicy::Event, _) => silent(Wait::Over),
            (ReadyPolicy::Quiet { quiet: calm, at_most } | ReadyPolicy::Delay { delay: calm, at_most }, _) => {
                silent(Wait::Calm { until: now + calm.0, at_most: now + at_most.0 })
            }
            (ReadyPolicy::Marker { at_most, .. } | ReadyPolicy::Count { at_most, .. }, What::Deletion) => {
                silent(late(at_most.0))
            }
            (ReadyPolicy::Marker { at_most, .. }, What::Object(below)) => {
                if dataset.ready.is_marker(below) {
                    return (Wait::Over, ": its marker".to_owned());
                }
                silent(Wait::More { at_most: now + at_most.0 })
            }
            (ReadyPolicy::Count { count, at_most, .. }, What::Object(below)) => {
                let more = Wait::More { at_most: now + at_most.0 };
                let Some(group) = dataset.ready.group(below) else { return (more, ": it is in no group".to_owned()) };
                let group = if group.len() > LONGEST_NAME { EventMark::of(&["group", &group]).hex() } else { group };
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
        let mut key = EventMark::of(&["key", key]).hex();
        key.truncate(12);
        entry.keys.insert(key);
        let seen = entry.keys.len();
        if open.len() > GROUPS_OPEN
            && let Some(oldest) = open.iter().filter(|(other, _)| *other != group).min_by_key(|(_, open)| open.since)
        {
            let oldest = oldest.0.clone();
            self.give_up(name, &oldest);
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
    fn give_up(&mut self, name: &DatasetName, group: &str) {
        self.close(name, group);
        if let Some(debt) = self.board.owed.get_mut(&crate::Cause::Load(name.clone()))
            && debt.ready_at.is_some()
        {
            Wait::Over.join(debt);
            debt.warning = Some(format!("too many groups are open at once: {} is run for incomplete", named(group)));
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
            self.give_up(&name, &group);
        }
    }

    /// Lets debts become ready whose time has come; with a warning where only `at_most` ended the wait.
    pub(super) fn end_waits(&mut self) {
        let now = self.now;
        let mut closing: Vec<(DatasetName, Vec<String>)> = Vec::new();
        for (cause, debt) in &mut self.board.owed {
            if debt.ready_at.is_none_or(|at| at > now) {
                continue;
            }
            (debt.ready_at, debt.at_most) = (None, None);
            if debt.calm_at.take_if(|calm| *calm <= now).is_some() {
                continue;
            }
            let crate::Cause::Load(name) = cause else { continue };
            let Some(dataset) = self.release.and_then(|release| release.dataset(name)) else { continue };
            let open = self.board.datasets.get(name).map(|state| &state.groups.open);
            debt.warning = match &dataset.ready {
                ReadyPolicy::Quiet { at_most, .. } | ReadyPolicy::Delay { at_most, .. } => {
                    Some(format!("objects went on coming for {:#} (at_most)", at_most.0))
                }
                ReadyPolicy::Marker { marker, at_most } => {
                    Some(format!("no {marker} came within {:#} (at_most)", at_most.0))
                }
                ReadyPolicy::Count { count, at_most, .. } => {
                    let seen = open
                        .into_iter()
                        .flatten()
                        .map(|(group, open)| format!("{} of {count}{}", open.keys.len(), of(group)));
                    let seen: Vec<String> = seen.take(3).collect();
                    Some(format!("only {} came within {:#} (at_most)", seen.join(", "), at_most.0))
                }
                ReadyPolicy::EveryObject | ReadyPolicy::Event => None,
            };
            // Their count is over: what still comes of them is late.
            closing.push((name.clone(), open.into_iter().flatten().map(|(group, _)| group.clone()).collect()));
            // What came last may not be in the warehouse yet: `Deciding::take` opens its follow-up.
            if !matches!(dataset.ready, ReadyPolicy::Delay { .. }) {
                debt.calm_at = None;
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
