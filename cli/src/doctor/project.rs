//! landfall.yml against the manifest: what would be refused, and what would be accepted and then not do what one expects.

use landfall_manifest::{Index, ResourceType};
use landfall_planner::{Compiled, Dataset, ReadinessPolicy};

use super::Report;
use crate::{
    release::{self, ReleaseError},
    terminal::count,
    text::list,
};

const PROJECT: &str = "project";
/// Adapters whose warehouse may read the landed objects themselves, so that landed is loaded.
const IN_PLACE: [&str; 6] = ["duckdb", "athena", "glue", "spark", "trino", "dremio"];

/// Files that are not released yet.
pub fn check(report: &mut Report, manifest: &[u8], settings: Option<&str>, landing_bucket: &str) {
    match release::check(manifest, settings, Some(landing_bucket)) {
        Ok(checked) => {
            let says = format!("{}, and landfall.yml fits the manifest", count(checked.models(), "model", "models"));
            report.good(PROJECT, says);
            examine(report, &checked.compiled, &checked.index);
        }
        Err(ReleaseError::Compile(error)) => {
            for problem in error.problems {
                report.broken(PROJECT, problem, "change landfall.yml as it says: a release of this would be refused");
            }
        }
        Err(error) => {
            report.broken(
                PROJECT,
                error.to_string(),
                "mend the file that it names: a release of this would be refused",
            );
        }
    }
}

/// What would be accepted.
pub fn examine(report: &mut Report, compiled: &Compiled, index: &Index) {
    if compiled.datasets.is_empty() {
        report.warning(
            PROJECT,
            "there is no dataset: no load runs anything",
            "say in landfall.yml where the data of your sources lands (datasets: SOURCE.TABLE: { location: PREFIX/ })",
        );
    }
    let adapter = index.metadata().adapter_type.as_deref().unwrap_or("unknown");
    for (name, dataset) in &compiled.datasets {
        let about = format!("dataset {name}");
        if dataset.nodes.is_empty() {
            report.warning(
                about.clone(),
                "nothing is built from it: a load of it runs no model",
                "select what it should run (datasets: ...: { select: ... }), or take it out of landfall.yml",
            );
        }
        if landed_is_not_loaded(adapter, dataset, index) {
            report.warning(
                about,
                format!("an object that lands starts its run, but {adapter} has its rows only once somebody has loaded them"),
                "let the run load it (before: [{ run-operation: ... }]), or wait for the loader's word (ready: { event: true })",
            );
        }
    }
    let silent: Vec<String> = index
        .nodes()
        .filter(|node| node.resource_type() == ResourceType::Source)
        .map(|node| format!("{}.{}", node.source_name().unwrap_or_default(), node.name()))
        .filter(|name| !compiled.datasets.keys().any(|dataset| dataset.as_str() == name))
        .collect();
    if !silent.is_empty() && !compiled.datasets.is_empty() {
        report.note(
            PROJECT,
            format!(
                "{} no dataset, so no load of theirs runs anything: {}",
                if silent.len() == 1 { "one source is" } else { "some sources are" },
                list(&silent, 6)
            ),
        );
    }
}

