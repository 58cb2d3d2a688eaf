//! Compiling locations: those of landfall.yml, and those that a source's own definition states.

use std::collections::BTreeMap;

use landfall_manifest::{Node, ResourceType};

use super::compile::Compiler;
use crate::{Dataset, DatasetConfig, DatasetName, Location, config::s3_uris};

impl<'a> Compiler<'a> {
    /// Returns the locations that the manifest states for a source. dbt-duckdb writes the resolved location to
    /// `relation_name` (<https://github.com/duckdb/dbt-duckdb#reading-from-external-files>). Other adapters leave it
    /// where the project has it, such as `external.location`.
    pub(super) fn stated_locations(&mut self, source: Node<'a>) -> Vec<Location> {
        let mut texts: Vec<&str> = source.relation_name().map(s3_uris).unwrap_or_default();
        if texts.is_empty() {
            texts = source.external_location().flat_map(s3_uris).collect();
        }
        let mut found = Vec::new();
        for text in texts {
            match Location::parse(text, None) {
                Ok(location) => found.push(location),
                Err(error) => self.problems.push(format!("{}: {error}", source.unique_id())),
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Returns the locations of a dataset: those of landfall.yml, else those that the source states. Both may be given
    /// if they are the same.
    pub(super) fn locations(
        &mut self,
        name: &DatasetName,
        config: &DatasetConfig,
        source: Option<Node<'a>>,
    ) -> Vec<Location> {
        let mut written: Vec<Location> = Vec::new();
        for text in &config.location.0 {
            match Location::parse(text, self.input.landing_bucket) {
                Ok(location) => written.push(location),
                Err(error) => self.problems.push(format!("datasets.{name}.location: {error}")),
            }
        }
        written.sort();
        written.dedup();
        let stated = source.map(|node| self.stated_locations(node)).unwrap_or_default();
        if written.is_empty() {
            return stated;
        }
        if !stated.is_empty() && stated != written {
            let list = |all: &[Location]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.problems.push(format!(
                "datasets.{name}.location: landfall.yml says {}, but the source reads {}: remove the location from landfall.yml, or correct one of the two",
                list(&written),
                list(&stated)
            ));
        }
        written
    }

    /// Reports locations that two datasets share, and models that write to a location, because their runs would start
    /// runs.
    pub(super) fn check_locations(&mut self, datasets: &BTreeMap<DatasetName, Dataset>) {
        let mut owner: BTreeMap<&Location, &DatasetName> = BTreeMap::new();
        for (name, dataset) in datasets {
            for location in &dataset.locations {
                if let Some(other) = owner.insert(location, name) {
                    self.problems.push(format!(
                        "datasets.{other} and datasets.{name} both land in {location}: replace them by one dataset with a name of your own, this location and `select`"
                    ));
                }
            }
        }
        for node in self.input.index.nodes().filter(|node| node.resource_type() == ResourceType::Model) {
            for location in node.writes_to().flat_map(s3_uris).filter_map(|text| Location::parse(text, None).ok()) {
                let meets = owner.iter().find(|(landing, _)| {
                    landing.bucket == location.bucket
                        && (landing.prefix.starts_with(&location.prefix)
                            || location.prefix.starts_with(&landing.prefix))
                });
                if let Some((landing, name)) = meets {
                    self.problems.push(format!(
                        "{} writes to {location}, where dataset {name} lands ({landing}), so each run would start the next one: write to another prefix",
                        node.unique_id()
                    ));
                }
            }
        }
    }
}
