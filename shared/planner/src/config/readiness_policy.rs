//! Readiness policies: the rule by which a load counts as complete, with defaults and bounds.

use jiff::SignedDuration;
use landfall_select::Glob;
use serde::{Deserialize, Serialize};

use crate::ConfigDuration;

/// The largest number of objects that `count` may name. The board keeps a hash of each.
pub const MAX_COUNT: u32 = 1_000;

const QUIET: SignedDuration = SignedDuration::from_secs(60);
const QUIET_AT_MOST: SignedDuration = SignedDuration::from_mins(10);
const DELAY_AT_MOST: SignedDuration = SignedDuration::from_hours(1);
const MARKER_OR_COUNT_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// The rule by which a load counts as complete. Give one of `quiet`, `delay`, `marker`, `count`, `every_object` and
/// `event`. Default: `quiet: 60s`. With every rule a `Dataset Loaded` event completes the load at once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReadinessConfig {
    /// A load is complete when no object has landed for this time. Example: `2m`. Default: `60s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<ConfigDuration>,
    /// A load is complete this long after its last object, because a loader needs that time to bring the rows from S3
    /// to the warehouse. Example: `15m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<ConfigDuration>,
    /// A load is complete when an object of this name has landed. A glob without a slash matches the last part of the
    /// key, and a glob with slashes matches the key below the location. Examples: `_SUCCESS`, `dt=*/_SUCCESS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// A load is complete when this many different objects have landed: 1 to 1000. Example: `24`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = 1000)))]
    pub count: Option<u32>,
    /// With `count`: objects are counted in groups. A group is the folder (or folders) of the key that this glob
    /// matches. Example: `dt=*`. Default: all objects of the dataset are one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// The longest wait, from the first object of a load. After it, the run starts with a warning.
    /// It is at least `quiet` or `delay`. Default: `10m` with `quiet`, `1h` with `delay`, `24h` with `marker` and
    /// `count`, and `quiet` or `delay` if that is longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<ConfigDuration>,
    /// Each object is a complete load of its own. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub every_object: bool,
    /// Only a `Dataset Loaded` event is a load. Objects are recorded in the ledger and start no run. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub event: bool,
}

/// The rule by which a load counts as complete, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
pub enum ReadinessPolicy {
    /// Complete when no event came for a time.
    Quiet {
        /// The time since the last event.
        quiet: ConfigDuration,
        /// The longest wait since the first event.
        at_most: ConfigDuration,
    },
    /// Complete some time after the last event, when its rows are in the warehouse.
    Delay {
        /// The time since the last event.
        delay: ConfigDuration,
        /// The longest wait since the first event.
        at_most: ConfigDuration,
    },
    /// Complete when an object of a certain name has landed.
    Marker {
        /// The glob of the object's name.
        marker: String,
        /// The longest wait since the first event.
        at_most: ConfigDuration,
    },
    /// Complete when a group has all its objects.
    Count {
        /// The number of different keys of a group, 1 to [`MAX_COUNT`].
        count: u32,
        /// The glob of the folders that name a group. If absent, all objects are one group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per: Option<String>,
        /// The longest wait since the first event.
        at_most: ConfigDuration,
    },
    /// Complete with each object.
    EveryObject,
    /// Complete with a `Dataset Loaded` event only.
    Event,
}

