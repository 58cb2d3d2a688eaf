//! Events of loads, in batches, from the queue to the board.
//!
//! The batch is one decision. Success is returned only after the compare-and-swap; if that fails the whole batch comes again. Only a malformed message
//! fails alone (`ReportBatchItemFailures`), and goes to the dead-letter queue when it was received often enough.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use landfall_aws::{
    clock,
    engine_ports::{AwsEngine, Deadline, EngineError},
    events::{LoadMessage, parse_load_message},
};
use landfall_planner::{InboundEvent, Input};

/// Handles one batch. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(engine: &AwsEngine, event: SqsEvent, deadline: u64) -> Result<SqsBatchResponse, EngineError> {
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    let batch = read(&event.records, engine.ports().config().stack());
    for message in &batch.malformed {
        engine.ports().hurry_to_dead_letters(message.receipt_handle.as_deref().unwrap_or_default()).await;
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

/// A batch, read.
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

/// A message that fails is received again and again until it is a dead letter; the ledger needs to hear of it once.
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
    fn a_malformed_message_fails_alone_and_is_ledgered_once() {
        let wake = r#"{"source":"landfall","detail-type":"Wake","detail":{"at":"2026-11-22T17:14:17Z"}}"#;
        let records = [message("a", "{", "1"), message("b", wake, "1"), message("c", "[]", "2")];
        let batch = read(&records, "s");
        assert_eq!(batch.malformed.len(), 2);
        assert!(matches!(batch.loads.as_slice(), [InboundEvent::Malformed { event_id, .. }] if event_id == "a"));
    }
}
