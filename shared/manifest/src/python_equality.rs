//! Digests of JSON values that are equal exactly if the values are equal in Python.
//!
//! `state:` compares configs as Python compares dictionaries: the order of keys does not matter, and `1 == 1.0 ==
//! True`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The kind of value that a digest was made from, for fields where dbt fills in a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    False,
    Other,
}

/// The digest of one value. If `LEAN`, entries of a mapping that are null or false count as absent: dbt fills absent
/// fields of its dataclasses with them, and older versions of dbt did not write them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PythonDigest<const LEAN: bool> {
    pub(crate) hash: u64,
    shape: Shape,
}

/// Returns a digest that is equal for values that are equal in Python.
pub(crate) fn digest(raw: &RawValue) -> u64 {
    serde_json::from_str::<PythonDigest<false>>(raw.get()).map_or(0, |digest| digest.hash)
}

/// Returns the digest of a dataclass of dbt, in which null, false and absent fields are equal.
pub(crate) fn lean_digest(raw: Option<&RawValue>) -> u64 {
    raw.and_then(|raw| serde_json::from_str::<PythonDigest<true>>(raw.get()).ok()).map_or(NULL, |digest| digest.hash)
}

/// Returns the digest of the config of a semantic model or saved query. dbt compares the whole config after it has
/// filled in the defaults.
pub(crate) fn config_digest(raw: Option<&RawValue>) -> u64 {
    let Some(raw) = raw else { return 0 };
    let Ok(entries) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) else { return 0 };
    entries
        .into_iter()
        .filter(|(key, value)| match (key.as_str(), value.get()) {
            (_, "null") | ("enabled", "true") | ("meta" | "cache", "{}") => false,
            ("cache", _) => lean_digest(Some(value)) != MAP,
            _ => true,
        })
        .map(|(key, value)| entry(&key, digest(value)))
        .fold(0, u64::wrapping_add)
}

/// Returns the digest of the freshness rules of a source. Null means no rule, and an absent threshold equals an empty
/// one.
pub(crate) fn freshness_digest(raw: Option<&RawValue>) -> u64 {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return NULL };
    let Ok(entries) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) else { return digest(raw) };
    let threshold = |key: &str| match entries.get(key) {
        None => MAP,
        Some(value) if value.get() == "null" => NULL,
        Some(value) => lean_digest(Some(value)),
    };
    join(&[threshold("warn_after"), threshold("error_after"), lean_digest(entries.get("filter").copied())])
}

/// Returns the digest of the parameters of a saved query that dbt compares.
pub(crate) fn query_digest(raw: Option<&RawValue>) -> u64 {
    let entries: BTreeMap<String, &RawValue> =
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    join(&["metrics", "group_by", "where"].map(|key| lean_digest(entries.get(key).copied())))
}

/// Returns the digest of the exports of a saved query: their names and three keys of the unrendered config, in order.
/// dbt compares nothing else of them.
pub(crate) fn exports_digest(raw: Option<&RawValue>) -> u64 {
    type Entry<'a> = BTreeMap<String, &'a RawValue>;
    let exports: Vec<Entry<'_>> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let digests: Vec<u64> = exports
        .iter()
        .map(|export| {
            let unrendered: Entry<'_> = export
                .get("unrendered_config")
                .and_then(|raw| serde_json::from_str(raw.get()).ok())
                .unwrap_or_default();
            let keys = ["export_as", "schema", "alias"].map(|key| unrendered.get(key).map_or(NULL, |raw| digest(raw)));
            join(&[export.get("name").map_or(NULL, |raw| digest(raw)), join(&keys)])
        })
        .collect();
    join(&digests)
}

/// Joins digests to one that depends on their order.
pub(crate) fn join(parts: &[u64]) -> u64 {
    parts.iter().fold(0x5eed, |sum, part| xxh3_64_with_seed(&part.to_le_bytes(), sum))
}

/// Returns the digest of one entry of a mapping. The digests of the entries are added, so their order does not matter.
pub(crate) fn entry(key: &str, value: u64) -> u64 {
    xxh3_64_with_seed(key.as_bytes(), value)
}

