//! The one place of this crate that reads the wall clock.

/// Now.
#[expect(clippy::disallowed_methods, reason = "the one place of this binary that reads the wall clock")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
