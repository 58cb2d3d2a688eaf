//! The only module of this crate that reads the wall clock.

/// Returns the current time.
#[expect(clippy::disallowed_methods, reason = "the only place of this program that reads the wall clock")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
