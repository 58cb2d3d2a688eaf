//! The strings of a manifest: as text borrowed from the manifest, or as a digest where only equality matters.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

/// A string, borrowed from the manifest if it has no escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The digest of a string, and whether the string is blank. Code and descriptions are kept only in this form.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HashedText {
    pub(crate) hash: u64,
    pub(crate) blank: bool,
}

impl<'de> Deserialize<'de> for HashedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of_json(<&RawValue>::deserialize(deserializer)?.get()).map_err(serde::de::Error::custom)
    }
}

impl HashedText {
    /// Hashes the JSON text of the string, because unescaping code is slow. JSON can escape one string in several
    /// ways. The form that is hashed is that of `serde_json`, which never writes `\/`, nor `\u` where a shorter
    /// escape exists.
    fn of_json(json: &str) -> serde_json::Result<Self> {
        let has_other_escapes = memchr::memchr_iter(b'\\', json.as_bytes())
            .any(|at| matches!(json.as_bytes().get(at + 1), Some(b'u' | b'/')));
        if has_other_escapes || !json.starts_with('"') {
            let text: String = serde_json::from_str(json)?;
            return Ok(Self::of_canonical_json(&serde_json::to_string(&text)?));
        }
        Ok(Self::of_canonical_json(json))
    }

    fn of_canonical_json(json: &str) -> Self {
        Self { hash: xxh3_64(json.as_bytes()), blank: is_blank(json) }
    }
}

/// Whether Python's `str.strip()` leaves nothing of the string. It also removes the four ASCII separators, U+001C to
/// U+001F.
fn is_blank(json: &str) -> bool {
    let inside = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let first = inside.trim_start().as_bytes();
    match first {
        [] => true,
        [b'\\', b'n' | b't' | b'r' | b'f' | b'u', ..] => serde_json::from_str::<String>(json)
            .is_ok_and(|text| text.chars().all(|c| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::HashedText;

    fn hashed(json: &str) -> HashedText {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_string_has_the_same_hash_however_it_is_escaped() {
        assert_eq!(hashed(r#""a\u00e9\/\n""#).hash, hashed("\"aé/\\n\"").hash);
        assert_eq!(hashed(r#""\u0008\u000A""#).hash, hashed(r#""\b\n""#).hash);
        assert_eq!(hashed(r#""\\u0041""#).hash, hashed(r#""\\u0041""#).hash);
        assert_ne!(hashed(r#""\\u0041""#).hash, hashed(r#""A""#).hash);
        assert_ne!(hashed(r#""a""#).hash, hashed(r#""b""#).hash);
    }

    #[test]
    fn a_string_is_blank_if_python_strips_all_of_it() {
        for blank in [r#""""#, r#"" ""#, r#""\n  \t\r""#, r#""\u00a0\u001c \u000b""#, "\"\u{a0}\""] {
            assert!(hashed(blank).blank, "{blank}");
        }
        for code in [r#""x""#, r#""\n x""#, r#""\\""#, r#""\u0041""#, r#""\u200b""#] {
            assert!(!hashed(code).blank, "{code}");
        }
        assert!(serde_json::from_str::<HashedText>("3").is_err());
    }
}
