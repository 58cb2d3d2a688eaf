//! News of data: what the adapters make of an event before anything is decided about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DatasetName, Trigger};

/// An object was written to a bucket, or deleted: S3's `Object Created` and `Object Deleted`, however they came.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// The event's own id. A repeated delivery bears the same one.
    pub event_id: String,
    /// When the object was written or deleted, by S3's clock; to the whole second when it came by `EventBridge`.
    pub time: Timestamp,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key as S3 knows it, already decoded: hostile text.
    pub key: String,
    /// Present in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// S3's entity tag, without its quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Orders the events of one key: compared as text after the shorter one is padded with zeros on its right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The call that did it: `PutObject`, `CopyObject`, `CompleteMultipartUpload`, `DeleteObject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A loader says that a dataset's rows are in the warehouse: the event `Dataset Loaded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLoaded {
    /// The event's own id. A repeated delivery bears the same one.
    pub event_id: String,
    /// When the event was sent, to the whole second.
    pub time: Timestamp,
    /// The name as the loader gave it: not checked yet.
    pub dataset: String,
    /// When the loader was done, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_at: Option<Timestamp>,
    /// The loader's own mark of the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
}

/// An operator's word to the stack: the event `Operator Command`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// The event's own id. A repeated delivery bears the same one.
    pub event_id: String,
    /// When it was said, to the whole second.
    pub time: Timestamp,
    /// What is wanted.
    pub action: OperatorAction,
}

/// What an operator may want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum OperatorAction {
    /// Plan no run, for a dataset or at all. What lands is pending as ever, and what runs goes on.
    Pause {
        /// None: everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<DatasetName>,
    },
    /// No longer. That of everything ends no pause of a single dataset.
    Resume {
        /// None: everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<DatasetName>,
    },
    /// Try again what failed.
    Retry {
        /// None: every trigger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<Trigger>,
    },
    /// A release above `release.max_nodes` may run.
    Approve,
}
