//! When a dataset counts as loaded: the policies of landfall.yml, with their defaults and bounds.

use jiff::SignedDuration;
use landfall_select::Glob;
use serde::{Deserialize, Serialize};

use crate::ConfigDuration;

/// How many objects a group may be said to have.
pub const MAX_COUNT: u32 = 1_000;

const QUIET: SignedDuration = SignedDuration::from_secs(60);
const QUIET_AT_MOST: SignedDuration = SignedDuration::from_mins(10);
const DELAY_AT_MOST: SignedDuration = SignedDuration::from_hours(1);
const MORE_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// When a dataset counts as loaded. One policy at most; none is `quiet: 60s`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReadinessConfig {
    /// Nothing new came for so long (60 s unless said).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<ConfigDuration>,
    /// So long after the last object: for rows that reach the warehouse some time after the object reached S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<ConfigDuration>,
    /// An object of this name came: a glob on the key's part below the location, or on its last part if it has no slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// So many different objects came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// With `count`: in one group, which is the part of the key's path that this glob matches (`dt=*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Never later than so long after the first object; then the run starts with a warning. Unless said: 10 min with `quiet`, 1 h with `delay`,
    /// 24 h with `marker` and `count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<ConfigDuration>,
    /// Each object at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub every_object: bool,
    /// Only a `Dataset Loaded` event; objects are ledgered and not acted on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub event: bool,
}

/// What the deletion of an object is to its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Nothing.
    #[default]
    Ignore,
    /// A load, as if an object had come: for models that are built from all objects that there are.
    Load,
}

impl OnDelete {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if hands a reference over")]
    pub(crate) fn is_ignore(&self) -> bool {
        *self == Self::Ignore
    }
}

/// When a dataset counts as loaded, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
pub enum ReadinessPolicy {
    /// When nothing new came for a time, or at most so long after the first.
    Quiet {
        /// Since the last event.
        quiet: ConfigDuration,
        /// Since the first.
        at_most: ConfigDuration,
    },
    /// So long after the last: what came is in the warehouse only then.
    Delay {
        /// Since the last event.
        delay: ConfigDuration,
        /// Since the first.
        at_most: ConfigDuration,
    },
    /// When an object of this name came.
    Marker {
        /// Its name's glob.
        marker: String,
        /// Since the first event.
        at_most: ConfigDuration,
    },
    /// When a group is complete.
    Count {
        /// How many different keys it has.
        count: u32,
        /// What of a key names its group; absent: all are one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per: Option<String>,
        /// Since the first event.
        at_most: ConfigDuration,
    },
    /// At once.
    EveryObject,
    /// On a loader's word alone.
    Event,
}

impl ReadinessConfig {
    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let ways = [
            self.quiet.is_some(),
            self.delay.is_some(),
            self.marker.is_some(),
            self.count.is_some(),
            self.every_object,
            self.event,
        ];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Some("give one of quiet, delay, marker, count, every_object and event");
        }
        if self.per.is_some() && self.count.is_none() {
            return Some("per says what count counts: give count, too");
        }
        if self.count.is_some_and(|count| count == 0 || count > MAX_COUNT) {
            return Some("count is 1 to 1000");
        }
        let glob = |text: &Option<String>| text.as_ref().is_some_and(|text| text.split('/').any(str::is_empty));
        if glob(&self.marker) || glob(&self.per) {
            return Some("marker and per are globs of names joined by single slashes: _SUCCESS, dt=*/_SUCCESS, dt=*");
        }
        None
    }

    /// With its defaults.
    pub(crate) fn policy(&self) -> ReadinessPolicy {
        let at_most = |otherwise| self.at_most.unwrap_or(ConfigDuration(otherwise));
        if self.event {
            return ReadinessPolicy::Event;
        }
        if self.every_object {
            return ReadinessPolicy::EveryObject;
        }
        if let Some(delay) = self.delay {
            return ReadinessPolicy::Delay { delay, at_most: at_most(DELAY_AT_MOST).max(delay) };
        }
        if let Some(marker) = &self.marker {
            return ReadinessPolicy::Marker { marker: marker.clone(), at_most: at_most(MORE_AT_MOST) };
        }
        if let Some(count) = self.count {
            return ReadinessPolicy::Count { count, per: self.per.clone(), at_most: at_most(MORE_AT_MOST) };
        }
        let quiet = self.quiet.unwrap_or(ConfigDuration(QUIET));
        ReadinessPolicy::Quiet { quiet, at_most: at_most(QUIET_AT_MOST).max(quiet) }
    }
}

