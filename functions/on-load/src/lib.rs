//! Loads and operator commands, in batches, from the queue to the board.
//!
//! A batch is one decision. The handler succeeds only after the compare-and-swap; if that fails, SQS delivers the whole batch again. A malformed message
//! fails alone (`ReportBatchItemFailures`), and after several receipts SQS moves it to the dead-letter queue. Each
//! receipt is decided, because an earlier one may have failed with its batch. The board knows the recorded messages.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use landfall_aws::{
    clock,
    engine_ports::{AwsEngine, Deadline},
    events::{LoadMessage, parse_load_message},
};
use landfall_function_runtime::HandlerError;
use landfall_planner::{InboundEvent, Input};

/// Handles one batch.
///
/// # Errors
///
/// Fails if the engine fails.
pub async fn handle(engine: &AwsEngine, event: SqsEvent, deadline: Deadline) -> Result<SqsBatchResponse, HandlerError> {
    let batch = read(&event.records, engine.ports().config().stack(), clock::now());
    for message in &batch.malformed {
        engine.ports().expedite_to_dead_letters(message.receipt_handle.as_deref().unwrap_or_default()).await;
    }
    engine.ports().continue_chain_of_wakes(batch.chain.filter(|_| batch.loads.is_empty()));
    let input = if batch.loads.is_empty() { Input::Tick } else { Input::Events(&batch.loads) };
    engine.conduct(&input, deadline).await?;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = batch
        .malformed
        .iter()
        .map(|message| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.clone().unwrap_or_default();
            failure
        })
        .collect();
    Ok(response)
}

/// A parsed batch.
struct Batch<'a> {
    loads: Vec<InboundEvent>,
    malformed: Vec<&'a SqsMessage>,
    /// The longest chain of the batch's wakes, if it has one.
    chain: Option<u32>,
}

fn read<'a>(records: &'a [SqsMessage], stack: &str, now: Timestamp) -> Batch<'a> {
    let mut batch = Batch { loads: Vec::new(), malformed: Vec::new(), chain: None };
    for record in records {
        let id = record.message_id.clone().unwrap_or_default();
        let received = received(record).unwrap_or(now);
        match parse_load_message(record.body.as_deref().unwrap_or_default(), stack, received) {
            Ok(messages) => {
                for message in messages {
                    if let LoadMessage::Wake { chain } = message {
                        batch.chain = batch.chain.max(Some(chain));
                    }
                    batch.loads.extend(load(message));
                }
            }
            Err(error) => {
                tracing::error!(
                    message = id,
                    reason = error.reason,
                    text = error.text,
                    "a malformed message goes to the dead-letter queue"
                );
                batch.malformed.push(record);
                batch.loads.push(InboundEvent::Malformed { event_id: id, reason: error.reason, text: error.text });
            }
        }
    }
    batch
}

fn load(message: LoadMessage) -> Option<InboundEvent> {
    match message {
        LoadMessage::Object(event) => Some(InboundEvent::ObjectCreated(event)),
        LoadMessage::Deleted(event) => Some(InboundEvent::ObjectDeleted(event)),
        LoadMessage::Loaded(event) => Some(InboundEvent::DatasetLoaded(event)),
        LoadMessage::OperatorCommand(command) => Some(InboundEvent::Command(command)),
        LoadMessage::Ignored { event_id, what } => Some(InboundEvent::Other { event_id, what }),
        LoadMessage::Wake { .. } => None,
    }
}

/// When SQS received the message, by its own clock.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html> (`SentTimestamp`)
fn received(record: &SqsMessage) -> Option<Timestamp> {
    let milliseconds = record.attributes.get("SentTimestamp")?.parse().ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, body: &str, count: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.body = Some(body.to_owned());
        message.attributes.insert("ApproximateReceiveCount".to_owned(), count.to_owned());
        message.attributes.insert("SentTimestamp".to_owned(), "1795367657250".to_owned());
        message
    }

    #[test]
    fn a_malformed_message_fails_alone_and_each_receipt_is_decided() {
        let wake = r#"{"source":"landfall","detail-type":"Wake","detail":{"at":"2026-11-22T17:14:17Z"}}"#;
        let records = [message("a", "{", "1"), message("b", wake, "1"), message("c", "[]", "2")];
        let batch = read(&records, "s", Timestamp::UNIX_EPOCH);
        assert_eq!((batch.malformed.len(), batch.chain), (2, Some(0)));
        // The first receipt of c failed with its batch.
        let ids = batch.loads.iter().map(|load| match load {
            InboundEvent::Malformed { event_id, .. } => event_id.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn a_command_has_the_time_at_which_sqs_received_it() {
        let pause = r#"{"id":"1","source":"landfall","detail-type":"Operator Command","time":"2099-01-01T00:00:00Z","detail":{"action":"pause"}}"#;
        let records = [message("a", pause, "1")];
        let batch = read(&records, "s", Timestamp::UNIX_EPOCH);
        let [InboundEvent::Command(command)] = batch.loads.as_slice() else { panic!("{:?}", batch.loads) };
        assert_eq!(command.time.to_string(), "2026-11-22T17:14:17.25Z");
    }
}
