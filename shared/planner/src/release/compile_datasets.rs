//! Compiling the datasets: those of landfall.yml, and the sources whose definition states where they land.

use std::collections::BTreeMap;

use landfall_manifest::{Node, ResourceType};
use landfall_select::Command;

use super::{compile::Compiler, compile_selections::EXECUTED_BY_LOADS};
use crate::{Dataset, DatasetConfig, DatasetName, NodeId};

impl<'a> Compiler<'a> {
    pub(super) fn datasets(&mut self) -> BTreeMap<DatasetName, Dataset> {
        let project = self.input.project;
        let mut found: BTreeMap<DatasetName, Dataset> = BTreeMap::new();
        for (name, config) in &project.datasets {
            let matching: Vec<Node<'a>> = self.sources().filter(|(n, _)| n == name.as_str()).map(|(_, s)| s).collect();
            if matching.len() > 1 {
                let ids: Vec<&str> = matching.iter().map(|node| node.unique_id()).collect();
                let ids = ids.join(", ");
                self.problems.push(format!(
                    "datasets.{name}: {} sources have this name ({ids}): rename all but one",
                    matching.len()
                ));
            }
            let source = matching.first().copied();
            if source.is_none() && config.select.is_none() && !self.has_tag(name.as_str()) {
                let hint =
                    self.nearest_source(name.as_str()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                self.problems.push(format!(
                    "datasets.{name}: no source of the project has this name, and no node has it as a tag: correct the name or give `select`{hint}"
                ));
                continue;
            }
            let dataset = self.dataset(name, config, source);
            found.insert(name.clone(), dataset);
        }
        for (name, node) in self.sources().collect::<Vec<_>>() {
            if self.stated_locations(node).is_empty() || self.input.index.children(node.ix).is_empty() {
                continue;
            }
            match DatasetName::parse(name) {
                Ok(name) if found.contains_key(&name) => {}
                Ok(name) => {
                    let dataset = self.dataset(&name, &DatasetConfig::default(), Some(node));
                    found.insert(name, dataset);
                }
                Err(error) => self.problems.push(format!("{}: {error}", node.unique_id())),
            }
        }
        self.check_locations(&found);
        found
    }

    /// Iterates over the sources of the manifest, each with its dataset name `source.table`.
    fn sources(&self) -> impl Iterator<Item = (String, Node<'a>)> + use<'a> {
        let sources = self.input.index.nodes().filter(|node| node.resource_type() == ResourceType::Source);
        sources.map(|node| (format!("{}.{}", node.source_name().unwrap_or_default(), node.name()), node))
    }

    fn dataset(&mut self, name: &DatasetName, config: &DatasetConfig, source: Option<Node<'a>>) -> Dataset {
        let loads = &self.input.project.loads;
        let select =
            config.select.as_ref().map_or_else(|| self.default_select(name, source), |select| select.0.clone());
        let exclude = loads.exclude.as_ref().map(|exclude| exclude.0.clone()).unwrap_or_default();
        let key = format!("datasets.{name}");
        let nodes = self.resolve(&key, &select, &exclude, Command::Build, &EXECUTED_BY_LOADS);
        let locations = self.locations(name, config, source);
        let ready = config.ready.as_ref().unwrap_or(&loads.ready);
        Dataset {
            locations,
            source: source.and_then(|node| NodeId::parse(node.unique_id()).ok()),
            select,
            exclude,
            nodes,
            ready: ready.policy(),
            on_delete: config.on_delete.unwrap_or(loads.on_delete),
            min_interval: config.min_interval.unwrap_or(loads.min_interval),
            before: config.before.clone(),
        }
    }

    /// Returns the selection of a dataset without `select`: the descendants of its source, and with `by_tag` or for a
    /// group those of its tag.
    fn default_select(&self, name: &DatasetName, source: Option<Node<'a>>) -> Vec<String> {
        let mut select = Vec::new();
        if source.is_some() {
            select.push(format!("source:{name}+"));
        }
        if (self.input.project.loads.by_tag || source.is_none()) && self.has_tag(name.as_str()) {
            select.push(format!("tag:{name}+"));
        }
        select
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.input.index.nodes().any(|node| node.tags().any(|t| t == tag))
    }

    fn nearest_source(&self, name: &str) -> Option<String> {
        let similarity = |other: &str| strsim::normalized_damerau_levenshtein(other, name);
        let nearest = self.sources().map(|(n, _)| n).max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
        (similarity(&nearest) > 0.5).then_some(nearest)
    }
}
