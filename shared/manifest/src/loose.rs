//! Values whose type dbt does not enforce: people write what they like under `config` and `meta`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use xxhash_rust::xxh3::xxh3_64;

/// A string that borrows from the manifest where it holds no escapes.
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

/// A string of which only equality and blankness matter: code and descriptions are never kept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hashed {
    pub(crate) hash: u64,
    pub(crate) blank: bool,
}

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HashedVisitor;
        impl Visitor<'_> for HashedVisitor {
            type Value = Hashed;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                // Python's str.strip() also takes the four ASCII separators away.
                let blank = value.chars().all(|c| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
                Ok(Hashed { hash: xxh3_64(value.as_bytes()), blank })
            }
        }
        deserializer.deserialize_str(HashedVisitor)
    }
}

/// Any JSON value, of which only what selection and S3 mapping ask for is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Loose<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// The strings of a list, and whether the list held anything at all.
    List(Vec<Cow<'a, str>>, bool),
    /// A mapping, and whether it held anything.
    Map(bool),
}

impl Loose<'_> {
    /// The string, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Loose::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string, or the strings of the list.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Loose::Text(text) => vec![text],
            Loose::List(items, _) => items.iter().map(AsRef::as_ref).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self {
            Loose::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Python's `bool(value)`.
    pub(crate) fn truthy(&self) -> bool {
        match self {
            Loose::Null => false,
            Loose::Bool(value) => *value,
            Loose::Number(value) => *value != 0.0,
            Loose::Text(text) => !text.is_empty(),
            Loose::List(_, filled) | Loose::Map(filled) => *filled,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LooseVisitor;
        impl<'de> Visitor<'de> for LooseVisitor {
            type Value = Loose<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Loose::Bool(value))
            }
            #[expect(clippy::cast_precision_loss, reason = "only zero or not is asked of it")]
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "only zero or not is asked of it")]
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value))
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                let mut filled = false;
                while let Some(item) = seq.next_element::<Loose<'de>>()? {
                    filled = true;
                    if let Loose::Text(text) = item {
                        texts.push(text);
                    }
                }
                Ok(Loose::List(texts, filled))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut filled = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    filled = true;
                }
                Ok(Loose::Map(filled))
            }
        }
        deserializer.deserialize_any(LooseVisitor)
    }
}