impl ReadinessConfig {
    /// Returns what is wrong with the settings, and which ones are valid.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let policies = [
            self.quiet.is_some(),
            self.delay.is_some(),
            self.marker.is_some(),
            self.count.is_some(),
            self.every_object,
            self.event,
        ];
        if policies.into_iter().filter(|given| *given).count() > 1 {
            return Some(
                "these exclude each other: give only one of quiet, delay, marker, count, every_object and event",
            );
        }
        if self.per.is_some() && self.count.is_none() {
            return Some("per without count has no effect: give count too");
        }
        if self.count.is_some_and(|count| count == 0 || count > MAX_COUNT) {
            return Some("count is out of range: give 1 to 1000");
        }
        let quiet = match (self.delay, &self.marker, self.count, self.every_object || self.event) {
            (Some(delay), ..) => Some(delay),
            (None, None, None, false) => Some(self.quiet.unwrap_or(ConfigDuration(QUIET))),
            _ => None,
        };
        if self.at_most.zip(quiet).is_some_and(|(at_most, quiet)| at_most < quiet) {
            return Some(
                "at_most is shorter than quiet (60s by default) or delay, so no load could be complete before it: give a longer at_most, or a shorter quiet or delay",
            );
        }
        let empty_part = |glob: &Option<String>| glob.as_ref().is_some_and(|glob| glob.split('/').any(str::is_empty));
        if empty_part(&self.marker) || empty_part(&self.per) {
            return Some(
                "marker and per are names joined by single slashes, without one at either end: write _SUCCESS, dt=*/_SUCCESS or dt=*",
            );
        }
        None
    }

    /// Returns the policy with its defaults.
    pub(crate) fn policy(&self) -> ReadinessPolicy {
        let at_most = |default| self.at_most.unwrap_or(ConfigDuration(default));
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
            return ReadinessPolicy::Marker { marker: marker.clone(), at_most: at_most(MARKER_OR_COUNT_AT_MOST) };
        }
        if let Some(count) = self.count {
            return ReadinessPolicy::Count { count, per: self.per.clone(), at_most: at_most(MARKER_OR_COUNT_AT_MOST) };
        }
        let quiet = self.quiet.unwrap_or(ConfigDuration(QUIET));
        ReadinessPolicy::Quiet { quiet, at_most: at_most(QUIET_AT_MOST).max(quiet) }
    }
}

impl ReadinessPolicy {
    /// Returns how long after an object lands its rows are in the warehouse. Zero unless the policy is `Delay`.
    pub(crate) fn warehouse_delay(&self) -> SignedDuration {
        match self {
            Self::Delay { delay, .. } => delay.0,
            _ => SignedDuration::ZERO,
        }
    }

    /// Returns whether an object with this key, relative to its location, is the policy's marker.
    pub(crate) fn is_marker(&self, relative_key: &str) -> bool {
        let Self::Marker { marker, .. } = self else { return false };
        let parts: Vec<&str> = relative_key.split('/').collect();
        if marker.contains('/') {
            return matches(marker, &parts);
        }
        parts.last().is_some_and(|last| Glob::new(marker).matches(last))
    }

    /// Returns the group that an object with this key, relative to its location, counts for. `None` if it is in no
    /// group.
    pub(crate) fn group(&self, relative_key: &str) -> Option<String> {
        let Self::Count { per, .. } = self else { return None };
        let Some(per) = per else { return Some(String::new()) };
        let parts: Vec<&str> = relative_key.split('/').collect();
        let (_, folders) = parts.split_last()?;
        let depth = per.split('/').count();
        folders.windows(depth).find(|window| matches(per, window)).map(|window| window.join("/"))
    }
}

/// Matches part by part, so that a `*` does not reach beyond the next slash.
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
    fn a_marker_matches_by_name_or_by_path() {
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
        assert_eq!(group("dt=1/h=2"), None, "the object's own name is not a folder");
        assert_eq!(ready("{ count: 3 }").policy().group("a/b.csv").as_deref(), Some(""));
    }

    #[test]
    fn contradictory_or_out_of_range_settings_are_refused() {
        for yaml in [
            "{ quiet: 1s, delay: 1s }",
            "{ marker: a, event: true }",
            "{ per: 'dt=*' }",
            "{ count: 0 }",
            "{ count: 1001 }",
            "{ marker: '/a' }",
            "{ count: 2, per: 'a//b' }",
            "{ quiet: 5m, at_most: 1m }",
            "{ at_most: 59s }",
            "{ delay: 2h, at_most: 1h }",
        ] {
            assert!(ready(yaml).problem().is_some(), "{yaml}");
        }
        for yaml in ["{ count: 1000, per: 'dt=*', at_most: 2h }", "{ at_most: 60s }", "{ marker: a, at_most: 1s }"] {
            assert_eq!(ready(yaml).problem(), None, "{yaml}");
        }
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
