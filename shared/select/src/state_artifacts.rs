//! The artifacts of an earlier run with which `state:`, `result:` and `source_status:` compare.

use std::collections::BTreeMap;

use landfall_manifest::Index;
use serde::Deserialize;
use serde_json::Value;

use crate::error::SelectError;

/// The artifacts in the `--state` folder, and the current `sources.json` of the target folder. Each is optional. As
/// in dbt, a method fails only if the artifact that it needs is missing.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) manifest: Option<Index>,
    pub(crate) results: Option<Vec<PreviousResult>>,
    pub(crate) sources: Option<Freshness>,
    pub(crate) sources_current: Option<Freshness>,
}

/// One entry of `run_results.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct PreviousResult {
    pub(crate) unique_id: String,
    pub(crate) status: String,
}

/// The time at which each source was last loaded. None for a source whose freshness check failed.
pub(crate) type Freshness = BTreeMap<String, Option<Loaded>>;

/// The value of `max_loaded_at` in sources.json.
#[derive(Debug, PartialEq, PartialOrd)]
pub(crate) enum Loaded {
    /// A time with its zone.
    At(jiff::Timestamp),
    /// A date and time without a zone.
    Civil(jiff::civil::DateTime),
    /// Any other value, compared as text.
    Text(String),
}

impl State {
    /// Adds the earlier manifest, for `state:`.
    #[must_use]
    pub fn with_manifest(mut self, manifest: Index) -> Self {
        self.manifest = Some(manifest);
        self
    }

    /// Adds the text of `run_results.json`, for `result:`.
    ///
    /// # Errors
    ///
    /// If the text is no `run_results.json`.
    pub fn with_run_results(mut self, json: &[u8]) -> Result<Self, SelectError> {
        #[derive(Deserialize)]
        struct RunResults {
            results: Vec<PreviousResult>,
        }
        let read: RunResults = serde_json::from_slice(json).map_err(|error| {
            SelectError::Artifact(format!("cannot read run_results.json: {error}; run dbt again to write it"))
        })?;
        self.results = Some(read.results);
        Ok(self)
    }

    /// Adds the text of the `sources.json` of the state folder, for `source_status:`.
    ///
    /// # Errors
    ///
    /// If the text is no `sources.json`.
    pub fn with_sources(mut self, json: &[u8]) -> Result<Self, SelectError> {
        self.sources = Some(freshness(json)?);
        Ok(self)
    }

    /// Adds the text of the `sources.json` that `dbt source freshness` wrote to the target folder, for
    /// `source_status:`.
    ///
    /// # Errors
    ///
    /// If the text is no `sources.json`.
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
    let read: Sources = serde_json::from_slice(json).map_err(|error| {
        SelectError::Artifact(format!("cannot read sources.json: {error}; run `dbt source freshness` to write it"))
    })?;
    Ok(read.results.into_iter().map(|source| (source.unique_id, source.max_loaded_at.map(|at| loaded(&at)))).collect())
}

fn loaded(value: &Value) -> Loaded {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map(Loaded::At).or_else(|_| text.parse().map(Loaded::Civil)).unwrap_or(Loaded::Text(text))
}

/// The sources that were loaded after the state was written, or that the state does not know.
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
