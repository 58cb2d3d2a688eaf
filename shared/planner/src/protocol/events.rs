//! Inbound events, as the AWS adapters parse them: objects in S3, a loader's `Dataset Loaded`, and operator commands.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{DatasetName, Trigger};

/// A time that another system states may lie this far ahead. Its clock is wrong if it states a later one.
pub const AHEAD_LIMIT: SignedDuration = SignedDuration::from_mins(5);

/// An object that was written or deleted: S3's `Object Created` or `Object Deleted`, by any way of delivery.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// The event's id. A repeated delivery has the same one.
    pub event_id: String,
    /// The time of the write or deletion by S3's clock, or of the start of the upload. Events by `EventBridge` have
    /// whole seconds.
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
    /// The time that the event states, which its sender may set to any value. It decides nothing.
    pub time: Timestamp,
    /// The dataset's name as the loader wrote it, not validated.
    pub dataset: String,
    /// The time at which the loader finished by its own clock, if it states one. It is for people: another system's
    /// clock decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_at: Option<Timestamp>,
    /// The loader's own id of the batch. Two events with one id are duplicates only if they also have one `loaded_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
}

/// The event `Operator Command`: an operator's instruction to the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// The event's id. A repeated delivery has the same one.
    pub event_id: String,
    /// The time at which SQS received the command, or the time that it states if that is earlier. Of two commands the
    /// one with the later time holds.
    pub time: Timestamp,
    /// The time that it states, if that lies more than [`AHEAD_LIMIT`] ahead of SQS's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_time: Option<Timestamp>,
    /// What the operator asks the stack to do.
    pub action: OperatorAction,
}

impl OperatorCommand {
    /// A command that states `time`, and that SQS received at `received`. The sender of an event may set its time to
    /// any value, and no command was sent after SQS received it. An earlier time is kept: a command that was delivered
    /// late does not replace one that was sent after it.
    pub fn received(event_id: String, time: Timestamp, received: Timestamp, action: OperatorAction) -> Self {
        let stated_time = Some(time).filter(|time| time.duration_since(received) > AHEAD_LIMIT);
        Self { event_id, time: time.min(received), stated_time, action }
    }
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
