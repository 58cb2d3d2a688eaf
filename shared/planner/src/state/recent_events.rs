//! Hashes of events that the board remembers one by one, because no time covers them yet.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// The start of a SHA-256 of what identifies an event. With ten bytes, a new event equals one of 4,096 remembered
/// ones by chance once in 10²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventHash([u8; 10]);

impl EventHash {
    /// Returns the hash of these parts. It depends on where one part ends and the next begins.
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part.as_bytes());
        }
        let mut start = [0; 10];
        start.iter_mut().zip(digest.finalize()).for_each(|(byte, of)| *byte = of);
        Self(start)
    }

    /// Returns the hash as 20 hexadecimal digits.
    pub fn hex(&self) -> String {
        format!("{:020x}", self.0.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte)))
    }
}

/// What the board remembers of an event besides its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentEvent {
    /// S3's time of the write if [`covered_by_time`](Self::covered_by_time), otherwise the time at which the event
    /// came.
    pub at: Timestamp,
    /// Whether a run that reads later than `at`, by the margin, covers the event even if its hash is dropped.
    pub covered_by_time: bool,
}

/// Remembered events. In JSON they are one string: the base64 of ten bytes of the hash and eight of the time for each,
/// because the board has more of these than of anything else. The eight bytes are a signed big-endian number, twice
/// the milliseconds since 1970, plus one if the event is covered by time. Every instant of [`Timestamp`] fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentEvents(BTreeMap<EventHash, RecentEvent>);

/// The bytes of a hash.
const HASH: usize = 10;
/// The bytes of an event.
const EACH: usize = 18;

impl RecentEvents {
    /// Whether no event is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the event is remembered.
    pub fn contains(&self, hash: &EventHash) -> bool {
        self.0.contains_key(hash)
    }

    /// Remembers an event. Its time is kept in whole milliseconds, as it is stored.
    pub fn insert(&mut self, hash: EventHash, event: RecentEvent) {
        self.0.insert(hash, RecentEvent { at: whole_milliseconds(event.at), ..event });
    }

    /// Keeps the events for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&EventHash, RecentEvent) -> bool) {
        self.0.retain(|hash, event| keep(hash, *event));
    }

    /// Iterates over the events.
    pub fn iter(&self) -> impl Iterator<Item = (&EventHash, RecentEvent)> {
        self.0.iter().map(|(hash, event)| (hash, *event))
    }
}

/// Drops the part of a time below the millisecond, which the board does not store.
pub(crate) fn whole_milliseconds(at: Timestamp) -> Timestamp {
    of_milliseconds(at.as_millisecond()).unwrap_or(at)
}

/// Returns the instant that many milliseconds after 1970. `Timestamp::from_millisecond` refuses those of the last second
/// that the type allows.
fn of_milliseconds(number: i64) -> Result<Timestamp, jiff::Error> {
    let nanoseconds = i32::try_from(number.rem_euclid(1_000)).unwrap_or_default() * 1_000_000;
    Timestamp::new(number.div_euclid(1_000), nanoseconds)
}

impl Serialize for RecentEvents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.len() * EACH);
        for (hash, event) in &self.0 {
            bytes.extend(hash.0);
            let number = event.at.as_millisecond() << 1 | i64::from(event.covered_by_time);
            bytes.extend(number.to_be_bytes());
        }
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for RecentEvents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        let (events, rest) = bytes.as_chunks::<EACH>();
        if !rest.is_empty() {
            return Err(D::Error::custom("recent events: the last one is incomplete"));
        }
        let event = |event: &[u8; EACH]| {
            let mut hash = [0; HASH];
            hash.iter_mut().zip(event).for_each(|(byte, of)| *byte = *of);
            let mut number = [0; EACH - HASH];
            number.iter_mut().zip(event.iter().skip(HASH)).for_each(|(byte, of)| *byte = *of);
            let number = i64::from_be_bytes(number);
            let at = of_milliseconds(number >> 1).map_err(D::Error::custom)?;
            Ok((EventHash(hash), RecentEvent { at, covered_by_time: number & 1 == 1 }))
        };
        events.iter().map(event).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_reads_back_from_json() {
        let mut recent = RecentEvents::default();
        let instants = [
            "2026-11-22T10:00:00.123Z",
            "1970-01-01T00:00:00Z",
            // Each of these was written in a form that could not be read back, or was read as another year.
            "1969-12-31T23:59:59.999Z",
            "1900-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-30T22:00:00Z",
        ];
        let instants = instants.into_iter().map(|text| text.parse().unwrap()).chain([Timestamp::MIN, Timestamp::MAX]);
        for (number, at) in instants.enumerate() {
            let event = RecentEvent { at, covered_by_time: number % 2 == 0 };
            recent.insert(EventHash::of(&[&number.to_string()]), event);
        }
        let text = serde_json::to_string(&recent).unwrap();
        assert_eq!(serde_json::from_str::<RecentEvents>(&text).unwrap(), recent);
        assert_eq!(text.len(), 2 + 8 * 18 / 3 * 4, "eight events, 18 bytes each, without padding");
        assert!(serde_json::from_str::<RecentEvents>("\"AAAA\"").is_err());
    }

    #[test]
    fn the_hash_depends_on_where_a_part_ends() {
        assert_ne!(EventHash::of(&["a", "b"]), EventHash::of(&["ab", ""]));
        assert_eq!(EventHash::of(&["a"]).hex().len(), 20);
    }
}
