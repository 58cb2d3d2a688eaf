//! Compiling a release: landfall.yml and the manifest, checked against each other and resolved to nodes. All problems
//! are reported together.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use landfall_manifest::Index;

use super::{
    compiled::{COMPILED_VERSION, Compiled},
    graph::{node_kind, relation_key},
};
use crate::{Hooks, LandfallYml, NodeId, Release, ReleaseId, WarehouseSharing, config::NodeMeta};

/// What a release is made of.
#[derive(Debug, Clone, Copy)]
pub struct CompileInput<'a> {
    /// The release's id.
    pub id: &'a ReleaseId,
    /// The index of the release's manifest.
    pub index: &'a Index,
    /// The release's landfall.yml.
    pub project: &'a LandfallYml,
    /// The bucket that relative locations are in.
    pub landing_bucket: Option<&'a str>,
    /// The release in place. Its dictionaries are continued, and `release.select` compares with it.
    pub base: Option<&'a Release>,
    /// Unique ids of the nodes whose relation exists in the warehouse.
    pub existing: &'a BTreeSet<String>,
    /// The task definition that runs the release, if not the stack's own.
    pub task_definition: Option<&'a str>,
}

/// A release that cannot be compiled, with every problem found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct CompileError {
    /// The problems. Each names the key or node, what is wrong, and what to change.
    pub problems: Vec<String>,
}

/// Compiles a release.
///
/// # Errors
///
/// Fails if landfall.yml and the manifest do not fit together: a dataset that is not in the manifest, a selection that
/// dbt would refuse or that selects nothing, a model that writes where a dataset lands.
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
    let default_sharing = if duckdb { WarehouseSharing::Exclusive } else { WarehouseSharing::Shared };
    Ok(Compiled {
        version: COMPILED_VERSION,
        release: input.id.clone(),
        base: input.base.map(|base| base.id().clone()),
        task_definition: input.task_definition.map(str::to_owned),
        nodes: compiler.nodes,
        relations: compiler.relations,
        datasets,
        notes: compiler.notes,
        jobs,
        existing,
        changed,
        release_config: project.release.clone(),
        runs: project.runs.clone(),
        limits: project.limits.clone(),
        retry: project.retry.clone(),
        may_refresh,
        docs: project.docs.clone(),
        // On-run hooks run in every dbt command, so the tables that they write belong to every run.
        exclusive: project.runs.hooks == Hooks::Exclusive
            || project.runs.warehouse.unwrap_or(default_sharing) == WarehouseSharing::Exclusive,
    })
}

/// The state of one compilation: the dictionaries, and the problems found so far.
pub(super) struct Compiler<'a> {
    pub(super) input: &'a CompileInput<'a>,
    pub(super) nodes: Vec<NodeId>,
    relations: Vec<String>,
    ordinals: BTreeMap<String, u32>,
    pub(super) problems: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl<'a> Compiler<'a> {
    /// Continues the dictionaries of the base with the nodes and relations that are new.
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
        Self { input, nodes, relations, ordinals, problems, notes: Vec::new() }
    }

    pub(super) fn ordinal(&self, id: &str) -> Option<u32> {
        self.ordinals.get(id).copied()
    }
}
