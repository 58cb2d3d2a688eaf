//! Time and chance: the only place that reads either, so that everything else takes them as input.

use aws_smithy_types::DateTime;
use jiff::Timestamp;
use landfall_planner::Nonce;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A writer's new mark: 16 random hexadecimal digits.
///
/// `fastrand` is seeded from the operating system in each thread. That makes marks differ, which is all that is asked of them: they keep no
/// secret.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "sixteen hexadecimal digits are a nonce by its own rule"
)]
pub fn nonce() -> Nonce {
    Nonce::parse(format!("{:016x}", fastrand::u64(..))).expect("sixteen hexadecimal digits")
}

/// The SDK's time as ours; none for a time outside of the years that either knows.
pub(crate) fn from_sdk(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_writer_gets_a_mark_of_its_own() {
        let marks: std::collections::BTreeSet<Nonce> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(marks.len(), 1000);
        assert!(marks.iter().all(|mark| mark.as_str().len() == 16));
    }

    #[test]
    fn times_of_the_sdk_keep_their_fractions() {
        let time = DateTime::from_secs_and_nanos(1_795_367_657, 250_000_000);
        assert_eq!(from_sdk(&time).unwrap().to_string(), "2026-11-22T17:14:17.25Z");
    }
}
