//! What comes in, each event as a small type with only the fields that are used.
//!
//! Nothing here panics, and nothing is thrown away in silence: a text is understood, [ignored by name](LoadMessage::Ignored), or
//! [`Malformed`] with the reason and its beginning, for the dead-letter queue and the ledger.

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
