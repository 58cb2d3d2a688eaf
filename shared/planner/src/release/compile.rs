//! Compiling a release: landfall.yml and the manifest, checked against each other and resolved to nodes. Every problem is reported at once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use landfall_manifest::{Index, Node, ResourceType};
use landfall_select::{Command, Dialect, IndirectSelection, Request, State, select};

use super::{
    compiled::{COMPILED_VERSION, Compiled},
    graph::{NodeKind, node_kind, relation_key},
};
use crate::{
    Dataset, DatasetConfig, DatasetName, FirstRelease, Hooks, Job, JobConfig, JobName, LandfallYml, NodeId, OrdinalSet,
    Release, ReleaseId, RetryRule, SelectionConfig, StringList, WarehouseSharing, config::NodeMeta,
};

/// What a release is made of.
#[derive(Debug, Clone, Copy)]
pub struct CompileInput<'a> {
    /// Its id.
    pub id: &'a ReleaseId,
    /// Its manifest's index.
    pub index: &'a Index,
    /// Its landfall.yml.
    pub project: &'a LandfallYml,
    /// The bucket that relative locations are in.
    pub landing_bucket: Option<&'a str>,
    /// The release in place: its dictionaries are continued, and `release.select` compares with it.
    pub base: Option<&'a Release>,
    /// unique ids whose relation was found in the warehouse.
    pub existing: &'a BTreeSet<String>,
    /// The task definition that runs it, if not the stack's own.
    pub task_definition: Option<&'a str>,
}

/// A release that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct CompileError {
    /// Each names its place and the way out.
    pub problems: Vec<String>,
}

/// Compiles a release.
pub fn compile(input: &CompileInput<'_>) -> Result<Compiled, CompileError> {
    let mut compiler = Compiler::new(input);
    let datasets = compiler.datasets();
    let jobs = input.project.jobs.iter().map(|(name, job)| (name.clone(), compiler.job(name, job))).collect();
    let changed = compiler.changed();
    let may_refresh = compiler.may_refresh();
    if !compiler.problems.is_empty() {
        return Err(CompileError { problems: compiler.problems });
    }
    let existing = input.existing.iter().filter_map(|id| compiler.ordinal(id)).collect();
    let project = input.project;
    let duckdb = input.index.metadata().adapter_type.as_deref() == Some("duckdb");
    Ok(Compiled {
        version: COMPILED_VERSION,
        release: input.id.clone(),
        base: input.base.map(|base| base.id().clone()),
        task_definition: input.task_definition.map(str::to_owned),
        nodes: compiler.nodes,
        relations: compiler.relations,
        datasets,
        jobs,
        existing,
        changed,
        release_config: project.release.clone(),
        runs: project.runs.clone(),
        limits: project.limits.clone(),
        retry: project.retry.clone(),
        may_refresh,
        docs: project.docs.clone(),
        // Hooks run in every dbt command: what they write, every run writes.
        exclusive: project.runs.hooks == Hooks::Exclusive
            || match project.runs.warehouse {
                Some(warehouse) => warehouse == WarehouseSharing::Exclusive,
                None => duckdb,
            },
    })
}

pub(super) struct Compiler<'a> {
    pub(super) input: &'a CompileInput<'a>,
    nodes: Vec<NodeId>,
    relations: Vec<String>,
    ordinals: BTreeMap<String, u32>,
    pub(super) problems: Vec<String>,
}

impl<'a> Compiler<'a> {
    fn new(input: &'a CompileInput<'a>) -> Self {
        let mut nodes = input.base.map(|base| base.compiled.nodes.clone()).unwrap_or_default();
        let mut relations = input.base.map(|base| base.compiled.relations.clone()).unwrap_or_default();
        let mut known_nodes: HashSet<String> = nodes.iter().map(|id| id.as_str().to_owned()).collect();
        let mut known_relations: HashSet<String> = relations.iter().cloned().collect();
        let mut problems = Vec::new();
        for node in input.index.nodes().filter(|node| node_kind(node).is_some()) {
            if known_nodes.insert(node.unique_id().to_owned()) {
                match NodeId::parse(node.unique_id()) {
                    Ok(id) => nodes.push(id),
                    Err(error) => problems.push(format!("manifest.json: {error}")),
                }
            }
            let meta = NodeMeta::from_node(&node).unwrap_or_else(|problem| {
                problems.push(problem);
                NodeMeta::default()
            });
            for key in relation_key(&node).into_iter().chain(meta.lease_keys()) {
                if known_relations.insert(key.clone()) {
                    relations.push(key);
                }
            }
        }
        let ordinals = nodes.iter().map(|id| id.as_str().to_owned()).zip(0..).collect();
        Self { input, nodes, relations, ordinals, problems }
    }

