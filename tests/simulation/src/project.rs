//! Small dbt projects, and how a new release changes them.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use landfall_manifest::Index;
use serde_json::{Value, json};

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model that is a table.
    Model,
    /// An incremental model.
    Incremental,
    /// A snapshot, as dbt has them.
    Snapshot,
    /// A seed, a CSV of the project.
    Seed,
    /// A user-defined function that dbt builds.
    Function,
    /// A data test.
    Test,
}

/// A node other than a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The kind of the node.
    pub kind: Kind,
    /// The name of the node.
    pub name: String,
    /// The name of its table, which a renamed model keeps.
    pub alias: String,
    /// The names of its parents, with `raw.` before those of sources.
    pub parents: Vec<String>,
    /// The number of the node's code.
    pub code: u32,
}

impl Node {
    /// Returns dbt's unique id.
    pub fn id(&self) -> String {
        match self.kind {
            Kind::Model | Kind::Incremental => format!("model.shop.{}", self.name),
            Kind::Snapshot => format!("snapshot.shop.{}", self.name),
            Kind::Seed => format!("seed.shop.{}", self.name),
            Kind::Function => format!("function.shop.{}", self.name),
            Kind::Test => format!("test.shop.{}.0", self.name),
        }
    }
}

/// One version of a project.
#[derive(Debug, Clone)]
pub struct Project {
    /// The sources. Each is a dataset `raw.<name>` under `<name>/`.
    pub sources: Vec<String>,
    /// The nodes, in an order in which dbt can build them.
    pub nodes: Vec<Node>,
}

/// The landing bucket.
pub const LANDING: &str = "landing";

fn node(kind: Kind, name: &str, parents: &[&str]) -> Node {
    Node {
        kind,
        name: name.to_owned(),
        alias: name.to_owned(),
        parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
        code: 0,
    }
}

impl Project {
    /// Draws a project: a mart that two datasets share, and perhaps independent chains, a diamond, and what no load selects:
    /// staging that reads seeds alone, and functions.
    pub fn any(rng: &mut Rng) -> Self {
        use Kind::{Function, Incremental, Model, Seed, Snapshot, Test};
        let mut nodes = vec![
            node(Model, "stg_a", &["raw.a"]),
            node(Incremental, "stg_b", &["raw.b"]),
            node(Test, "test_stg_a", &["stg_a"]),
            node(Model, "mart_ab", &["stg_a", "stg_b"]),
        ];
        let mut sources = vec!["a".to_owned(), "b".to_owned()];
        if rng.bool() {
            nodes.push(node(Test, "test_mart_ab", &["mart_ab"]));
            nodes.push(node(Snapshot, "snap_b", &["stg_b"]));
        }
        if rng.bool() {
            sources.push("c".to_owned());
            nodes.push(node(Seed, "seed_c", &[]));
            nodes.push(node(Model, "stg_c", &["raw.c"]));
            nodes.push(node(Model, "mart_c", &["stg_c", "seed_c"]));
            if rng.bool() {
                nodes.push(node(Model, "mart_all", &["mart_ab", "mart_c"]));
            }
        }
        if rng.u32(..3) == 0 {
            nodes.push(node(Seed, "seed_d", &[]));
            nodes.push(node(Model, "stg_d", &["seed_d"]));
            nodes.push(node(Function, "inner", &[]));
            nodes.push(node(Function, "outer", &["inner"]));
            nodes.push(node(Model, "mart_d", &["stg_a", "stg_d", "outer"]));
            nodes.push(node(Test, "test_mart_d", &["mart_d", "stg_d"]));
        }
        if rng.bool() {
            nodes.push(node(Model, "left", &["stg_b"]));
            nodes.push(node(Model, "right", &["stg_b"]));
            nodes.push(node(Incremental, "joined", &["left", "right"]));
        }
        Self { sources, nodes }
    }

    /// Draws the next version: changed code, or a model that is renamed (with the same table), added or removed.
    #[must_use]
    pub fn next(&self, rng: &mut Rng, number: u32) -> Self {
        let mut next = self.clone();
        for _ in 0..rng.usize(1..=2) {
            let at = rng.usize(..next.nodes.len());
            let Some(there) = next.nodes.get_mut(at) else { continue };
            match rng.u32(..10) {
                0..5 => there.code = number,
                5..8 if there.kind != Kind::Test => {
                    let old = there.name.clone();
                    let new = format!("{old}_{number}");
                    there.name.clone_from(&new);
                    for node in &mut next.nodes {
                        for parent in node.parents.iter_mut().filter(|parent| **parent == old) {
                            parent.clone_from(&new);
                        }
                    }
                }
                8 => {
                    let parent = there.name.clone();
                    if there.kind != Kind::Test {
                        next.nodes.push(node(Kind::Model, &format!("added_{number}"), &[&parent]));
                    }
                }
                _ => {
                    let name = there.name.clone();
                    let leaf = !next.nodes.iter().any(|other| other.parents.contains(&name));
                    if next.nodes.len() > 4 && leaf {
                        next.nodes.remove(at);
                    }
                }
            }
        }
        // A rename and an addition may result in the same name, but names must be unique.
        let mut seen = BTreeSet::new();
        next.nodes.retain(|node| seen.insert(node.name.clone()));
        next
    }

