//! The events that functions receive, each as a small type with only the fields that are used.
//!
//! Parsing never panics and never drops a text silently. A text is parsed, [ignored by name](LoadMessage::Ignored), or [`Malformed`] with the
//! reason and its first characters, for the dead-letter queue and the ledger.

mod envelope;
mod load;
mod other;
mod s3;
#[cfg(test)]
mod tests;

pub use envelope::Malformed;
pub use load::{LoadMessage, parse_load_message};
pub use other::{
    PendingDocs, ReleaseOffered, ScheduleEvent, parse_docs_pending, parse_release_offered, parse_schedule,
    parse_task_stopped,
};
