//! Time and randomness: the only module that reads either, so that everything else takes them as input.

use jiff::Timestamp;
use landfall_planner::Nonce;

/// Returns the time of the wall clock.
#[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns S3's time, which decides: of its last reply, plus what passed since. Before the first reply it is the time of the wall clock, which may be
/// wrong. A decision reads the board first.
pub fn s3_now() -> Timestamp {
    landfall_s3::s3_time().unwrap_or_else(now)
}

/// Returns a new nonce of 16 random hexadecimal digits.
///
/// `fastrand` is seeded from the operating system in each thread. A nonce only has to differ from all others; it keeps no secret.
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "sixteen hexadecimal digits are a valid nonce")]
pub fn nonce() -> Nonce {
    Nonce::parse(format!("{:016x}", fastrand::u64(..))).expect("sixteen hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        let nonces: std::collections::BTreeSet<Nonce> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 1000);
        assert!(nonces.iter().all(|nonce| nonce.as_str().len() == 16));
    }
}
