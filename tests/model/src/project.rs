//! The project of the model: two datasets, a staging model of each, and one mart that both share.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use landfall_manifest::Index;
use landfall_pipeline::{
    Board, CompileInput, Context, Input, NodeId, Nonce, Project, Release, ReleaseId, TaskSettings, compile, decide,
};
use serde_json::{Map, Value, json};

/// The datasets, by number.
pub const DATASETS: [&str; 2] = ["a", "b"];
/// The nodes, by number: staging models by their datasets' numbers, then the mart.
pub const NODES: [&str; 3] = ["model.shop.stg_a", "model.shop.stg_b", "model.shop.mart"];
/// The mart's number.
pub const MART: usize = 2;

const LANDFALL_YML: &str = r#"
version: 1
loads: { ready: { every_object: true } }
datasets:
  raw.a: { location: "s3://landing/a/" }
  raw.b: { location: "s3://landing/b/" }
release: { first: adopt }
runs: { max_parallel: 2, warehouse: shared }
limits: { runs_per_day: 1000000 }
docs: { publish: false }
"#;

/// The time, always: what lies behind moves away from it instead.
pub static NOW: LazyLock<Timestamp> = LazyLock::new(|| Timestamp::constant(1_795_600_800, 0));

/// The release, compiled once.
pub static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    let index = Index::from_slice(manifest().to_string().as_bytes()).unwrap();
    let compiled = compile(&CompileInput {
        id: &ReleaseId::parse("r1").unwrap(),
        index: &index,
        project: &Project::from_yaml(LANDFALL_YML).unwrap(),
        landing_bucket: None,
        base: None,
        existing: &NODES.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(),
        task_definition: None,
    });
    Release::new(compiled.unwrap(), index)
});

/// Where tasks run.
pub static TASK: LazyLock<TaskSettings> =
    LazyLock::new(|| TaskSettings { task_definition: "dbt:1".to_owned(), ..TaskSettings::default() });

/// The number of a node.
pub fn node(id: &NodeId) -> Option<usize> {
    NODES.iter().position(|node| *node == id.as_str())
}

/// A new stack on which the release was put into place.
pub fn first_board() -> Board {
    let nonce = Nonce::parse("0").unwrap();
    let context = Context { now: *NOW, nonce: &nonce, release: None, task: Some(&TASK) };
    decide(&Board::new(*NOW), &Input::Offer { release: &RELEASE, force: false }, &context).board
}

fn manifest() -> Value {
    let source = |name: &str| {
        json!({
            "database": "db", "schema": "raw", "name": name, "resource_type": "source", "package_name": "shop",
            "path": "m.yml", "original_file_path": "m.yml", "fqn": ["shop", "raw", name], "source_name": "raw",
            "identifier": name, "tags": [], "config": { "enabled": true }, "relation_name": format!("db.raw.{name}"),
        })
    };
    let model = |name: &str, parents: &[&str]| {
        json!({
            "database": "db", "schema": "main", "name": name, "resource_type": "model", "package_name": "shop",
            "path": "m.sql", "original_file_path": "m.sql", "fqn": ["shop", name], "alias": name, "tags": [],
            "config": { "enabled": true, "materialized": "table" }, "raw_code": "select 1",
            "depends_on": { "macros": [], "nodes": parents }, "relation_name": format!("db.main.{name}"),
        })
    };
    let sources: Map<String, Value> =
        DATASETS.iter().map(|name| (format!("source.shop.raw.{name}"), source(name))).collect();
    json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16",
            "project_name": "shop", "adapter_type": "postgres",
        },
        "nodes": {
            "model.shop.stg_a": model("stg_a", &["source.shop.raw.a"]),
            "model.shop.stg_b": model("stg_b", &["source.shop.raw.b"]),
            "model.shop.mart": model("mart", &["model.shop.stg_a", "model.shop.stg_b"]),
        },
        "sources": sources,
    })
}
