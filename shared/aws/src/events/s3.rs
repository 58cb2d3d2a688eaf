//! S3's two kinds of notification: through EventBridge, and directly to a queue. They encode keys differently, so each has its own decoder.

use jiff::Timestamp;
use landfall_planner::ObjectEvent;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::envelope::{Envelope, part};

/// The `detail` of `Object Created` and `Object Deleted`. The key is not encoded.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Debug, Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
    size: Option<u64>,
    // S3's own notifications and some emulators write `eTag`.
    #[serde(alias = "eTag")]
    etag: Option<String>,
    #[serde(rename = "version-id", alias = "versionId")]
    version_id: Option<String>,
    sequencer: Option<String>,
}

/// Converts an event of EventBridge.
pub(super) fn of_envelope(envelope: &Envelope) -> Result<ObjectEvent, String> {
    let Detail { bucket, object, reason } = part("detail", &envelope.detail)?;
    event(envelope.id.clone(), envelope.time, bucket, object, reason)
}

/// One of `Records[]`. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: String,
    event_name: String,
    event_time: Timestamp,
    #[serde(default)]
    response_elements: Option<Response>,
    s3: Entity,
}

#[derive(Debug, Deserialize)]
struct Response {
    #[serde(rename = "x-amz-request-id")]
    request_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

/// The meaning of one record.
#[derive(Debug)]
pub(super) enum Told {
    Created(ObjectEvent),
    Deleted(ObjectEvent),
    Other { event_id: String, what: String },
}

/// Converts one record of a notification that S3 sent to the queue directly. Its key is form-encoded.
pub(super) fn of_record(record: &Value) -> Result<Told, String> {
    let Record { event_source, event_name, event_time, response_elements, s3 } = part("Records", record)?;
    let Entity { bucket, mut object } = s3;
    object.key = form_decoded(&object.key)?;
    let request = response_elements.and_then(|response| response.request_id);
    let event_id = record_id(&event_name, event_time, request, &bucket, &object);
    if event_source != "aws:s3" {
        return Ok(Told::Other { event_id, what: format!("{event_source} {event_name}") });
    }
    // The configuration says `s3:ObjectCreated:Put`, the record `ObjectCreated:Put`.
    let name = event_name.strip_prefix("s3:").unwrap_or(&event_name);
    let (told, reason): (fn(ObjectEvent) -> Told, &str) = match name.split_once(':') {
        Some(("ObjectCreated", reason)) => (Told::Created, reason),
        Some(("ObjectRemoved" | "LifecycleExpiration", reason)) => (Told::Deleted, reason),
        _ => return Ok(Told::Other { event_id, what: format!("aws:s3 {event_name}") }),
    };
    event(event_id, event_time, bucket, object, Some(event_bridge_reason(reason))).map(told)
}

/// Converts the last part of a record's event name to the reason that an event by `EventBridge` gives.
fn event_bridge_reason(name: &str) -> String {
    match name {
        "Put" => "PutObject",
        "Post" => "POST Object",
        "Copy" => "CopyObject",
        other => other,
    }
    .to_owned()
}

/// Returns an id for a record, which has none. A repeated delivery gets the same id.
fn record_id(name: &str, time: Timestamp, request: Option<String>, bucket: &Bucket, object: &Object) -> String {
    let order = object.sequencer.as_deref().unwrap_or_default();
    match request {
        Some(request) if !order.is_empty() => format!("s3/{request}/{order}"),
        _ => {
            let version = object.version_id.as_deref().or(object.etag.as_deref()).unwrap_or_default();
            format!("s3/{name}/{time}/{order}/{version}/{}/{}", bucket.name, object.key)
        }
    }
}

fn event(
    event_id: String,
    time: Timestamp,
    bucket: Bucket,
    object: Object,
    reason: Option<String>,
) -> Result<ObjectEvent, String> {
    for (what, text) in [("the event's id", &event_id), ("the bucket's name", &bucket.name), ("the key", &object.key)] {
        if text.is_empty() {
            return Err(format!("{what} is empty"));
        }
    }
    Ok(ObjectEvent {
        event_id,
        time,
        bucket: bucket.name,
        key: object.key,
        version_id: object.version_id.filter(|version| !version.is_empty() && version != "null"),
        etag: object.etag.map(|etag| etag.trim_matches('"').to_owned()).filter(|etag| !etag.is_empty()),
        sequencer: object.sequencer.filter(|sequencer| !sequencer.is_empty()),
        size: object.size,
        reason,
    })
}

/// Decodes form encoding: `+` is a space, `%2B` a plus.
fn form_decoded(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| format!("the key {key:?} is not UTF-8 once it is decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_encoded_key_is_decoded_once() {
        for (encoded, key) in [
            ("orders/a+b.csv", "orders/a b.csv"),
            ("orders/a%2Bb.csv", "orders/a+b.csv"),
            ("orders/100%2525.csv", "orders/100%25.csv"),
            ("orders/%E2%98%83%22%0A'.csv", "orders/\u{2603}\"\n'.csv"),
            ("-rf", "-rf"),
        ] {
            assert_eq!(form_decoded(encoded).unwrap(), key);
        }
        assert!(form_decoded("orders/%FF").is_err());
    }
}
