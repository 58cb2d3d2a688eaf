//! Inbound events, as the AWS adapters parse them: objects in S3, a loader's `Dataset Loaded`, and operator commands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DatasetName, Trigger};

/// An object that was written or deleted: S3's `Object Created` or `Object Deleted`, by any way of delivery.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// The event's id. A repeated delivery has the same one.
    pub event_id: String,
    /// The time of the write or deletion by S3's clock. Events by `EventBridge` have whole seconds.
    pub time: Timestamp,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, decoded. It is untrusted text.
    pub key: String,
    /// The object's version. Present in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The object's entity tag, without quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// A value that orders the events of one key. Two values are compared as text after the shorter one is padded with
    /// zeros on its right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// The object's size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The S3 call behind the event: `PutObject`, `CopyObject`, `CompleteMultipartUpload`, `DeleteObject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The event `Dataset Loaded`: a loader states that a dataset's rows are in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLoaded {
    /// The event's id. A repeated delivery has the same one.
    pub event_id: String,
    /// The time at which the event was sent, in whole seconds.
    pub time: Timestamp,
    /// The dataset's name as the loader wrote it, not validated.
    pub dataset: String,
    /// The time at which the loader finished, if it states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_at: Option<Timestamp>,
    /// The loader's own id of the batch. Two events with one id are duplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
}

/// The event `Operator Command`: an operator's instruction to the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// The event's id. A repeated delivery has the same one.
    pub event_id: String,
    /// The time at which the command was sent, in whole seconds.
    pub time: Timestamp,
    /// What the operator asks the stack to do.
    pub action: OperatorAction,
}

/// The instruction of an operator command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum OperatorAction {
    /// Pause a dataset, or everything. New data stays pending, and running tasks finish.
    Pause {
        /// The dataset. If absent, everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<DatasetName>,
    },
    /// Resume a dataset, or everything. To resume everything does not resume a dataset that was paused by its name.
    Resume {
        /// The dataset. If absent, everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<DatasetName>,
    },
    /// Retry what failed, of one trigger or of all.
    Retry {
        /// The trigger. If absent, every trigger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<Trigger>,
    },
    /// Approve a release that changes more nodes than `release.max_nodes`.
    Approve,
}