    /// Reads the project's manifest.json. With `relations_by_node` every relation is named after its node instead of
    /// its table.
    ///
    /// # Errors
    ///
    /// Fails if the generated manifest cannot be read.
    pub fn index(&self, relations_by_node: bool) -> Result<Index, landfall_manifest::ManifestError> {
        Index::from_slice(self.manifest(relations_by_node).to_string().as_bytes())
    }

    /// Returns the table behind a relation that is named after its node.
    pub fn table_named_after_node(&self, relation: &str) -> String {
        let renamed = relation.rsplit_once('.').and_then(|(schema, name)| {
            let node = self.nodes.iter().find(|node| node.name == name)?;
            Some(format!("{schema}.{}", node.alias))
        });
        renamed.unwrap_or_else(|| relation.to_owned())
    }

    fn manifest(&self, relations_by_node: bool) -> Value {
        let sources: serde_json::Map<String, Value> = self
            .sources
            .iter()
            .map(|name| {
                let id = format!("source.shop.raw.{name}");
                let value = json!({
                    "database": "db", "schema": "raw", "name": name, "resource_type": "source", "package_name": "shop",
                    "path": "models/sources.yml", "original_file_path": "models/sources.yml", "unique_id": id,
                    "fqn": ["shop", "raw", name], "source_name": "raw", "identifier": name, "tags": [], "meta": {},
                    "config": { "enabled": true }, "relation_name": format!("db.raw.{name}"),
                });
                (id, value)
            })
            .collect();
        let ids: BTreeMap<&str, String> = self.nodes.iter().map(|node| (node.name.as_str(), node.id())).collect();
        let (functions, nodes): (Vec<_>, Vec<_>) = self
            .nodes
            .iter()
            .map(|node| {
                let parents: Vec<String> = node
                    .parents
                    .iter()
                    .filter_map(|parent| match parent.strip_prefix("raw.") {
                        Some(source) => Some(format!("source.shop.raw.{source}")),
                        None => ids.get(parent.as_str()).cloned(),
                    })
                    .collect();
                let (kind, materialized, schema) = match node.kind {
                    Kind::Function => ("function", "function", "main"),
                    Kind::Model => ("model", "table", "main"),
                    Kind::Incremental => ("model", "incremental", "main"),
                    Kind::Snapshot => ("snapshot", "snapshot", "main"),
                    Kind::Seed => ("seed", "seed", "main"),
                    Kind::Test => ("test", "test", "dbt_test__audit"),
                };
                let table = if relations_by_node { &node.name } else { &node.alias };
                let value = json!({
                    "database": "db", "schema": schema, "name": node.name, "resource_type": kind, "package_name": "shop",
                    "path": format!("{}.sql", node.name), "original_file_path": format!("models/{}.sql", node.name),
                    "unique_id": node.id(), "fqn": ["shop", node.name], "alias": table, "tags": [], "meta": {},
                    "checksum": { "name": "sha256", "checksum": format!("{}{}", node.alias, node.code) },
                    "config": { "enabled": true, "materialized": materialized, "tags": [], "meta": {} },
                    "raw_code": format!("select {}", node.code), "language": "sql",
                    "depends_on": { "macros": [], "nodes": parents }, "unrendered_config": {},
                    "relation_name": (node.kind != Kind::Test).then(|| format!("db.main.{table}")),
                });
                (node.id(), value)
            })
            .partition(|(id, _)| id.starts_with("function."));
        let [functions, nodes] = [functions, nodes].map(|these| these.into_iter().collect::<serde_json::Map<_, _>>());
        json!({
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16",
                "project_name": "shop", "adapter_type": "postgres",
            },
            "nodes": nodes, "sources": sources, "macros": {}, "docs": {}, "exposures": {}, "metrics": {}, "groups": {},
            "selectors": {}, "disabled": {}, "parent_map": {}, "child_map": {}, "group_map": {}, "saved_queries": {},
            "semantic_models": {}, "unit_tests": {}, "functions": functions,
        })
    }
}
