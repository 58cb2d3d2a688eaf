//! The job schedules in EventBridge Scheduler, as the board knows them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Nonce;

/// How long one function alone may change schedules. It is longer than on-release can run, and than a call of a function
/// that ended can still have its effect.
pub const SCHEDULES_LEASE: SignedDuration = SignedDuration::from_mins(5);

/// Which schedules are wanted, and which exist. Each set of schedules is known by its hash. Until the two agree, the
/// sweep asks on-release, the only function with rights on schedules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SchedulesState {
    /// The schedules of the release in place. `None` before the first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// The schedules that exist. `None` if that is unknown: a function changes them, or ended without saying so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// The function that changes schedules. Two at once could leave the schedules of the older release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<ScheduleWriter>,
    /// Why the last function failed to change them, as text for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A function that changes schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleWriter {
    /// The random mark of this call of the function.
    pub nonce: Nonce,
    /// When another function may change schedules, if this one does not report.
    pub until: Timestamp,
}

impl SchedulesState {
    /// Whether the schedules of the release in place exist.
    pub fn agree(&self) -> bool {
        self.wanted == self.confirmed
    }

    /// Whether this function may change schedules.
    pub fn is_written_by(&self, nonce: &Nonce) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.nonce == *nonce)
    }

    /// Whether a function must be asked to change schedules.
    pub fn need_a_writer(&self, now: Timestamp) -> bool {
        !self.agree() && self.writer.as_ref().is_none_or(|writer| writer.until <= now)
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
