//! `EventBridge`'s envelope, which most events come in.

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// How much of a malformed text is kept.
const KEPT_CHARACTERS: usize = 512;

/// A text that is not the event it should be. An operator must look at its sender; the text itself never becomes right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event that Landfall can read: {reason}")]
pub struct Malformed {
    /// What is wrong, naming the field.
    pub reason: String,
    /// The text's first characters.
    pub text: String,
}

impl Malformed {
    pub(super) fn new(reason: impl Into<String>, text: &str) -> Self {
        Self { reason: reason.into(), text: text.chars().take(KEPT_CHARACTERS).collect() }
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) source: String,
    #[serde(rename = "detail-type")]
    pub(super) detail_type: String,
    pub(super) time: Timestamp,
    pub(super) detail: Value,
}

/// One part of an event as a type; an error names the part.
pub(super) fn part<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("{what}: {error}"))
}
