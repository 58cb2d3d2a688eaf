//! Names that are checked once, where they enter, and carried as types from there on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that does not have the form its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: {rule}")]
pub struct InvalidName {
    /// What the text was meant to be.
    pub what: &'static str,
    /// The text as it came.
    pub text: String,
    /// What a good one looks like.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the text if it has the form, else says what form is meant.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let ok: fn(&str) -> bool = $ok;
                if ok(&text) { Ok(Self(text)) } else { Err(InvalidName { what: $what, text, rule: $rule }) }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }
    };
}

/// Letters, digits, `-` and `_`: safe in an S3 key, a file name, a URL and an ECS `startedBy`.
fn is_token(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

name! {
    /// One execution of a plan. Made as `<time>-<writer's nonce>-<n>`, so that it sorts by time. At most 36 characters, because
    /// it is the task's [`startedBy`](https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
    RunId, "run id", "1 to 36 letters, digits, '-' or '_'", |t| is_token(t, 36)
}
name! {
    /// One immutable version of the dbt project. Sorts by time when made by `landfall release`.
    ReleaseId, "release", "1 to 100 letters, digits, '-' or '_'", |t| is_token(t, 100)
}
name! {
    /// What lands: `source.table`, or a name of the user's for a group.
    DatasetName, "dataset name", "1 to 200 letters, digits, '_', '-' or '.', starting with a letter, digit or '_'",
    |t| !t.is_empty()
        && t.len() <= 200
        && t.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && t.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
name! {
    /// A scheduled run of landfall.yml. At most 40 characters: it becomes part of an EventBridge Scheduler name (at most 64).
    JobName, "job name", "1 to 40 letters, digits, '-' or '_'", |t| is_token(t, 40)
}
name! {
    /// dbt's `unique_id` of a node, such as `model.shop.stg_orders`.
    NodeId, "node id", "dbt's unique_id: at least two parts joined by dots, without control characters",
    |t| t.len() <= 1000 && t.contains('.') && !t.chars().any(char::is_control)
}
name! {
    /// The random mark of one writer's one compare-and-swap; the board and the ledger keep it.
    Nonce, "nonce", "1 to 16 lower-case hexadecimal digits",
    |t| !t.is_empty() && t.len() <= 16 && t.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

impl RunId {
    /// The id of the `n`th run that the writer with this nonce starts in one compare-and-swap: `20261122t171417z-9f3a2c1b-0`.
    pub fn new(now: jiff::Timestamp, nonce: &Nonce, n: usize) -> Self {
        let short: String = nonce.as_str().chars().take(12).collect();
        Self(format!("{}-{short}-{n}", compact_timestamp(now)))
    }
}

/// `20261122t171417z`: an instant to the second, in UTC, as it stands in ids.
pub fn compact_timestamp(now: jiff::Timestamp) -> String {
    now.strftime("%Y%m%dt%H%M%Sz").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_sorts_by_time_and_fits_started_by() {
        let nonce = Nonce::parse("9f3a2c1b9f3a2c1b").unwrap();
        let early = RunId::new("2026-11-22T17:14:17Z".parse().unwrap(), &nonce, 0);
        let late = RunId::new("2026-11-22T17:14:18Z".parse().unwrap(), &nonce, 0);
        assert_eq!(early.as_str(), "20261122t171417z-9f3a2c1b9f3a-0");
        assert!(early < late);
        assert_eq!(RunId::parse(early.as_str()).unwrap(), early);
    }

    #[test]
    fn hostile_text_is_no_name() {
        for text in ["", "-rf", "a/b", "a b", "a\n", "../x"] {
            assert!(RunId::parse(text).is_err(), "{text:?}");
            assert!(ReleaseId::parse(text).is_err(), "{text:?}");
            assert!(DatasetName::parse(text).is_err(), "{text:?}");
        }
    }
}
