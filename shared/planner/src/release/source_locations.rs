//! Compiling locations: those of landfall.yml, and those that a source's own definition states.

use std::collections::BTreeMap;

use landfall_manifest::{Node, ResourceType};

use super::compile::Compiler;
use crate::{Dataset, DatasetConfig, DatasetName, GlobSyntax, KeyPattern, Location, config::s3_uris};

impl<'a> Compiler<'a> {
    /// Returns the locations that the manifest states for a source, and what is wrong with others. dbt-duckdb writes
    /// the resolved location to `relation_name` (<https://github.com/duckdb/dbt-duckdb#reading-from-external-files>).
    /// Other adapters, and dbt v2, leave it where the project has it, such as `external.location`.
    pub(super) fn stated_locations(&self, source: Node<'a>) -> (Vec<Location>, Vec<String>) {
        let mut texts: Vec<String> = source.relation_name().map(s3_uris).unwrap_or_default();
        if texts.is_empty() {
            let filled = source.external_location().map(|text| fill_placeholders(text, source));
            texts = filled.flat_map(|text| s3_uris(&text)).collect();
        }
        let syntax = GlobSyntax::of_adapter(self.input.index.metadata().adapter_type.as_deref());
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for text in texts {
            match Location::parse(&text, None, syntax) {
                Ok(location) => found.push(location),
                Err(error) => problems.push(format!("{}: {error}", source.unique_id())),
            }
        }
        found.sort();
        found.dedup();
        (found, problems)
    }

    /// Returns the locations of a dataset: those of landfall.yml, else those that the source states.
    pub(super) fn locations(
        &mut self,
        name: &DatasetName,
        config: &DatasetConfig,
        source: Option<Node<'a>>,
    ) -> Vec<Location> {
        let mut written: Vec<Location> = Vec::new();
        for text in &config.location.0 {
            match Location::parse(text, self.input.landing_bucket, GlobSyntax::DuckDb) {
                Ok(location) => written.push(location),
                Err(error) => self.problems.push(format!("datasets.{name}.location: {error}")),
            }
        }
        written.sort();
        written.dedup();
        let (stated, problems) = source.map(|node| self.stated_locations(node)).unwrap_or_default();
        if config.location.0.is_empty() {
            self.notes.extend(problems);
            return stated;
        }
        if !stated.is_empty() && stated != written && !written.is_empty() {
            let list = |all: &[Location]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.notes.push(format!(
                "datasets.{name}.location: {} of landfall.yml counts, and not {}, which the source states",
                list(&written),
                list(&stated)
            ));
        }
        written
    }

    /// Notes places where two datasets land. Reports models that write to a location, because their
    /// runs would start runs.
    pub(super) fn check_locations(&mut self, datasets: &BTreeMap<DatasetName, Dataset>) {
        let all: Vec<(&Location, &DatasetName, KeyPattern)> = datasets
            .iter()
            .flat_map(|(name, dataset)| dataset.locations.iter().map(move |location| (location, name)))
            .map(|(location, name)| (location, name, location.key_pattern()))
            .collect();
        let mut owner: BTreeMap<(&str, &str), &DatasetName> = BTreeMap::new();
        for (location, name, _) in &all {
            let place = (location.bucket.as_str(), location.pattern.trim_end_matches('/'));
            if let Some(other) = owner.insert(place, name)
                && other != *name
            {
                self.notes.push(format!(
                    "datasets {other} and {name} both land in {location}: each object there is a load of both"
                ));
            }
        }
        let syntax = GlobSyntax::of_adapter(self.input.index.metadata().adapter_type.as_deref());
        for node in self.input.index.nodes().filter(|node| node.resource_type() == ResourceType::Model) {
            let written =
                node.writes_to().flat_map(s3_uris).filter_map(|text| Location::parse(&text, None, syntax).ok());
            for target in written {
                let key = target.literal_prefix();
                let meets = all.iter().find(|(landing, _, pattern)| {
                    landing.bucket == target.bucket && (pattern.matches(key) || pattern.may_match_below(key))
                });
                if let Some((landing, name, _)) = meets {
                    self.problems.push(format!(
                        "{} writes to {target}, where dataset {name} lands ({landing}), so each run would start the next one: write to another prefix",
                        node.unique_id()
                    ));
                }
            }
        }
    }
}

/// Fills the placeholders of a location: `{name}`, `{identifier}`, `{schema}`, `{database}`, and the keys of the
/// source's `meta` whose values are texts or numbers. dbt-duckdb fills them by Python's `str.format`, and dbt v2 leaves
/// them. Others stay.
fn fill_placeholders(text: &str, source: Node<'_>) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let meta = source.config_json().and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
    let meta = meta.as_ref().and_then(|config| config.get("meta"));
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((key, behind)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        let value = match key {
            "name" => Some(source.name().to_owned()),
            "identifier" => Some(source.identifier().unwrap_or_else(|| source.name()).to_owned()),
            "schema" => source.schema().map(str::to_owned),
            "database" => source.database().map(str::to_owned),
            _ => meta.and_then(|meta| match meta.get(key)? {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            }),
        };
        match value {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", key, "}"]),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}
