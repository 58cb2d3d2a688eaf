//! Names that are validated once, where they enter, and are types from there on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that breaks the rule of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: write {rule}")]
pub struct InvalidName {
    /// The kind of name, such as `dataset name`.
    pub kind: &'static str,
    /// The invalid text.
    pub text: String,
    /// The rule for valid names.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Validates the text.
            ///
            /// # Errors
            ///
            /// Fails if the text breaks the rule of this kind of name.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidName { kind: $kind, text, rule: $rule }) }
            }

            /// Returns the name as text.
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

/// Returns whether the text has letters, digits, `-` and `_` only and starts with a letter or digit. Such a name is
/// safe in an S3 key, a file name, a URL, an ECS `startedBy` and as an argument of a command.
fn is_token(text: &str, max_len: usize) -> bool {
    !text.is_empty()
        && text.len() <= max_len
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

name! {
    /// The id of a run: `<time>-<nonce of the compare-and-swap>-<n>`, so that ids sort by time. It has at most 36
    /// characters, because it is the task's
    /// [`startedBy`](https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
    RunId, "run id", "1 to 36 letters, digits, '-' or '_'", |t| is_token(t, 36)
}
name! {
    /// The id of a release. Ids that `landfall release` makes sort by time.
    ReleaseId, "release id", "1 to 100 letters, digits, '-' or '_'", |t| is_token(t, 100)
}
name! {
    /// The name of a dataset: `source.table` of a dbt source, or a name of the user's own for a group. dbt allows
    /// spaces and most characters in the names of sources.
    DatasetName, "dataset name",
    "1 to 200 letters, digits and printable ASCII characters, without '-' or a space at the start and a space at the end",
    |t| !t.is_empty()
        && t.len() <= 200
        && !t.starts_with(['-', ' '])
        && !t.ends_with(' ')
        && t.chars().all(|c| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ')
}
name! {
    /// The name of a job of landfall.yml. It has at most 40 characters, because it becomes part of the [name of a
    /// schedule](https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html), at most 64.
    JobName, "job name", "1 to 40 letters, digits, '-' or '_'", |t| is_token(t, 40)
}
name! {
    /// The `unique_id` of a dbt node, such as `model.shop.stg_orders`.
    NodeId, "node id", "dbt's unique_id: at least two parts joined by dots, without control characters",
    |t| t.len() <= 1000 && t.contains('.') && !t.chars().any(char::is_control)
}
name! {
    /// The random mark of one compare-and-swap. The board and the ledger keep it.
    Nonce, "nonce", "1 to 16 lower-case hexadecimal digits",
    |t| !t.is_empty() && t.len() <= 16 && t.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}
name! {
    /// The [ARN of an ECS task](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html).
    /// Only its start is checked, because partitions and the parts after it differ.
    TaskArn, "task ARN", "the ARN of an ECS task, which starts with 'arn:'",
    |t| t.starts_with("arn:") && !t.chars().any(char::is_control)
}

impl TaskArn {
    /// Returns the task's id: the part after the last `/`.
    pub fn task_id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns the ARN of the cluster that the task runs in. `None` for ARNs of the old format without the cluster.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-arn-timeline>
    pub fn cluster(&self) -> Option<String> {
        let (account, task) = self.0.split_once(":task/")?;
        let (cluster, _) = task.split_once('/')?;
        Some(format!("{account}:cluster/{cluster}"))
    }
}

impl RunId {
    /// Returns the id of the `n`th run, from 0, that is planned in the compare-and-swap with this nonce:
    /// `20261122t171417z-9f3a2c1b-0`.
    pub fn new(now: jiff::Timestamp, nonce: &Nonce, n: usize) -> Self {
        let short: String = nonce.as_str().chars().take(12).collect();
        Self(format!("{}-{short}-{n}", compact_timestamp(now)))
    }
}

/// Formats an instant for an id, in UTC and whole seconds: `20261122t171417z`.
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
    fn a_task_arn_ends_with_the_tasks_id_and_is_plain_text_in_json() {
        let text = "arn:aws-cn:ecs:cn-north-1:111122223333:task/shop/0123";
        let arn = TaskArn::parse(text).unwrap();
        assert_eq!(arn.task_id(), "0123");
        assert_eq!(arn.cluster().as_deref(), Some("arn:aws-cn:ecs:cn-north-1:111122223333:cluster/shop"));
        assert_eq!(TaskArn::parse("arn:aws:ecs:eu-west-1:111122223333:task/0123").unwrap().cluster(), None);
        assert_eq!(serde_json::to_value(&arn).unwrap(), text);
        for text in ["", "task/shop/0123", "arn:\n"] {
            assert!(TaskArn::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn hostile_text_is_not_a_valid_name() {
        for text in ["", "-rf", "a/b", "a b", "a\n", "../x"] {
            assert!(RunId::parse(text).is_err(), "{text:?}");
            assert!(ReleaseId::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "-rf", " a", "a ", "a\n", "a\u{202e}b", "\u{1b}[2J"] {
            assert!(DatasetName::parse(text).is_err(), "{text:?}");
        }
    }
}
