//! The envelope of EventBridge events.

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The length of a malformed text that is kept, in characters.
const KEPT_CHARACTERS: usize = 512;

/// A text that is not the expected event. An operator must fix its sender; retrying cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event that Landfall can read: {reason}")]
pub struct Malformed {
    /// What is wrong, with the name of the field.
    pub reason: String,
    /// The text's first characters.
    pub text: String,
}

impl Malformed {
    pub(super) fn new(reason: impl Into<String>, text: &str) -> Self {
        Self { reason: reason.into(), text: text.chars().take(KEPT_CHARACTERS).collect() }
    }
}

/// The envelope of every EventBridge event: <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) source: String,
    #[serde(rename = "detail-type")]
    pub(super) detail_type: String,
    pub(super) time: Timestamp,
    pub(super) detail: Value,
}

/// Parses one part of an event. An error names the part.
pub(super) fn part<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("{what}: {error}"))
}
