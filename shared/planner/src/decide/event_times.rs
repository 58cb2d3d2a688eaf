//! What an event's own time and identity are good for: S3's time of a small single PUT tells whether a run has read the
//! object, and a loader's time is for people.

use jiff::{SignedDuration, Timestamp};

use crate::{DatasetLoaded, EventHash, ObjectEvent};

/// Of larger objects S3's time does not tell when they were complete, because their upload may take long.
pub const SINGLE_PUT_BYTES: u64 = 16 * 1024 * 1024;

/// Returns S3's time of the write, if that time tells when the object could be read: for a single PUT of at most
/// [`SINGLE_PUT_BYTES`].
///
/// The time of a multipart upload may be that of its start, hours before the object can be read
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>, `Last-Modified`).
pub(super) fn single_put_time(event: &ObjectEvent) -> Option<Timestamp> {
    let is_small = event.size.is_some_and(|size| size <= SINGLE_PUT_BYTES);
    (event.reason.as_deref() == Some("PutObject") && is_small).then_some(event.time)
}

/// Returns the hashes that identify a loader's event. The same event id is the same event. So are a `batch_id` and a
/// `loaded_at` that are both given and both equal. A `batch_id` alone is none: a loader may name the batches of a day
/// alike, or leave the variable empty.
pub(super) fn report_identities(event: &DatasetLoaded) -> Vec<EventHash> {
    let mut hashes = vec![EventHash::of(&["event", &event.event_id])];
    if let (Some(batch), Some(loaded_at)) =
        (event.batch_id.as_deref().filter(|batch| !batch.is_empty()), event.loaded_at)
    {
        hashes.push(EventHash::of(&["loaded", &event.dataset, batch, &loaded_at.to_string()]));
    }
    hashes
}

/// Returns the time less the duration, or the earliest time that there is.
pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
