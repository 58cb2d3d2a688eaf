//! The queue of loads: waking on-load later, and counting messages.

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;

use crate::CallError;

/// The longest delay of SQS, 15 minutes. A later wake arrives early, finds nothing due and sends the next one.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const LONGEST_DELAY_SECONDS: i64 = 900;

/// One queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

/// The number of messages in a queue, by SQS's estimate, which is at most a minute old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages that wait to be received.
    pub waiting: u64,
    /// Messages that are received and not yet deleted.
    pub in_flight: u64,
    /// Messages that are still delayed.
    pub delayed: u64,
}

impl Queue {
    pub(crate) fn new(sqs: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { sqs, url: url.to_owned() }
    }

    /// Sends the message that wakes `on-load` at `at`, or in 15 minutes if that is sooner, or immediately if `at` is past. The message is
    /// [`LoadMessage::Wake`](crate::events::LoadMessage::Wake). If it is lost, the next sweep does the same. `chain` is the number of wakes in a row before it. Needs `sqs:SendMessage`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
    pub async fn wake(&self, at: Timestamp, now: Timestamp, chain: u32) -> Result<(), CallError> {
        let detail = serde_json::json!({ "at": at, "chain": chain });
        let body = serde_json::json!({ "source": "landfall", "detail-type": "Wake", "detail": detail });
        let sent = self
            .sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body.to_string())
            .delay_seconds(delay(at, now))
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| CallError::of("sqs:SendMessage", &self.url, &error))
    }

    /// Makes a received message visible again immediately, instead of after the queue's visibility timeout. Needs `sqs:ChangeMessageVisibility`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
    pub async fn show_again(&self, receipt_handle: &str) -> Result<(), CallError> {
        let sent = self
            .sqs
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(0)
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| CallError::of("sqs:ChangeMessageVisibility", &self.url, &error))
    }

    /// Counts the messages of a queue: this one, or its dead-letter queue. Needs `sqs:GetQueueAttributes` on it.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
    pub async fn depth(&self, queue_url: &str) -> Result<Depth, CallError> {
        use QueueAttributeName as Name;
        const WAITING: Name = Name::ApproximateNumberOfMessages;
        const IN_FLIGHT: Name = Name::ApproximateNumberOfMessagesNotVisible;
        const DELAYED: Name = Name::ApproximateNumberOfMessagesDelayed;
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(queue_url)
            .attribute_names(WAITING)
            .attribute_names(IN_FLIGHT)
            .attribute_names(DELAYED)
            .send()
            .await
            .map_err(|error| CallError::of("sqs:GetQueueAttributes", queue_url, &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: Name| attributes.get(&name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Depth { waiting: number(WAITING), in_flight: number(IN_FLIGHT), delayed: number(DELAYED) })
    }
}

/// Returns the delay in seconds, rounded up: a wake that arrives early finds nothing due.
fn delay(at: Timestamp, now: Timestamp) -> i32 {
    let milliseconds = at.as_millisecond().saturating_sub(now.as_millisecond()).max(0);
    let seconds = milliseconds.saturating_add(999) / 1000;
    i32::try_from(seconds.min(LONGEST_DELAY_SECONDS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_is_never_early_unless_it_is_more_than_15_minutes_away() {
        let now: Timestamp = "2026-11-22T17:00:00.5Z".parse().unwrap();
        for (at, seconds) in [
            ("2026-11-22T17:00:00.5Z", 0),
            ("2026-11-22T16:00:00Z", 0),
            ("2026-11-22T17:00:00.501Z", 1),
            ("2026-11-22T17:01:01Z", 61),
            ("2026-11-23T17:00:00Z", 900),
        ] {
            assert_eq!(delay(at.parse().unwrap(), now), seconds, "{at}");
        }
    }
}
