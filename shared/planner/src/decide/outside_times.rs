//! Times that other systems state, and how far each is trusted.
//!
//! The board's time is S3's. A time far ahead of it is dropped, and the ledger says so. [`super::event_times`] says what
//! other times are good for.

use jiff::Timestamp;

use super::decision::DecisionBuilder;
use crate::{AHEAD_LIMIT, DatasetLoaded, ObjectEvent, OperatorCommand};

/// What the ledger says of a time that lies too far ahead. The metric filters of template.yaml read these words.
pub(super) const AHEAD: &str = "is more than 5 minutes ahead";

impl DecisionBuilder<'_> {
    /// Whether a stated time lies further ahead of the board's time than clocks differ.
    pub(super) fn is_ahead(&self, stated: Timestamp) -> bool {
        stated.duration_since(self.now) > AHEAD_LIMIT
    }

    /// The event with its `loaded_at` dropped if that lies too far ahead, and a note about it for the ledger.
    pub(super) fn without_future_time(&self, event: &DatasetLoaded) -> (DatasetLoaded, String) {
        let mut event = event.clone();
        let dropped = event.loaded_at.take_if(|at| self.is_ahead(*at));
        let note =
            dropped.map(|at| format!("; its loaded_at {at} {AHEAD} and was dropped: correct the loader's clock"));
        (event, note.unwrap_or_default())
    }

    /// A note for the ledger about S3's time of an event, if that lies too far ahead.
    pub(super) fn note_of_object_time(&self, event: &ObjectEvent) -> String {
        if !self.is_ahead(event.time) {
            return String::new();
        }
        format!("; its time {} {AHEAD} and was ignored", event.time)
    }
}

impl OperatorCommand {
    /// A note for the ledger about the stated time, if that lies too far ahead.
    pub(super) fn note_of_stated_time(&self) -> String {
        let ahead = self.stated_time.map(|at| {
            format!("; its time {at} {AHEAD}, so the time of its arrival counts: correct the sender's clock")
        });
        ahead.unwrap_or_default()
    }
}
