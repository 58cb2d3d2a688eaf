//! Sets of numbers that stand for node ids or relations: the board's way to stay small at 100,000 nodes.

use std::{fmt, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A set of ordinals of a release's dictionary. In JSON it is the base64 of a
/// [roaring bitmap's portable form](https://github.com/RoaringBitmap/RoaringFormatSpec).
///
/// A clone shares its memory until one of the two changes: a decision copies the board, and of thousands of sets changes a few.
#[derive(Clone, Default)]
pub struct Set(Arc<RoaringBitmap>);

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Set {
    fn of(bitmap: RoaringBitmap) -> Self {
        Self(Arc::new(bitmap))
    }

    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the ordinal is in it.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.0.contains(ordinal)
    }

    /// Puts the ordinal in; true if it was not there.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        Arc::make_mut(&mut self.0).insert(ordinal)
    }

    /// Takes the ordinal out; true if it was there.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        Arc::make_mut(&mut self.0).remove(ordinal)
    }

    /// In rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }

    /// Puts all of the other in.
    pub fn add(&mut self, other: &Self) {
        *Arc::make_mut(&mut self.0) |= &*other.0;
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(&*self.0 | &*other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::of(&*self.0 & &*other.0)
    }

    /// What is in this one alone.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::of(&*self.0 - &*other.0)
    }

    /// Whether anything is in both.
    pub fn meets(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    /// Whether all of this is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<u32> for Set {
    fn from_iter<I: IntoIterator<Item = u32>>(ordinals: I) -> Self {
        Self::of(ordinals.into_iter().collect())
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0.serialize_into(&mut bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        RoaringBitmap::deserialize_from(bytes.as_slice()).map(Self::of).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_from_json() {
        let set: Set = [3, 70_000, 5].into_iter().collect();
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(serde_json::from_str::<Set>(&text).unwrap(), set);
        assert!(serde_json::from_str::<Set>("\"AAAA\"").is_err());
    }
}
