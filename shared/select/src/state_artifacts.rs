//! The artifacts of an earlier run that `state:`, `result:` and `source_status:` compare with.

use std::collections::BTreeMap;

use landfall_manifest::Index;
use serde::Deserialize;
use serde_json::Value;

use crate::error::SelectError;

/// What lies in the `--state` folder, and the fresh `sources.json` of the target folder. Each is optional, as in dbt: a method complains when
/// it misses its own.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) manifest: Option<Index>,
    pub(crate) results: Option<Vec<RunResult>>,
    pub(crate) sources: Option<Freshness>,
    pub(crate) sources_current: Option<Freshness>,
}

/// One entry of `run_results.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct RunResult {
    pub(crate) unique_id: String,
    pub(crate) status: String,
}

/// When each source was last loaded; none for those whose check failed.
pub(crate) type Freshness = BTreeMap<String, Option<Loaded>>;

/// A `max_loaded_at`.
#[derive(Debug, PartialEq, PartialOrd)]
pub(crate) enum Loaded {
    /// An instant.
    At(jiff::Timestamp),
    /// A date and time without a zone.
    Civil(jiff::civil::DateTime),
    /// Anything else, compared as text.
    Text(String),
}

impl State {
    /// Adds the manifest to compare with.
    #[must_use]
    pub fn with_manifest(mut self, manifest: Index) -> Self {
        self.manifest = Some(manifest);
        self
    }

    /// Adds `run_results.json`, for `result:`.
    pub fn with_run_results(mut self, json: &[u8]) -> Result<Self, SelectError> {
        #[derive(Deserialize)]
        struct RunResults {
            results: Vec<RunResult>,
        }
        let read: RunResults = serde_json::from_slice(json)
            .map_err(|error| SelectError::Artifact(format!("run_results.json cannot be read: {error}")))?;
        self.results = Some(read.results);
        Ok(self)
    }

    /// Adds the sources.json of the state folder, for `source_status:`.
    pub fn with_sources(mut self, json: &[u8]) -> Result<Self, SelectError> {
        self.sources = Some(freshness(json)?);
        Ok(self)
    }

    /// Adds the sources.json that `dbt source freshness` just wrote into the target folder, for `source_status:`.
    pub fn with_current_sources(mut self, json: &[u8]) -> Result<Self, SelectError> {
        self.sources_current = Some(freshness(json)?);
        Ok(self)
    }
}

fn freshness(json: &[u8]) -> Result<Freshness, SelectError> {
    #[derive(Deserialize)]
    struct Sources {
        results: Vec<Source>,
    }
    #[derive(Deserialize)]
    struct Source {
        unique_id: String,
        max_loaded_at: Option<Value>,
    }
    let read: Sources = serde_json::from_slice(json)
        .map_err(|error| SelectError::Artifact(format!("sources.json cannot be read: {error}")))?;
    Ok(read.results.into_iter().map(|source| (source.unique_id, source.max_loaded_at.map(|at| loaded(&at)))).collect())
}

fn loaded(value: &Value) -> Loaded {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map(Loaded::At).or_else(|_| text.parse().map(Loaded::Civil)).unwrap_or(Loaded::Text(text))
}

/// The sources that were loaded since the state was written: loaded later than then, or not known then.
pub(crate) fn fresher<'s>(previous: &Freshness, current: &'s Freshness) -> Vec<&'s str> {
    current
        .iter()
        .filter_map(|(id, now)| {
            let now = now.as_ref()?;
            let fresher = previous.get(id).and_then(Option::as_ref).is_none_or(|before| now > before);
            fresher.then_some(id.as_str())
        })
        .collect()
}
