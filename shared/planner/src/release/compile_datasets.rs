//! Compiling the datasets: those of landfall.yml, and the sources whose definition states where they land.

use std::collections::BTreeMap;

use landfall_manifest::Node;
use landfall_select::Command;

use super::{
    compile::Compiler,
    compile_selections::EXECUTED_BY_LOADS,
    source_names::{SourceNames, selector_of},
};
use crate::{Dataset, DatasetConfig, DatasetName, Location, NodeId};

impl<'a> Compiler<'a> {
    pub(super) fn datasets(&mut self) -> BTreeMap<DatasetName, Dataset> {
        let project = self.input.project;
        let sources = SourceNames::of(self.input.index);
        let mut found: BTreeMap<DatasetName, Dataset> = BTreeMap::new();
        let mut configured: Vec<&str> = Vec::new();
        for (name, config) in &project.datasets {
            if let Some(full_names) = sources.ambiguous(name.as_str()).filter(|_| config.select.is_none()) {
                self.problems.push(format!(
                    "datasets.{name}: {} packages have a source of this name: write {}",
                    full_names.len(),
                    full_names.join(" or ")
                ));
                continue;
            }
            let source = sources.get(name.as_str());
            if source.is_none() && config.select.is_none() && !self.has_tag(name.as_str()) {
                let hint =
                    nearest_source(&sources, name.as_str()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                self.problems.push(format!(
                    "datasets.{name}: no source of the project has this name, and no node has it as a tag: correct the name or give `select`{hint}"
                ));
                continue;
            }
            configured.extend(source.map(Node::unique_id));
            let dataset = self.dataset(name, config, source);
            found.insert(name.clone(), dataset);
        }
        for (name, node) in sources.iter() {
            if configured.contains(&node.unique_id()) || self.input.index.children(node.ix).is_empty() {
                continue;
            }
            let (locations, problems) = self.stated_locations(node);
            self.notes.extend(problems);
            if locations.is_empty() {
                continue;
            }
            match DatasetName::parse(name) {
                Ok(name) if found.contains_key(&name) => {}
                Ok(name) => {
                    let dataset = self.dataset(&name, &DatasetConfig::default(), Some(node));
                    found.insert(name, dataset);
                }
                Err(error) => self.note_unnamed(node, &error.to_string(), &locations),
            }
        }
        for node in &sources.unnamed {
            let (locations, _) = self.stated_locations(*node);
            if !locations.is_empty() {
                self.note_unnamed(*node, "another source has the same dataset name", &locations);
            }
        }
        self.check_locations(&found);
        found
    }

    fn note_unnamed(&mut self, source: Node<'a>, why: &str, locations: &[Location]) {
        self.notes.push(format!(
            "{}: {why}. Files in {} load nothing until landfall.yml has a dataset with this location, a name of your own and `select`",
            source.unique_id(),
            locations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }

    fn dataset(&mut self, name: &DatasetName, config: &DatasetConfig, source: Option<Node<'a>>) -> Dataset {
        let loads = &self.input.project.loads;
        let select =
            config.select.as_ref().map_or_else(|| self.default_select(name, source), |select| select.0.clone());
        let exclude = loads.exclude.as_ref().map(|exclude| exclude.0.clone()).unwrap_or_default();
        let key = format!("datasets.{name}");
        if config.adopted && source.is_none() {
            self.problems.push(format!(
                "{key}.adopted: the dataset is a group, not a source of the project: adopt the sources by name"
            ));
        }
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
            adopted: config.adopted,
            before: config.before.clone(),
        }
    }

    /// Returns the selection of a dataset without `select`: the descendants of its source, and with `by_tag` or for a
    /// group those of its tag.
    fn default_select(&mut self, name: &DatasetName, source: Option<Node<'a>>) -> Vec<String> {
        let mut select = Vec::new();
        if let Some(source) = source {
            let (selector, is_exact) = selector_of(self.input.index, source);
            if !is_exact {
                self.notes.push(format!(
                    "dataset {name}: dbt has no selector for its source alone, and {selector} selects other sources too: give `select`"
                ));
            }
            select.push(format!("{selector}+"));
        }
        if (self.input.project.loads.by_tag || source.is_none()) && self.has_tag(name.as_str()) {
            // dbt splits a selection at spaces and commas.
            select.push(format!("tag:{}+", name.as_str().replace([' ', ','], "?")));
        }
        select
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.input.index.nodes().any(|node| node.tags().any(|t| t == tag))
    }
}

fn nearest_source<'s>(sources: &'s SourceNames<'_>, name: &str) -> Option<&'s str> {
    let similarity = |other: &str| strsim::normalized_damerau_levenshtein(other, name);
    let nearest = sources.iter().map(|(n, _)| n).max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(nearest) > 0.5).then_some(nearest)
}