    fn ordinal(&self, id: &str) -> Option<u32> {
        self.ordinals.get(id).copied()
    }

    fn sources(&self) -> impl Iterator<Item = (String, Node<'a>)> + use<'a> {
        let sources = self.input.index.nodes().filter(|node| node.resource_type() == ResourceType::Source);
        sources.map(|node| (format!("{}.{}", node.source_name().unwrap_or_default(), node.name()), node))
    }

    fn datasets(&mut self) -> BTreeMap<DatasetName, Dataset> {
        let project = self.input.project;
        let mut found: BTreeMap<DatasetName, Dataset> = BTreeMap::new();
        for (name, config) in &project.datasets {
            let matching: Vec<Node<'a>> = self.sources().filter(|(n, _)| n == name.as_str()).map(|(_, s)| s).collect();
            if matching.len() > 1 {
                let ids: Vec<&str> = matching.iter().map(|node| node.unique_id()).collect();
                self.problems.push(format!("datasets.{name}: several sources have this name: {}", ids.join(", ")));
            }
            let source = matching.first().copied();
            if source.is_none() && config.select.is_none() && !self.has_tag(name.as_str()) {
                let hint =
                    self.nearest_source(name.as_str()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                self.problems.push(format!(
                    "datasets.{name}: no source of the project has this name, no node has the tag, and no select is given{hint}"
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

    fn dataset(&mut self, name: &DatasetName, config: &DatasetConfig, source: Option<Node<'a>>) -> Dataset {
        let loads = &self.input.project.loads;
        let select = config.select.as_ref().map_or_else(|| self.default_select(name, source), |words| words.0.clone());
        let exclude = loads.exclude.as_ref().map(|words| words.0.clone()).unwrap_or_default();
        let place = format!("datasets.{name}");
        let nodes = self.selected(&place, &select, &exclude, Command::Build, &LOADED);
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

    /// `source:<dataset>+`, with `by_tag` also `tag:<dataset>+`; of a dataset that is no source its tag alone.
    fn default_select(&self, name: &DatasetName, source: Option<Node<'a>>) -> Vec<String> {
        let mut words = Vec::new();
        if source.is_some() {
            words.push(format!("source:{name}+"));
        }
        if (self.input.project.loads.by_tag || source.is_none()) && self.has_tag(name.as_str()) {
            words.push(format!("tag:{name}+"));
        }
        words
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.input.index.nodes().any(|node| node.tags().any(|t| t == tag))
    }

    fn nearest_source(&self, name: &str) -> Option<String> {
        let likeness = |other: &str| strsim::normalized_damerau_levenshtein(other, name);
        let nearest = self.sources().map(|(n, _)| n).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(&nearest) > 0.5).then_some(nearest)
    }

    fn job(&mut self, name: &JobName, job: &JobConfig) -> Job {
        let mut select_words = Vec::new();
        let mut resolve = |part: &str, selection: Option<&crate::SelectionConfig>, command, kinds: &[NodeKind]| {
            let Some(selection) = selection else { return OrdinalSet::new() };
            let exclude = selection.exclude.as_ref().map(|words| words.0.clone()).unwrap_or_default();
            let place = format!("jobs.{name}.{part}");
            select_words.push(format!("{part} {}", selection.select));
            let set = self.selected(&place, &selection.select.0, &exclude, command, kinds);
            if set.is_empty() && self.problems.is_empty() {
                self.problems.push(format!("{place}: {} selects nothing", selection.select));
            }
            set
        };
        let freshness = resolve("freshness", job.freshness.as_ref(), Command::Ls, &[NodeKind::Source]);
        let test = resolve("test", job.test.as_ref(), Command::Test, &[NodeKind::Test]);
        let build = resolve("build", job.build.as_ref(), Command::Build, &LOADED);
        Job {
            schedule: job.schedule.trim().to_owned(),
            timezone: job.timezone.clone(),
            freshness,
            test,
            build,
            select: select_words.join("; "),
        }
    }

    /// Incremental models that nobody protects from being built anew.
    fn may_refresh(&mut self) -> OrdinalSet {
        let mut all = OrdinalSet::new();
        for rung in &self.input.project.retry {
            let RetryRule::FullRefresh(SelectionConfig { select, exclude }) = rung else { continue };
            let exclude = exclude.as_ref().map(|words| words.0.clone()).unwrap_or_default();
            let named = self.selected("retry.full_refresh", &select.0, &exclude, Command::Build, &[NodeKind::Model]);
            let may = |ordinal: &u32| {
                let id = usize::try_from(*ordinal).ok().and_then(|at| self.nodes.get(at));
                id.and_then(|id| self.input.index.get(id.as_str())).is_some_and(|node| {
                    node.resource_type() == ResourceType::Model
                        && node.materialized() == Some("incremental")
                        && node.full_refresh() != Some(false)
                        && !NodeMeta::from_node(&node).unwrap_or_default().protected
                })
            };
            let may: OrdinalSet = named.iter().filter(may).collect();
            if may.is_empty() {
                self.problems.push(format!(
                    "retry.full_refresh: {select} selects no incremental model that may be built anew (full_refresh: false and meta.landfall.protected forbid it)"
                ));
            }
            all = all.union(&may);
        }
        all
    }

    fn changed(&mut self) -> OrdinalSet {
        let config = &self.input.project.release;
        match self.input.base {
            None if config.first == FirstRelease::Adopt => OrdinalSet::new(),
            None => {
                let all =
                    self.input.index.nodes().filter(|node| node_kind(node).is_some_and(|kind| LOADED.contains(&kind)));
                all.filter_map(|node| self.ordinal(node.unique_id())).collect()
            }
            Some(base) => {
                let before = match Index::from_bytes(&base.index.to_bytes()) {
                    Ok(before) => before,
                    Err(error) => {
                        self.problems.push(format!("the index of release {}: {error}", base.id()));
                        return OrdinalSet::new();
                    }
                };
                let state = State::default().with_manifest(before);
                let mut request = load_request(&config.select, &[]);
                request.state = Some(&state);
                self.evaluate("release.select", &request, &LOADED)
            }
        }
    }

    fn selected(
        &mut self,
        place: &str,
        select: &[String],
        exclude: &[String],
        command: Command,
        kinds: &[NodeKind],
    ) -> OrdinalSet {
        if select.is_empty() {
            self.problems.push(format!("{place}: selects nothing"));
            return OrdinalSet::new();
        }
        let mut request = load_request(&StringList(select.to_vec()), exclude);
        request.command = command;
        if command == Command::Test {
            request.indirect = IndirectSelection::Eager;
        }
        self.evaluate(place, &request, kinds)
    }

    fn evaluate(&mut self, place: &str, request: &Request<'_>, kinds: &[NodeKind]) -> OrdinalSet {
        let request = Request { dialect: dialect(self.input.index), ..request.clone() };
        match select(self.input.index, &request) {
            Ok(selected) => selected
                .nodes
                .iter()
                .filter_map(|ix| self.input.index.node(*ix))
                .filter(|node| node_kind(node).is_some_and(|kind| kinds.contains(&kind)))
                .filter_map(|node| self.ordinal(node.unique_id()))
                .collect(),
            Err(error) => {
                self.problems.push(format!("{place}: {error}"));
                OrdinalSet::new()
            }
        }
    }
}

/// The rules of the dbt that wrote the manifest.
pub(crate) fn dialect(index: &Index) -> Dialect {
    index.metadata().dbt_version.as_deref().map(Dialect::of_version).unwrap_or_default()
}

/// What a load run may execute: everything `dbt build` does, but unit tests.
const LOADED: [NodeKind; 4] = [NodeKind::Model, NodeKind::Seed, NodeKind::Test, NodeKind::Function];

/// A load's selection: tests that touch only built relations, <https://docs.getdbt.com/reference/global-configs/indirect-selection>.
fn load_request<'a>(select: &StringList, exclude: &[String]) -> Request<'a> {
    Request {
        select: select.0.clone(),
        exclude: exclude.to_vec(),
        indirect: IndirectSelection::Buildable,
        command: Command::Build,
        ..Request::default()
    }
}
