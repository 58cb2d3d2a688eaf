//! What arrives from outside: objects, loaders' reports and texts that are no events, with the times that their senders
//! state.

use jiff::{SignedDuration, Timestamp};
use landfall_planner::{AHEAD_LIMIT, DatasetLoaded, InboundEvent, ObjectEvent, SINGLE_PUT_BYTES};

use crate::{
    project::LANDING,
    scenario::{HOUR, MARKER, MINUTE, Ms, SECOND},
    world::{Happening, Landed, Message, World, at, whole},
};

/// A small PUT takes as long as this at most.
const SMALL_PUT: Ms = 100 * SECOND;

/// The key of an object, in the folder of one of three days, or of the marker.
fn key(dataset: &str, object: u32) -> String {
    if object == MARKER { format!("{dataset}/_DONE") } else { format!("{dataset}/dt={}/{object}.csv", object % 3) }
}

impl World {
    /// The upload of an object ends now. Its event has the time of its start or of its end.
    pub fn object_lands(&mut self, dataset: &str, object: u32) {
        let number = self.number();
        let event = format!("event-{number}");
        let now = self.now;
        let longest = self.scenario.longest_upload;
        let (reason, size, longest) = match self.rng.u32(..6) {
            0 => ("CompleteMultipartUpload", SINGLE_PUT_BYTES * 4, longest),
            1 => ("PutObject", SINGLE_PUT_BYTES + 1, longest),
            2 => ("CompleteMultipartUpload", 1, longest),
            _ => ("PutObject", 1, longest.min(SMALL_PUT)),
        };
        let begun = now - self.rng.i64(0..=longest);
        let skew = self.scenario.skew;
        let time = if self.rng.bool() { begun } else { now } + self.rng.i64(-skew..=skew);
        let load = InboundEvent::ObjectCreated(ObjectEvent {
            event_id: event.clone(),
            time: at(whole(time)),
            bucket: LANDING.to_owned(),
            key: key(dataset, object),
            version_id: None,
            etag: Some(format!("{number}")),
            sequencer: Some(format!("{number:016x}")),
            size: Some(size),
            reason: Some(reason.to_owned()),
        });
        self.landed.push(Landed { dataset: dataset.to_owned(), written: now, event });
        self.send(&load);
    }

    /// A loader has committed rows and reports it, by its own clock.
    pub fn loader_reports(&mut self, dataset: &str) {
        let now = self.now;
        let loaded_at = match self.rng.u32(..4) {
            0 => None,
            1 => Some(self.any_time()),
            _ => Some(at(whole(self.by_wrong_clock()))),
        };
        let batch_id = match self.rng.u32(..4) {
            0 => None,
            1 => Some(String::new()),
            2 => Some("daily".to_owned()),
            _ => Some(format!("batch-{}", self.numbers)),
        };
        self.report(dataset, loaded_at, batch_id.clone(), now);
        // The loader sends the report again, as another event, because it does not know whether the first one arrived.
        let is_kept = |time: Timestamp| time.duration_since(at(now)) <= AHEAD_LIMIT - SignedDuration::from_secs(10);
        if loaded_at.is_some_and(is_kept) && batch_id.as_ref().is_some_and(|batch| !batch.is_empty()) && self.rng.bool()
        {
            let (dataset, after) = (dataset.to_owned(), self.rng.i64(0..10 * MINUTE));
            let again = move |world: &mut Self| world.report(&dataset, loaded_at, batch_id, now);
            self.later(after, Happening::Effect(Box::new(again)));
        }
    }

    fn report(&mut self, dataset: &str, loaded_at: Option<Timestamp>, batch_id: Option<String>, written: Ms) {
        let event = format!("event-{}", self.number());
        let time = if self.rng.u32(..3) == 0 { self.any_time() } else { at(whole(self.by_wrong_clock())) };
        let load = InboundEvent::DatasetLoaded(DatasetLoaded {
            event_id: event.clone(),
            time,
            dataset: format!("raw.{dataset}"),
            loaded_at,
            batch_id,
        });
        self.landed.push(Landed { dataset: dataset.to_owned(), written, event });
        self.send(&load);
    }

    /// A text arrives that is no event. SQS gives each message an id of its own.
    pub fn malformed_arrives(&mut self) {
        let number = self.number();
        let event_id = format!("malformed-{number}");
        self.malformed.push(event_id.clone());
        let load = InboundEvent::Malformed { event_id, reason: "not JSON".to_owned(), text: "{".to_owned() };
        let message = Message { load: Some(load), visible_at: self.now, receives: 0, number };
        self.later(0, Happening::Arrives(message));
    }

    /// Now, by the clock of a loader or an operator.
    pub fn by_wrong_clock(&mut self) -> Ms {
        let most = self.scenario.wrong_clocks;
        self.now + self.rng.i64(-most..=most)
    }

    /// A time that a program may state by mistake.
    pub fn any_time(&mut self) -> Timestamp {
        let years = ["1900-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2099-01-01T00:00:00Z"];
        match self.rng.u32(..8) {
            0 => Timestamp::MIN,
            1 => Timestamp::MAX,
            2 => at(self.now - self.rng.i64(0..1_000 * HOUR)),
            3 => Timestamp::from_nanosecond(i128::from(self.rng.i64(..))).unwrap_or_default(),
            year => years.get(year as usize - 4).and_then(|text| text.parse().ok()).unwrap_or_default(),
        }
    }
}
