use std::collections::BTreeSet;

use landfall_manifest::Index;
use serde_json::{Value, json};

use super::world::{self, PROJECT, World, models};
use crate::{
    CompileInput, LandfallYml, LedgerOutcome, NodeStatus, Outcome, Release, ReleaseId, compile, missing_parent_of,
    wait_reasons,
};

const YAML: &str = r#"
version: 1
datasets:
  shop.orders: { location: "s3://landing-bucket/orders/", ready: { quiet: 2s, at_most: 10s }, select: "stg_orders+" }
jobs:
  qa: { schedule: "rate(1 day)", test: { select: "resource_type:test" } }
retry: []
docs: { publish: false }
"#;

/// A node with its parents. The kind is the first part of its id.
fn node(id: &str, parents: &[&str]) -> (String, Value) {
    let mut parts = id.split('.');
    let (kind, _, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let materialized = if kind == "model" { "table" } else { kind };
    let value = json!({
        "database": "db", "schema": "main", "name": name, "alias": name, "resource_type": kind, "package_name": "shop",
        "path": format!("{name}.sql"), "original_file_path": format!("models/{name}.sql"), "unique_id": id,
        "fqn": ["shop", name], "tags": [], "meta": {}, "checksum": { "name": "sha256", "checksum": name },
        "config": { "enabled": true, "materialized": materialized, "tags": [], "meta": {} },
        "depends_on": { "macros": [], "nodes": parents }, "relation_name": format!("db.main.{name}"),
        "raw_code": "select 1", "language": "sql",
    });
    (id.to_owned(), value)
}

fn source(name: &str) -> (String, Value) {
    let id = format!("source.shop.shop.{name}");
    let value = json!({
        "database": "db", "schema": "raw", "name": name, "resource_type": "source", "package_name": "shop",
        "path": "models/sources.yml", "original_file_path": "models/sources.yml", "unique_id": id,
        "fqn": ["shop", "shop", name], "source_name": "shop", "identifier": name, "tags": [], "meta": {},
        "config": { "enabled": true }, "relation_name": format!("db.raw.{name}"),
    });
    (id, value)
}

/// `customers` reads `stg_orders`, a load's model, and `stg_customers`, which reads a seed alone. `report` calls a
/// function that calls another one. `static_report` reads a source to which no dataset leads.
fn index(functions: &[&str]) -> Index {
    let nodes: serde_json::Map<String, Value> = [
        node("seed.shop.raw_customers", &[]),
        node("model.shop.stg_customers", &["seed.shop.raw_customers"]),
        node("model.shop.stg_orders", &["source.shop.shop.orders"]),
        node("model.shop.customers", &["model.shop.stg_customers", "model.shop.stg_orders"]),
        node("model.shop.report", &[&["model.shop.stg_orders"], functions].concat()),
        node("model.shop.static_report", &["source.shop.shop.rates"]),
        node("test.shop.unique_customers.0", &["model.shop.customers"]),
    ]
    .into_iter()
    .collect();
    let functions: serde_json::Map<String, Value> = functions.iter().map(|id| node(id, &[])).collect();
    let sources: serde_json::Map<String, Value> = [source("orders"), source("rates")].into_iter().collect();
    let manifest = json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16",
            "project_name": "shop", "adapter_type": "postgres",
        },
        "nodes": nodes, "sources": sources, "functions": functions, "macros": {}, "docs": {}, "exposures": {},
        "metrics": {}, "groups": {}, "selectors": {}, "disabled": {}, "parent_map": {}, "child_map": {},
        "group_map": {}, "saved_queries": {}, "semantic_models": {}, "unit_tests": {},
    });
    Index::from_slice(manifest.to_string().as_bytes()).unwrap()
}

fn release(yaml: &str, existing: &[&str]) -> Release {
    let index = index(&["function.shop.twice"]);
    let existing: BTreeSet<String> = existing.iter().map(|id| (*id).to_owned()).collect();
    let compiled = compile(&CompileInput {
        id: &ReleaseId::parse("r1").unwrap(),
        index: &index,
        project: &LandfallYml::from_yaml(yaml).unwrap(),
        landing_bucket: Some("landing-bucket"),
        base: None,
        existing: &existing,
        task_definition: None,
    });
    Release::new(compiled.unwrap(), index)
}

fn ids(plan: &crate::Plan) -> Vec<&str> {
    plan.nodes.iter().map(|node| node.id.as_str().rsplit("shop.").next().unwrap()).collect()
}

#[test]
fn a_load_builds_the_staging_of_seeds_and_the_functions_that_its_models_need() {
    let mut world = World::on(release(YAML, &[]));
    let plan = world.load("orders/1.csv");
    assert_eq!(
        ids(&plan),
        ["twice", "customers", "report", "stg_customers", "stg_orders", "raw_customers", "unique_customers.0"]
    );
    assert!(world.board.backlog.is_empty(), "{:?}", world.board.backlog);
    let plan = world.load("orders/2.csv");
    assert_eq!(ids(&plan), ["customers", "report", "stg_orders", "unique_customers.0"], "the others are built");
}

#[test]
fn an_ancestor_that_failed_is_tried_once_by_each_load_that_needs_it() {
    let mut world = World::on(release(YAML, &[]));
    for key in ["orders/1.csv", "orders/2.csv"] {
        world.land(key);
        world.wait(2);
        let (run, attempt) = world.start();
        let stop = world.stop_of(&run, attempt, Outcome::Failed, |id| {
            Some(match id.as_str() {
                "model.shop.stg_customers" => NodeStatus::Error,
                "model.shop.customers" | "test.shop.unique_customers.0" => NodeStatus::Skipped,
                _ => NodeStatus::Success,
            })
        });
        world.stop(stop);
        assert!(world.board.runs.is_empty(), "no run repeats it without a new load");
        assert!(ids(&world.last_plan()).contains(&"stg_customers"));
        world.wait(3600);
        assert!(world.board.runs.is_empty());
    }
    world.load("orders/3.csv");
    assert!(world.board.backlog.is_empty());
}

