//! What dbt states of the batches of microbatch models: their windows in `run_results.json`, and their first instants in
//! its log.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use landfall_planner::EventWindow;
use serde::Deserialize;

/// The batches of one model in `run_results.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct BatchResults {
    /// The windows of the batches that were built.
    successful: Vec<(Timestamp, Timestamp)>,
    /// The windows of the batches that failed or were not begun.
    failed: Vec<(Timestamp, Timestamp)>,
}

impl BatchResults {
    /// Returns the windows that were not built.
    pub fn unfinished(&self) -> Vec<EventWindow> {
        EventWindow::joined(self.failed.iter().map(|(start, end)| EventWindow { start: *start, end: *end }))
    }

    /// Returns whether any batch was built.
    pub fn has_successful(&self) -> bool {
        !self.successful.is_empty()
    }

    /// Returns whether dbt reported any batch.
    pub fn is_empty(&self) -> bool {
        self.successful.is_empty() && self.failed.is_empty()
    }
}

/// Parses the first instant of a batch from dbt's description of it: `batch 2026-01-31 of main.orders`. The form depends on the
/// size of the batch: `2026`, `2026-01`, `2026-01-31` or `2026-01-31T05`.
pub fn batch_start(description: &str) -> Option<Timestamp> {
    let text = description.strip_prefix("batch ")?.split(' ').next()?;
    let full = match text.len() {
        4 => format!("{text}-01-01T00:00:00"),
        7 => format!("{text}-01T00:00:00"),
        10 => format!("{text}T00:00:00"),
        13 => format!("{text}:00:00"),
        _ => return None,
    };
    TimeZone::UTC.to_timestamp(full.parse::<DateTime>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_start_of_a_batch_is_read_for_each_batch_size() {
        for (text, expected) in [
            ("batch 2022 of main.orders", "2022-01-01T00:00:00Z"),
            ("batch 2022-03 of main.orders", "2022-03-01T00:00:00Z"),
            ("batch 2022-03-04 of main.orders", "2022-03-04T00:00:00Z"),
            ("batch 2022-03-04T05 of main.orders", "2022-03-04T05:00:00Z"),
        ] {
            assert_eq!(batch_start(text), Some(at(expected)), "{text}");
        }
        assert_eq!(batch_start("batch of main.orders"), None);
    }
}
