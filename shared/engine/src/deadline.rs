//! How long a function may go on.

use jiff::{SignedDuration, Timestamp};

use crate::ports::Clock;

/// The time at which a function stops trying, by the clock of its process.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Timestamp);

impl Deadline {
    /// Returns the deadline that is `time` from now.
    pub fn after(now: Timestamp, time: SignedDuration) -> Self {
        Self(now + time)
    }

    /// Returns the deadline 5 s before Lambda ends the invocation, given Lambda's own deadline in milliseconds since 1970. An unreadable one counts
    /// as 30 s from now.
    pub fn of_lambda(now: Timestamp, milliseconds: u64) -> Self {
        let end = i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self(end.unwrap_or_else(|| now + SignedDuration::from_secs(30)) - SignedDuration::from_secs(5))
    }

    /// Whether the deadline has passed by the process's own clock, which it was made with.
    pub fn is_over(self, clock: &impl Clock) -> bool {
        clock.process_time() >= self.0
    }
}
