//! The account's default event bus, to which Landfall sends its events.

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use landfall_concurrency::Backoff;
use serde_json::Value;

use crate::{CallError, Fault, sleep_up_to};

/// The source of every event that Landfall sends.
pub const SOURCE: &str = "landfall";

/// The detail type by which the sweep offers a release again whose upload event was lost. The detail is like that of S3's `Object Created`.
pub const RELEASE_OFFERED: &str = "Release Offered";

const ACTION: &str = "events:PutEvents";
/// The number of tries. An entry may fail within a successful answer, and then the SDK does not retry.
const TRIES: u32 = 3;
/// The waits between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_millis(800));

/// The default bus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    events: aws_sdk_eventbridge::Client,
}

impl Bus {
    pub(crate) fn new(events: aws_sdk_eventbridge::Client) -> Self {
        Self { events }
    }

    /// Sends one event with [`SOURCE`], and returns the id that `EventBridge` gave it. After an error the event may have been sent, and a second call sends it twice: listeners must handle
    /// duplicates. Needs `events:PutEvents`. <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
    ///
    /// # Errors
    ///
    /// Fails if the call or its entry fails in each try, or if the error cannot be retried.
    pub async fn put(&self, detail_type: &str, detail: &Value) -> Result<Option<String>, CallError> {
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
                return Ok(answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.event_id));
            }
            let refused = answer.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some());
            let (code, message) = refused.map_or((None, None), |entry| (entry.error_code, entry.error_message));
            let error = entry_error(detail_type, code, message);
            if !error.is_retryable() || tried >= TRIES {
                return Err(error);
            }
            tracing::debug!(detail_type, tried, %error, "EventBridge did not accept an event");
            sleep_up_to(BACKOFF.limit(tried)).await;
        }
    }
}

/// Converts the error of an entry. The status of the whole call was 200, so the entry's own code decides.
fn entry_error(detail_type: &str, code: Option<String>, message: Option<String>) -> CallError {
    let status = match code.as_deref() {
        None | Some("InternalFailure" | "InternalException") => 500,
        Some("ThrottlingException") => 429,
        Some(_) => 400,
    };
    let message = message.unwrap_or_else(|| "EventBridge did not accept the event".to_owned());
    CallError::new(ACTION, detail_type, Fault { status: Some(status), code, message })
}
