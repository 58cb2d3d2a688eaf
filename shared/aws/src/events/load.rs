//! Messages of the queue of loads.

use jiff::Timestamp;
use landfall_planner::{DatasetLoaded, ObjectEvent, OperatorAction, OperatorCommand};
use serde::Deserialize;
use serde_json::Value;

use super::{
    envelope::{Envelope, Malformed, part},
    s3::{self, Told},
};

/// A message of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadMessage {
    /// An object was written.
    Object(ObjectEvent),
    /// An object was deleted.
    Deleted(ObjectEvent),
    /// A loader loaded a dataset, for this stack or for all.
    Loaded(DatasetLoaded),
    /// An operator command for this stack, or for all.
    OperatorCommand(OperatorCommand),
    /// Landfall's own message: perform what is due.
    Wake {
        /// The number of wakes in a row before this one.
        chain: u32,
    },
    /// A well-formed event that is no load.
    Ignored {
        /// The event's id.
        event_id: String,
        /// What the event is, for the log.
        what: String,
    },
}

/// Reads one message's body: an `EventBridge` event gives one, S3's own notification one for each of its records.
///
/// `received` is the time at which SQS received the message, by its own clock: a custom event may state any time. `stack` is this stack's name: an event `Dataset Loaded` or `Operator Command` that names another stack is ignored.
///
/// # Errors
///
/// Fails if the message is not an event of one of these kinds, or a field is missing or malformed.
pub fn parse_load_message(body: &str, stack: &str, received: Timestamp) -> Result<Vec<LoadMessage>, Malformed> {
    let value: Value =
        serde_json::from_str(body).map_err(|error| Malformed::new(format!("not JSON: {error}"), body))?;
    let read = if let Some(records) = value.get("Records") {
        of_records(records)
    } else if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        test_event(&value).map(one)
    } else if value.get("detail-type").is_some() {
        of_event(&value, stack, received).map(one)
    } else if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        Err("an SNS envelope: switch on raw message delivery for the subscription".to_owned())
    } else {
        Err("neither an EventBridge event (detail-type) nor a notification of S3 (Records)".to_owned())
    };
    read.map_err(|reason| Malformed::new(reason, body))
}

fn one(message: LoadMessage) -> Vec<LoadMessage> {
    vec![message]
}

fn of_records(records: &Value) -> Result<Vec<LoadMessage>, String> {
    let records = records.as_array().ok_or("Records: not a list")?;
    if records.is_empty() {
        return Err("Records: empty".to_owned());
    }
    records
        .iter()
        .map(|record| {
            s3::of_record(record).map(|told| match told {
                Told::Created(object) => LoadMessage::Object(object),
                Told::Deleted(object) => LoadMessage::Deleted(object),
                Told::Other { event_id, what } => LoadMessage::Ignored { event_id, what },
            })
        })
        .collect()
}

/// Whether this is the test message that S3 sends when a notification is configured.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html>
fn test_event(value: &Value) -> Result<LoadMessage, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Test {
        bucket: String,
        request_id: String,
    }
    let Test { bucket, request_id } = part("s3:TestEvent", value)?;
    Ok(LoadMessage::Ignored {
        event_id: format!("s3/{request_id}/test"),
        what: format!("s3:TestEvent of bucket {bucket}"),
    })
}

fn of_event(value: &Value, stack: &str, received: Timestamp) -> Result<LoadMessage, String> {
    // Landfall's own message has neither an id nor a time.
    if value.get("source").and_then(Value::as_str) == Some("landfall")
        && value.get("detail-type").and_then(Value::as_str) == Some("Wake")
    {
        let chain = value.pointer("/detail/chain").and_then(Value::as_u64).unwrap_or_default();
        return Ok(LoadMessage::Wake { chain: u32::try_from(chain).unwrap_or(u32::MAX) });
    }
    let envelope: Envelope = part("event", value)?;
    if envelope.id.is_empty() {
        return Err("event: the id is empty".to_owned());
    }
    let of_aws = envelope.source.starts_with("aws.");
    match envelope.detail_type.as_str() {
        "Object Created" if envelope.source == "aws.s3" => s3::of_envelope(&envelope).map(LoadMessage::Object),
        "Object Deleted" if envelope.source == "aws.s3" => s3::of_envelope(&envelope).map(LoadMessage::Deleted),
        "Dataset Loaded" if !of_aws => loaded(envelope, stack),
        "Operator Command" if !of_aws => command(envelope, stack, received),
        _ => Ok(ignored(envelope, "")),
    }
}

fn ignored(envelope: Envelope, why: &str) -> LoadMessage {
    let what = format!("{} {}{why}", envelope.source, envelope.detail_type);
    LoadMessage::Ignored { event_id: envelope.id, what }
}

fn loaded(envelope: Envelope, stack: &str) -> Result<LoadMessage, String> {
    #[derive(Deserialize)]
    struct Detail {
        dataset: String,
        loaded_at: Option<Timestamp>,
        #[serde(default)]
        batch_id: Value,
        stack: Option<String>,
    }
    let detail: Detail = part("detail", &envelope.detail)?;
    if let Some(other) = detail.stack.filter(|other| other != stack) {
        return Ok(ignored(envelope, &format!(" for stack {other}")));
    }
    // Some loaders send the batch id as a number.
    let batch_id = match detail.batch_id {
        Value::Null => None,
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => return Err("detail: batch_id is neither a text nor a number".to_owned()),
    };
    Ok(LoadMessage::Loaded(DatasetLoaded {
        event_id: envelope.id,
        time: envelope.time,
        dataset: detail.dataset,
        loaded_at: detail.loaded_at,
        batch_id,
    }))
}

fn command(envelope: Envelope, stack: &str, received: Timestamp) -> Result<LoadMessage, String> {
    #[derive(Deserialize)]
    struct Detail {
        stack: Option<String>,
    }
    let detail: Detail = part("detail", &envelope.detail)?;
    if let Some(other) = detail.stack.filter(|other| other != stack) {
        return Ok(ignored(envelope, &format!(" for stack {other}")));
    }
    let action: OperatorAction = part("detail", &envelope.detail)?;
    Ok(LoadMessage::OperatorCommand(OperatorCommand::received(envelope.id, envelope.time, received, action)))
}