#[test]
fn a_job_that_only_tests_builds_nothing() {
    let mut world = World::on(release(YAML, &[]));
    world.decide(&crate::Input::Schedule {
        job: "qa".parse().unwrap(),
        scheduled_time: "2026-11-22T10:00:00Z".to_owned(),
    });
    assert!(world.plans.is_empty());
    assert!(world.last_outcome().contains("waits for the first load of shop.orders"), "{}", world.last_outcome());
}

#[test]
fn the_first_release_adopts_what_exists_and_builds_the_rest_once_its_data_is_there() {
    let mut world = World::released(release(YAML, &["seed.shop.raw_customers", "function.shop.twice"]));
    assert_eq!(ids(&world.last_plan()), ["stg_customers"], "the seed exists, and the others need a load");
    world.succeed();
    let plan = world.load("orders/1.csv");
    assert_eq!(ids(&plan), ["customers", "report", "stg_orders", "unique_customers.0"]);
    assert_eq!(world.backlog("release"), 1, "static_report is left");
    assert!(world.board.runs.is_empty());
}

#[test]
fn a_source_without_a_dataset_is_named_with_the_remedy() {
    let mut world = World::released(release(YAML, &[]));
    let text = "source shop.rates: no dataset leads to it; add it to landfall.yml, or set `datasets: shop.rates: { adopted: true }` there if its table exists already";
    let accepted = world.lines.iter().find(|line| line.outcome == LedgerOutcome::Accepted).unwrap();
    assert!(accepted.detail.contains(text), "{}", accepted.detail);
    assert_eq!(world.release.sources_without_dataset(), [text]);
    world.succeed();
    world.load("orders/1.csv");
    let reasons: Vec<String> =
        wait_reasons(&world.board, &world.release, world.now).iter().map(|waiting| waiting.why.to_string()).collect();
    assert_eq!(reasons, [format!("waits for {text}")]);
    let id = "model.shop.static_report".parse().unwrap();
    let ordinal = world.release.ordinal(&id).unwrap();
    assert_eq!(missing_parent_of(&world.release, &world.board, ordinal), Some(format!("waits for {text}")));
}

#[test]
fn an_adopted_dataset_needs_no_load() {
    let adopted = YAML.replace("datasets:\n", "datasets:\n  shop.rates: { adopted: true }\n");
    let mut world = World::released(release(&adopted, &[]));
    assert_eq!(ids(&world.last_plan()), ["twice", "static_report", "stg_customers", "raw_customers"]);
    world.succeed();
    world.load("orders/1.csv");
    assert!(world.board.backlog.is_empty());
}

#[test]
fn a_source_that_the_catalog_lists_needs_no_dataset() {
    let world = World::released(release(YAML, &["source.shop.shop.rates"]));
    assert!(ids(&world.last_plan()).contains(&"static_report"));
    let accepted = world.lines.iter().find(|line| line.outcome == LedgerOutcome::Accepted).unwrap();
    assert!(!accepted.detail.contains("shop.rates"), "{}", accepted.detail);
}

#[test]
fn a_group_of_nodes_cannot_be_adopted() {
    let index = index(&[]);
    let yaml = "version: 1\ndatasets: { mine: { select: stg_orders, adopted: true } }";
    let error = compile(&CompileInput {
        id: &ReleaseId::parse("r1").unwrap(),
        index: &index,
        project: &LandfallYml::from_yaml(yaml).unwrap(),
        landing_bucket: Some("landing-bucket"),
        base: None,
        existing: &BTreeSet::new(),
        task_definition: None,
    })
    .unwrap_err();
    assert!(error.to_string().contains("datasets.mine.adopted"), "{error}");
}

#[test]
fn a_node_that_failed_for_the_release_and_was_built_for_a_load_is_not_quarantined_any_more() {
    let mut world = World::released(release(YAML, &[]));
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, |id| {
        Some(if id.as_str() == "model.shop.stg_customers" { NodeStatus::Error } else { NodeStatus::Success })
    });
    world.stop(stop);
    let entry = &world.board.backlog[&"release".parse().unwrap()];
    assert!(entry.quarantine.is_some(), "{entry:?}");
    world.load("orders/1.csv");
    let entry = &world.board.backlog[&"release".parse().unwrap()];
    assert_eq!((entry.nodes.len(), &entry.quarantine), (1, &None), "static_report is left");
}

#[test]
fn a_node_that_a_load_built_with_the_releases_code_is_not_built_again_for_the_release() {
    let mut world = World::released(world::release("r1", PROJECT, None));
    assert_eq!(models(&world.succeed()), ["countries"]);
    world.loaded("crm.accounts", "1");
    assert_eq!(models(&world.succeed()), ["stg_accounts"], "operations before dbt make it a run of its own");
    assert!(world.board.runs.is_empty(), "{:?}", world.board.runs);
    let pending = &world.board.backlog[&"release".parse().unwrap()].nodes;
    let stg_accounts = world.release.ordinal(&"model.jaffle.stg_accounts".parse().unwrap()).unwrap();
    assert!(!pending.is_empty() && !pending.contains(stg_accounts));
}
