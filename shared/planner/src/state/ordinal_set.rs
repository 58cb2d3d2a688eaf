//! Sets of ordinals, the numbers that stand for node ids or relations. They keep the board small at 100,000 nodes.

use std::{fmt, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A set of ordinals of a release's dictionary. In JSON it is the base64 of its gaps and stretches.
///
/// A clone shares memory with its original until one of the two changes, because a decision copies the board and
/// changes few of its thousands of sets.
#[derive(Clone, Default)]
pub struct OrdinalSet(Arc<RoaringBitmap>);

impl PartialEq for OrdinalSet {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl OrdinalSet {
    fn of(bitmap: RoaringBitmap) -> Self {
        Self(Arc::new(bitmap))
    }

    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of ordinals.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the ordinal is in it.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.0.contains(ordinal)
    }

    /// Adds the ordinal. Returns true if it is new.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        Arc::make_mut(&mut self.0).insert(ordinal)
    }

    /// Removes the ordinal. Returns true if it was in the set.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        Arc::make_mut(&mut self.0).remove(ordinal)
    }

    /// Iterates over the ordinals in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }

    /// Adds every ordinal of the other set.
    pub fn add(&mut self, other: &Self) {
        *Arc::make_mut(&mut self.0) |= &*other.0;
    }

    /// Returns the ordinals of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(&*self.0 | &*other.0)
    }

    /// Returns the ordinals of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::of(&*self.0 & &*other.0)
    }

    /// Returns the ordinals that are not in the other set.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::of(&*self.0 - &*other.0)
    }

    /// Whether the sets share an ordinal.
    pub fn intersects(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    /// Whether every ordinal is in the other set, too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<u32> for OrdinalSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ordinals: I) -> Self {
        Self::of(ordinals.into_iter().collect())
    }
}

impl fmt::Debug for OrdinalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for OrdinalSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(dense::bytes(&self.0)))
    }
}

impl<'de> Deserialize<'de> for OrdinalSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        dense::set(&bytes).map(Self::of).ok_or_else(|| D::Error::custom("not a set of ordinals"))
    }
}

/// A set in few bytes. Roaring's own form takes two bytes a number. A run's nodes lie some dozens apart, so that a
/// byte for each halves the board.
mod dense {
    use roaring::RoaringBitmap;

    /// More than any dictionary has. A set with a larger number is damaged.
    const MOST: u64 = 1 << 26;

    /// Writes each stretch of consecutive numbers: the gap before it, doubled, plus one if the stretch is longer than
    /// one number; then how many more numbers it has. As varints: seven bits a byte, the lowest first, with the
    /// highest bit set if another byte follows.
    pub(super) fn bytes(set: &RoaringBitmap) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = 0_u64;
        let mut numbers = set.iter().map(u64::from).peekable();
        while let Some(first) = numbers.next() {
            let mut last = first;
            while numbers.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            write_varint(&mut out, (first - next) << 1 | u64::from(last > first));
            if last > first {
                write_varint(&mut out, last - first);
            }
            next = last + 1;
        }
        out
    }

    pub(super) fn set(mut bytes: &[u8]) -> Option<RoaringBitmap> {
        let mut set = RoaringBitmap::new();
        let mut next = 0_u64;
        while !bytes.is_empty() {
            let gap = read_varint(&mut bytes)?;
            let first = next.checked_add(gap >> 1)?;
            let more = if gap & 1 == 1 { read_varint(&mut bytes)? } else { 0 };
            next = first.checked_add(more)?.checked_add(1).filter(|next| *next <= MOST)?;
            set.insert_range(u32::try_from(first).ok()?..u32::try_from(next).ok()?);
        }
        Some(set)
    }

    fn write_varint(out: &mut Vec<u8>, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            out.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return;
            }
        }
    }

    fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_from_json() {
        let sets: [&[u32]; 6] =
            [&[], &[0], &[3, 70_000, 5], &[0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 200_000], &[16_383, 16_384], &[8]];
        for numbers in sets {
            let set: OrdinalSet = numbers.iter().copied().collect();
            let text = serde_json::to_string(&set).unwrap();
            assert_eq!(serde_json::from_str::<OrdinalSet>(&text).unwrap(), set, "{text}");
        }
        let whole: OrdinalSet = (0..100_000).collect();
        assert!(serde_json::to_string(&whole).unwrap().len() < 10);
        for damaged in ["\"gA\"", "\"/////////w\"", "\"Af///38\"", "\"*\"", "7"] {
            assert!(serde_json::from_str::<OrdinalSet>(damaged).is_err(), "{damaged}");
        }
    }
}
