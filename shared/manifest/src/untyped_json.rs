//! Values whose type dbt does not enforce, such as those under `config` and `meta`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Any JSON value, with the facts that selection and S3 mapping use.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Untyped<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// The strings of a list, and whether the list has any items.
    List(Vec<Cow<'a, str>>, bool),
    /// A mapping, and whether it has any entries.
    Map(bool),
}

impl Untyped<'_> {
    /// Returns the string, if the value is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Untyped::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the string, or the strings of the list.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Untyped::Text(text) => vec![text],
            Untyped::List(items, _) => items.iter().map(AsRef::as_ref).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self {
            Untyped::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether Python considers the value true: `bool(value)`.
    pub(crate) fn truthy(&self) -> bool {
        match self {
            Untyped::Null => false,
            Untyped::Bool(value) => *value,
            Untyped::Number(value) => *value != 0.0,
            Untyped::Text(text) => !text.is_empty(),
            Untyped::List(_, filled) | Untyped::Map(filled) => *filled,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Untyped<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UntypedVisitor;
        impl<'de> Visitor<'de> for UntypedVisitor {
            type Value = Untyped<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Untyped::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Untyped::Bool(value))
            }
            #[expect(clippy::cast_precision_loss, reason = "only whether it is zero matters")]
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Untyped::Number(value as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "only whether it is zero matters")]
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Untyped::Number(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Untyped::Number(value))
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Untyped::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Untyped::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                let mut filled = false;
                while let Some(item) = seq.next_element::<Untyped<'de>>()? {
                    filled = true;
                    if let Untyped::Text(text) = item {
                        texts.push(text);
                    }
                }
                Ok(Untyped::List(texts, filled))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut filled = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    filled = true;
                }
                Ok(Untyped::Map(filled))
            }
        }
        deserializer.deserialize_any(UntypedVisitor)
    }
}
