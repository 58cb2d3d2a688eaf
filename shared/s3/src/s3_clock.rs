//! S3's clock, as its replies show it.
//!
//! The clocks of functions and laptops may be wrong. Claims and boards are compared by S3's clock, so a decision takes
//! the time from it: the `Date` of the last reply, plus what has passed in this process since.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};
use jiff::{SignedDuration, Timestamp};

use crate::timestamp;

/// The last reply's time, and when this process saw it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    date: Timestamp,
    at: Instant,
}

impl Seen {
    fn now(self, passed: Duration) -> Timestamp {
        SignedDuration::try_from(passed).ok().and_then(|passed| self.date.checked_add(passed).ok()).unwrap_or(self.date)
    }
}

static LAST: Mutex<Option<Seen>> = Mutex::new(None);

/// Returns S3's time; none before the first reply in this process. It is late by up to a second and the duration of the
/// reply, and never early.
pub fn s3_time() -> Option<Timestamp> {
    let seen = *LAST.lock().unwrap_or_else(PoisonError::into_inner);
    seen.map(|seen| seen.now(seen.at.elapsed()))
}

/// Records the `Date` of each reply.
#[derive(Debug)]
pub struct RecordS3Time;

#[dyn_dispatch_hint]
impl Intercept for RecordS3Time {
    fn name(&self) -> &'static str {
        "RecordS3Time"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date").and_then(http_date) {
            record(date, Instant::now());
        }
        Ok(())
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::from_str(text, Format::HttpDate).ok().as_ref().and_then(timestamp)
}

fn record(date: Timestamp, at: Instant) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *last = Some(newer(*last, date, at));
}

/// The reply's time, unless the time by the replies before lies within the same second: a `Date` has whole seconds.
fn newer(before: Option<Seen>, date: Timestamp, at: Instant) -> Seen {
    let expected = before.map(|seen| seen.now(at.saturating_duration_since(seen.at)));
    let same_second = |time: &Timestamp| *time >= date && time.duration_since(date) < SignedDuration::from_secs(1);
    Seen { date: expected.filter(same_second).unwrap_or(date), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_advances_between_replies_and_follows_the_last_one() {
        let date = http_date("Sun, 22 Nov 2026 17:14:17 GMT").unwrap();
        let start = Instant::now();
        let seen = newer(None, date, start);
        assert_eq!(seen.now(Duration::from_millis(2_500)).to_string(), "2026-11-22T17:14:19.5Z");
        let within = newer(Some(seen), date, start + Duration::from_millis(400));
        assert_eq!(within.date.to_string(), "2026-11-22T17:14:17.4Z", "a later reply of the same second");
        let stepped = newer(Some(seen), date, start + Duration::from_hours(2));
        assert_eq!(stepped.date, date, "the last reply counts");
        assert_eq!(http_date("yesterday"), None);
    }
}
