//! Loads and operator commands, in batches, from the queue to the board.
//!
//! A batch is one decision. The handler succeeds only after the compare-and-swap; if that fails, SQS delivers the whole batch again. A malformed message
//! fails alone (`ReportBatchItemFailures`), and after several receipts SQS moves it to the dead-letter queue.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use landfall_aws::{
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
    let batch = read(&event.records, engine.ports().config().stack());
    for message in &batch.malformed {
        engine.ports().expedite_to_dead_letters(message.receipt_handle.as_deref().unwrap_or_default()).await;
    }
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
}

fn read<'a>(records: &'a [SqsMessage], stack: &str) -> Batch<'a> {
    let mut batch = Batch { loads: Vec::new(), malformed: Vec::new() };
    for record in records {
        let id = record.message_id.clone().unwrap_or_default();
        match parse_load_message(record.body.as_deref().unwrap_or_default(), stack) {
            Ok(messages) => batch.loads.extend(messages.into_iter().filter_map(load)),
            Err(error) => {
                tracing::error!(
                    message = id,
                    reason = error.reason,
                    text = error.text,
                    "a malformed message goes to the dead-letter queue"
                );
                batch.malformed.push(record);
                if is_first_receipt(record) {
                    batch.loads.push(InboundEvent::Malformed { event_id: id, reason: error.reason, text: error.text });
                }
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
        LoadMessage::Wake => None,
    }
}

/// Whether this is the first receipt of the message. A malformed message is received several times, and the ledger records it once.
fn is_first_receipt(record: &SqsMessage) -> bool {
    record.attributes.get("ApproximateReceiveCount").is_none_or(|count| count == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, body: &str, count: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.body = Some(body.to_owned());
        message.attributes.insert("ApproximateReceiveCount".to_owned(), count.to_owned());
        message
    }

    #[test]
    fn a_malformed_message_fails_alone_and_is_recorded_once() {
        let wake = r#"{"source":"landfall","detail-type":"Wake","detail":{"at":"2026-11-22T17:14:17Z"}}"#;
        let records = [message("a", "{", "1"), message("b", wake, "1"), message("c", "[]", "2")];
        let batch = read(&records, "s");
        assert_eq!(batch.malformed.len(), 2);
        assert!(matches!(batch.loads.as_slice(), [InboundEvent::Malformed { event_id, .. }] if event_id == "a"));
    }
}
