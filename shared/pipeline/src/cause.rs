//! Why work is owed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{DatasetName, JobName};

/// Why work is owed. In JSON and in words: `load:jaffle.raw_orders`, `release`, `job:nightly-qa`, `person`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cause {
    /// A dataset was loaded.
    Load(DatasetName),
    /// A new version of the project.
    Release,
    /// A job's schedule.
    Job(JobName),
    /// Somebody asked.
    Person,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(dataset) => write!(f, "load:{dataset}"),
            Self::Release => f.write_str("release"),
            Self::Job(job) => write!(f, "job:{job}"),
            Self::Person => f.write_str("person"),
        }
    }
}

/// A text that is no cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no cause: expected load:DATASET, job:JOB, release or person")]
pub struct BadCause(String);

impl FromStr for Cause {
    type Err = BadCause;
    fn from_str(text: &str) -> Result<Self, BadCause> {
        let bad = || BadCause(text.to_owned());
        match text.split_once(':') {
            Some(("load", name)) => DatasetName::parse(name).map(Self::Load).map_err(|_| bad()),
            Some(("job", name)) => JobName::parse(name).map(Self::Job).map_err(|_| bad()),
            None if text == "release" => Ok(Self::Release),
            None if text == "person" => Ok(Self::Person),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Cause {
    type Error = BadCause;
    fn try_from(text: String) -> Result<Self, BadCause> {
        text.parse()
    }
}

impl From<Cause> for String {
    fn from(cause: Cause) -> Self {
        cause.to_string()
    }
}

/// A run's causes as the board has them, `["load:jaffle.raw_orders", 7, 1]` each (1: the first that planned it): a run of many datasets has many.
pub(crate) mod few_words {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::{Cause, RunCause};

    pub(crate) fn serialize<S: Serializer>(causes: &[RunCause], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(causes.iter().map(|c| (&c.cause, c.generation, u8::from(c.first))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RunCause>, D::Error> {
        let causes = Vec::<(Cause, u64, u8)>::deserialize(deserializer)?;
        Ok(causes
            .into_iter()
            .map(|(cause, generation, first)| RunCause { cause, generation, first: first == 1 })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_reads_back_from_its_own_words() {
        for text in ["load:jaffle.raw_orders", "release", "job:nightly-qa", "person"] {
            assert_eq!(text.parse::<Cause>().unwrap().to_string(), text);
        }
        assert!("load:".parse::<Cause>().is_err());
        assert!("lunch".parse::<Cause>().is_err());
    }
}