/// Returns the digest of an optional string.
pub(crate) fn text(value: Option<&str>) -> u64 {
    value.map_or(NULL, |value| xxh3_64_with_seed(value.as_bytes(), TEXT))
}

pub(crate) const NULL: u64 = 0x6e75_6c6c;
const TEXT: u64 = 1;
const NUMBER: u64 = 2;
const LIST: u64 = 3;
const MAP: u64 = 4;

impl<const LEAN: bool> PythonDigest<LEAN> {
    fn other(hash: u64) -> Self {
        Self { hash, shape: Shape::Other }
    }

    fn number(value: f64) -> Self {
        let value = if value == 0.0 { 0.0 } else { value };
        Self::other(xxh3_64_with_seed(&value.to_bits().to_le_bytes(), NUMBER))
    }
}

impl<'de, const LEAN: bool> Deserialize<'de> for PythonDigest<LEAN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PythonDigestVisitor::<LEAN>)
    }
}

struct PythonDigestVisitor<const LEAN: bool>;

impl<'de, const LEAN: bool> Visitor<'de> for PythonDigestVisitor<LEAN> {
    type Value = PythonDigest<LEAN>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(PythonDigest { hash: NULL, shape: Shape::Null })
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        let digest = PythonDigest::number(f64::from(u8::from(value)));
        Ok(if value { digest } else { PythonDigest { shape: Shape::False, ..digest } })
    }

    #[expect(clippy::cast_precision_loss, reason = "the comparison after the cast finds the loss")]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        let float = value as f64;
        if float as i64 == value && float.abs() < 9.0e18 {
            return Ok(PythonDigest::number(float));
        }
        Ok(PythonDigest::other(xxh3_64_with_seed(&value.to_le_bytes(), NUMBER)))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the comparison after the cast finds the loss"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        let float = value as f64;
        if float as u64 == value && float < 9.0e18 {
            return Ok(PythonDigest::number(float));
        }
        Ok(PythonDigest::other(xxh3_64_with_seed(&value.to_le_bytes(), NUMBER)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(PythonDigest::number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PythonDigest::other(xxh3_64_with_seed(value.as_bytes(), TEXT)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut sum = LIST;
        while let Some(item) = seq.next_element::<PythonDigest<LEAN>>()? {
            sum = xxh3_64_with_seed(&item.hash.to_le_bytes(), sum);
        }
        Ok(PythonDigest::other(sum))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sum = MAP;
        while let Some(key) = map.next_key::<Key>()? {
            let value = map.next_value::<PythonDigest<LEAN>>()?;
            if !(LEAN && value.shape != Shape::Other) {
                sum = sum.wrapping_add(xxh3_64_with_seed(&value.hash.to_le_bytes(), key.0));
            }
        }
        Ok(PythonDigest::other(sum))
    }
}

/// The digest of a key.
struct Key(u64);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Key(xxh3_64(value.as_bytes())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{digest, lean_digest};
    use serde_json::value::RawValue;

    fn digest_of(text: &str) -> u64 {
        digest(&RawValue::from_string(text.to_owned()).unwrap())
    }

    fn lean_digest_of(text: &str) -> u64 {
        lean_digest(Some(&RawValue::from_string(text.to_owned()).unwrap()))
    }

    #[test]
    fn values_that_are_equal_in_python_have_the_same_digest() {
        assert_eq!(digest_of(r#"{"a":1,"b":[true,null]}"#), digest_of(r#"{ "b": [1.0, null], "a": true }"#));
        assert_ne!(digest_of("[1,2]"), digest_of("[2,1]"));
        assert_ne!(digest_of(r#""1""#), digest_of("1"));
        assert_ne!(digest_of(r#"{"a":null}"#), digest_of("{}"));
        assert_ne!(digest_of("9007199254740993"), digest_of("9007199254740992"));
        assert_ne!(digest_of(r#"{"a":{"b":1}}"#), digest_of(r#"{"b":{"a":1}}"#));
    }

    #[test]
    fn a_dataclass_field_may_be_absent() {
        assert_eq!(lean_digest_of(r#"{"a":null,"b":[{"c":false}]}"#), lean_digest_of(r#"{"b":[{}]}"#));
        assert_ne!(lean_digest_of(r#"{"a":""}"#), lean_digest_of("{}"));
    }
}
