//! Triggers: why work is pending.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{DatasetName, JobName};

/// Why work is pending. JSON and messages have `load:jaffle.raw_orders`, `release`, `job:nightly-qa` or `operator`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Trigger {
    /// A load of this dataset.
    Load(DatasetName),
    /// A new release of the project.
    Release,
    /// The schedule of this job.
    Job(JobName),
    /// An operator command.
    Operator,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(dataset) => write!(f, "load:{dataset}"),
            Self::Release => f.write_str("release"),
            Self::Job(job) => write!(f, "job:{job}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// A text that is not a trigger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a trigger: write load:DATASET, job:JOB, release or operator")]
pub struct InvalidTrigger(String);

impl FromStr for Trigger {
    type Err = InvalidTrigger;
    fn from_str(text: &str) -> Result<Self, InvalidTrigger> {
        let bad = || InvalidTrigger(text.to_owned());
        match text.split_once(':') {
            Some(("load", name)) => DatasetName::parse(name).map(Self::Load).map_err(|_| bad()),
            Some(("job", name)) => JobName::parse(name).map(Self::Job).map_err(|_| bad()),
            None if text == "release" => Ok(Self::Release),
            None if text == "operator" => Ok(Self::Operator),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Trigger {
    type Error = InvalidTrigger;
    fn try_from(text: String) -> Result<Self, InvalidTrigger> {
        text.parse()
    }
}

impl From<Trigger> for String {
    fn from(trigger: Trigger) -> Self {
        trigger.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_parses_from_its_own_text() {
        for text in ["load:jaffle.raw_orders", "release", "job:nightly-qa", "operator"] {
            assert_eq!(text.parse::<Trigger>().unwrap().to_string(), text);
        }
        assert!("load:".parse::<Trigger>().is_err());
        assert!("lunch".parse::<Trigger>().is_err());
    }
}