/// It is started by objects, nothing is loaded before, and its relation is no external table.
fn landed_is_not_loaded(adapter: &str, dataset: &Dataset, index: &Index) -> bool {
    let external = dataset.source.as_ref().and_then(|id| index.get(id.as_str()));
    let external = external.is_some_and(|source| source.external_location().next().is_some());
    let is_started_by_objects = !dataset.locations.is_empty() && !matches!(dataset.ready, ReadinessPolicy::Event);
    is_started_by_objects && dataset.before.is_empty() && !external && !IN_PLACE.contains(&adapter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const MANIFEST: &str = r#"{
        "metadata": { "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.9.0",
            "project_name": "shop", "adapter_type": "ADAPTER" },
        "nodes": {}, "sources": {}, "macros": {}, "exposures": {}, "metrics": {}, "groups": {}, "selectors": {}, "disabled": {},
        "parent_map": {}, "child_map": {}, "semantic_models": {}, "saved_queries": {}, "unit_tests": {}
    }"#;

    fn manifest(adapter: &str) -> Vec<u8> {
        let mut manifest: serde_json::Value = serde_json::from_str(&MANIFEST.replace("ADAPTER", adapter)).unwrap();
        let source = |name: &str| {
            serde_json::json!({ "unique_id": format!("source.shop.raw.{name}"), "resource_type": "source", "name": name, "source_name": "raw",
                "package_name": "shop", "fqn": ["shop", "raw", name], "schema": "raw", "database": "db", "identifier": name, "path": "s.yml",
                "original_file_path": "models/s.yml", "relation_name": format!("db.raw.{name}"), "tags": [], "config": { "enabled": true }, "meta": {} })
        };
        manifest["sources"]["source.shop.raw.orders"] = source("orders");
        manifest["sources"]["source.shop.raw.other"] = source("other");
        manifest["nodes"]["model.shop.stg_orders"] = serde_json::json!({ "unique_id": "model.shop.stg_orders", "resource_type": "model",
            "name": "stg_orders", "package_name": "shop", "fqn": ["shop", "stg_orders"], "schema": "s", "database": "db", "alias": "stg_orders",
            "path": "stg_orders.sql", "original_file_path": "models/stg_orders.sql", "relation_name": "db.s.stg_orders", "tags": [],
            "config": { "enabled": true, "materialized": "table" }, "raw_code": "select 1", "language": "sql",
            "checksum": { "name": "sha256", "checksum": "00" }, "depends_on": { "macros": [], "nodes": ["source.shop.raw.orders"] } });
        manifest["parent_map"] = serde_json::json!({ "model.shop.stg_orders": ["source.shop.raw.orders"], "source.shop.raw.orders": [],
            "source.shop.raw.other": [] });
        manifest.to_string().into_bytes()
    }

    fn of(verdict: Verdict, adapter: &str, settings: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&mut report, &manifest(adapter), Some(settings), "landing");
        report.findings.iter().filter(|it| it.verdict == verdict).map(ToString::to_string).collect()
    }

    const ORDERS: &str = "version: 1\ndatasets: { raw.orders: { location: orders/ } }\n";

    #[test]
    fn an_object_that_snowflake_has_not_loaded_is_warned_of_unless_the_run_waits_or_loads() {
        let warned = of(Verdict::Warning, "snowflake", ORDERS);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].contains("snowflake has its rows only once"), "{warned:?}");
        assert_eq!(of(Verdict::Warning, "duckdb", ORDERS), [""; 0]);
        for ready in ["ready: { event: true }", "before: [{ run-operation: copy }]"] {
            let settings = ORDERS.replace("location: orders/", &format!("location: orders/, {ready}"));
            assert_eq!(of(Verdict::Warning, "snowflake", &settings), [""; 0], "{ready}");
        }
    }

    #[test]
    fn a_dataset_that_nothing_is_built_from_and_a_project_without_any_are_warned_of() {
        let idle = of(Verdict::Warning, "duckdb", "version: 1\ndatasets: { raw.other: { location: other/ } }\n");
        assert!(idle.len() == 1 && idle[0].contains("dataset raw.other: nothing is built from it"), "{idle:?}");
        let none = of(Verdict::Warning, "duckdb", "version: 1\n");
        assert!(none.len() == 1 && none[0].contains("there is no dataset"), "{none:?}");
    }

    #[test]
    fn what_a_release_would_be_refused_for_is_broken() {
        let refused = of(Verdict::Broken, "duckdb", "version: 1\ndatasets: { raw.ordesr: { location: orders/ } }\n");
        assert!(refused.len() == 1 && refused[0].contains("raw.ordesr"), "{refused:?}");
        assert_eq!(of(Verdict::Broken, "duckdb", "version: 7\n").len(), 1);
    }
}