impl ReadinessPolicy {
    /// How long after an object its rows are in the warehouse, as far as the policy tells.
    pub(crate) fn warehouse_delay(&self) -> SignedDuration {
        match self {
            Self::Delay { delay, .. } => delay.0,
            _ => SignedDuration::ZERO,
        }
    }

    /// Whether an object of this key (its part below the location) says that all have come.
    pub(crate) fn is_marker(&self, below: &str) -> bool {
        let Self::Marker { marker, .. } = self else { return false };
        let parts: Vec<&str> = below.split('/').collect();
        if marker.contains('/') {
            return matches(marker, &parts);
        }
        parts.last().is_some_and(|last| Glob::new(marker).matches(last))
    }

    /// The group that an object of this key (its part below the location) counts for; none if it is in no group.
    pub(crate) fn group(&self, below: &str) -> Option<String> {
        let Self::Count { per, .. } = self else { return None };
        let Some(per) = per else { return Some(String::new()) };
        let folders: Vec<&str> = below.split('/').collect();
        let (_, folders) = folders.split_last()?;
        let wide = per.split('/').count();
        folders.windows(wide).find(|window| matches(per, window)).map(|window| window.join("/"))
    }
}

/// Part by part: a `*` reaches no further than the next slash.
fn matches(glob: &str, parts: &[&str]) -> bool {
    let globs: Vec<&str> = glob.split('/').collect();
    globs.len() == parts.len() && globs.iter().zip(parts).all(|(glob, part)| Glob::new(glob).matches(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(yaml: &str) -> ReadinessConfig {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn a_marker_is_found_by_its_name_or_its_path() {
        let by_name = ready("{ marker: _SUCCESS }").policy();
        for (below, is) in [("_SUCCESS", true), ("dt=1/_SUCCESS", true), ("_SUCCESS/a", false), ("a_SUCCESS", false)] {
            assert_eq!(by_name.is_marker(below), is, "{below}");
        }
        let by_path = ready("{ marker: 'dt=*/done-?' }").policy();
        for (below, is) in [("dt=1/done-a", true), ("done-a", false), ("dt=1/h=2/done-a", false)] {
            assert_eq!(by_path.is_marker(below), is, "{below}");
        }
    }

    #[test]
    fn a_group_is_the_part_of_the_path_that_the_glob_matches() {
        let policy = ready("{ count: 3, per: 'dt=*/h=*' }").policy();
        let group = |below| policy.group(below);
        assert_eq!(group("dt=1/h=2/a.csv").as_deref(), Some("dt=1/h=2"));
        assert_eq!(group("raw/dt=1/h=2/x/a.csv").as_deref(), Some("dt=1/h=2"));
        assert_eq!(group("dt=1/a.csv"), None);
        assert_eq!(group("dt=1/h=2"), None, "the object's own name is no folder");
        assert_eq!(ready("{ count: 3 }").policy().group("a/b.csv").as_deref(), Some(""));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for yaml in [
            "{ quiet: 1s, delay: 1s }",
            "{ marker: a, event: true }",
            "{ per: 'dt=*' }",
            "{ count: 0 }",
            "{ count: 1001 }",
            "{ marker: '/a' }",
            "{ count: 2, per: 'a//b' }",
        ] {
            assert!(ready(yaml).problem().is_some(), "{yaml}");
        }
        assert_eq!(ready("{ count: 1000, per: 'dt=*', at_most: 2h }").problem(), None);
    }

    #[test]
    fn every_policy_that_waits_is_bounded() {
        for (yaml, hours) in [("{ marker: a }", 24), ("{ count: 2 }", 24), ("{ delay: 3h }", 3), ("{ quiet: 2h }", 2)] {
            let policy = ready(yaml).policy();
            let (ReadinessPolicy::Quiet { at_most, .. }
            | ReadinessPolicy::Delay { at_most, .. }
            | ReadinessPolicy::Marker { at_most, .. }
            | ReadinessPolicy::Count { at_most, .. }) = policy
            else {
                panic!("{policy:?}")
            };
            assert_eq!(at_most, ConfigDuration(SignedDuration::from_hours(hours)), "{yaml}");
        }
    }
}
