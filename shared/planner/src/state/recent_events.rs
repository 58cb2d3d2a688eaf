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

/// Remembered events with their times. In JSON they are one string: the base64 of ten bytes of the hash and six of
/// the time (milliseconds since 1970, big-endian) for each, because the board has more of these than of anything
/// else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentEvents(BTreeMap<EventHash, Timestamp>);

/// The bytes of a hash.
const HASH: usize = 10;
/// The bytes of an event.
const EACH: usize = 16;

impl RecentEvents {
    /// Whether no event is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the event is remembered.
    pub fn contains(&self, hash: &EventHash) -> bool {
        self.0.contains_key(hash)
    }

    /// Remembers an event of that time.
    pub fn insert(&mut self, hash: EventHash, time: Timestamp) {
        self.0.insert(hash, time);
    }

    /// Keeps the events for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&EventHash, Timestamp) -> bool) {
        self.0.retain(|hash, time| keep(hash, *time));
    }

    /// Iterates over the events with their times.
    pub fn iter(&self) -> impl Iterator<Item = (&EventHash, Timestamp)> {
        self.0.iter().map(|(hash, time)| (hash, *time))
    }

    /// Iterates over the times to change them.
    pub fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        self.0.values_mut()
    }
}

impl Serialize for RecentEvents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.len() * EACH);
        for (hash, time) in &self.0 {
            bytes.extend(hash.0);
            bytes.extend(time.as_millisecond().to_be_bytes().into_iter().skip(2));
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
            let time = event.iter().skip(HASH).fold(0_i64, |time, byte| time << 8 | i64::from(*byte));
            Ok((EventHash(hash), Timestamp::from_millisecond(time).map_err(D::Error::custom)?))
        };
        events.iter().map(event).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_events_read_back_from_json() {
        let mut recent = RecentEvents::default();
        recent.insert(EventHash::of(&["a", "b"]), "2026-11-22T10:00:00.123Z".parse().unwrap());
        recent.insert(EventHash::of(&["ab"]), "1970-01-01T00:00:00Z".parse().unwrap());
        let text = serde_json::to_string(&recent).unwrap();
        assert_eq!(serde_json::from_str::<RecentEvents>(&text).unwrap(), recent);
        assert_eq!(text.len(), 2 + 32_usize.div_ceil(3) * 4 - 1, "two events, 16 bytes each, without padding");
        assert!(serde_json::from_str::<RecentEvents>("\"AAAA\"").is_err());
    }

    #[test]
    fn the_hash_depends_on_where_a_part_ends() {
        assert_ne!(EventHash::of(&["a", "b"]), EventHash::of(&["ab", ""]));
        assert_eq!(EventHash::of(&["a"]).hex().len(), 20);
    }
}
