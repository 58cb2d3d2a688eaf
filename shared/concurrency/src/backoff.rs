//! Exponential back-off with full jitter.
//! <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>

use std::time::Duration;

/// How long to wait before a call is tried again: a random time between zero and [`Backoff::limit`], so that callers that met once do not meet
/// again. The caller draws the random time, from the operating system in production and from the seed in the simulation.
///
/// This is not a maintained crate because those add their jitter to a minimum that grows, which keeps callers in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// A back-off whose first wait is at most `base`, whose limit doubles with each retry, and whose waits never exceed `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The longest wait before that retry; the first retry is number 1.
    pub fn limit(self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_doubles_with_each_retry_up_to_the_cap() {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(1_600));
        let limits = [1, 2, 3, 6, 7, 40, u32::MAX].map(|retry| backoff.limit(retry).as_millis());
        assert_eq!(limits, [50, 100, 200, 1_600, 1_600, 1_600, 1_600]);
    }
}
