//! The account's default event bus: what Landfall tells the world.

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;

use crate::{CallError, Fault};

/// Of every event that Landfall sends.
pub const SOURCE: &str = "landfall";

/// The sweep's word about a release whose upload nobody heard of; otherwise it is like S3's own `Object Created`.
pub const RELEASE_OFFERED: &str = "Release Offered";

const ACTION: &str = "events:PutEvents";
/// An entry may fail inside an answer that succeeded, where the SDK does not see it and does not repeat it.
const TRIES: u32 = 3;

/// The default bus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    events: aws_sdk_eventbridge::Client,
}

impl Bus {
    pub(crate) fn new(events: aws_sdk_eventbridge::Client) -> Self {
        Self { events }
    }

    /// Sends one event with [`SOURCE`]. After an error the event may have been sent all the same, and a second call sends a second one:
    /// listeners bear repetition. Needs `events:PutEvents`. <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
    pub async fn put(&self, detail_type: &str, detail: &Value) -> Result<(), CallError> {
        let entry =
            PutEventsRequestEntry::builder().source(SOURCE).detail_type(detail_type).detail(detail.to_string()).build();
        let mut tried = 0;
        loop {
            tried += 1;
            let answer = self
                .events
                .put_events()
                .entries(entry.clone())
                .send()
                .await
                .map_err(|error| CallError::of(ACTION, detail_type, &error))?;
            if answer.failed_entry_count == 0 {
                return Ok(());
            }
            let refused = answer.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some());
            let (code, message) = refused.map_or((None, None), |entry| (entry.error_code, entry.error_message));
            let error = entry_error(detail_type, code, message);
            if !error.is_retryable() || tried >= TRIES {
                return Err(error);
            }
            tracing::debug!(detail_type, tried, %error, "an event was not taken");
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=100 << tried))).await;
        }
    }
}

/// The status of the whole call was 200; what counts is the entry's own code.
fn entry_error(detail_type: &str, code: Option<String>, message: Option<String>) -> CallError {
    let status = match code.as_deref() {
        None | Some("InternalFailure" | "InternalException") => 500,
        Some("ThrottlingException") => 429,
        Some(_) => 400,
    };
    let message = message.unwrap_or_else(|| "the event was not taken".to_owned());
    CallError::new(ACTION, detail_type, Fault { status: Some(status), code, message })
}
