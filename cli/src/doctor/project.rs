//! Checks of landfall.yml against the manifest: what a release would be refused for, and what would not work as
//! expected.

use landfall_manifest::Index;
use landfall_planner::{Dataset, ReadinessPolicy, Release};

use super::DoctorReport;
use crate::{
    release::{self, ReleaseCommandError},
    text::{count, printable},
};

const PROJECT: &str = "project";
/// The adapters whose warehouse can read objects in S3 directly, so that no loader is needed.
const IN_PLACE: [&str; 6] = ["duckdb", "athena", "glue", "spark", "trino", "dremio"];

/// Checks files that are not released yet.
pub fn check(report: &mut DoctorReport, manifest: &[u8], settings: Option<&str>, landing_bucket: &str) {
    match release::check(manifest, settings, Some(landing_bucket)) {
        Ok(checked) => {
            let says = format!("{}, and landfall.yml fits the manifest", count(checked.models(), "model", "models"));
            report.good(PROJECT, says);
            let release = checked.into_release();
            examine(report, &release, &release.sources_without_dataset());
        }
        Err(ReleaseCommandError::Compile(error)) => {
            for problem in error.problems {
                report.broken(PROJECT, problem, "change landfall.yml; a release of it would be refused");
            }
        }
        Err(error) => {
            report.broken(PROJECT, error.to_string(), "fix the file; a release of it would be refused");
        }
    }
}

/// Checks a project that a release would accept. `sources` are the texts about sources whose tables may not exist.
pub fn examine(report: &mut DoctorReport, release: &Release, sources: &[String]) {
    let (compiled, index) = (&release.compiled, &release.index);
    for text in sources {
        let (source, fix) = text.split_once("; ").unwrap_or((text, "add it to landfall.yml"));
        report.warning(PROJECT, format!("the models that read it wait for {source}"), fix);
    }
    if compiled.datasets.is_empty() {
        report.warning(
            PROJECT,
            "the project has no dataset, so no load starts a run",
            "add the locations of your sources to landfall.yml (datasets: SOURCE.TABLE: { location: PREFIX/ })",
        );
    }
    let adapter = index.metadata().adapter_type.as_deref().unwrap_or("unknown");
    for (name, dataset) in &compiled.datasets {
        let about = format!("dataset {name}");
        if dataset.nodes.is_empty() {
            report.warning(
                about.clone(),
                "no model uses it, so a load of it runs nothing",
                "select the nodes to run (datasets: ...: { select: ... }), or remove it from landfall.yml",
            );
        }
        if needs_loader(adapter, dataset, index) {
            report.warning(
                about,
                format!("an object that lands starts its run, but {adapter} has the rows only after a loader loaded them"),
                "load the rows in the run (before: [{ run-operation: ... }]), or let the loader announce them (ready: { event: true })",
            );
        }
    }
    for note in &compiled.notes {
        report.note(PROJECT, printable(note));
    }
}

/// Whether objects start the dataset's runs, although its rows are not in the warehouse then: no step loads them
/// before, and its relation is no external table.
fn needs_loader(adapter: &str, dataset: &Dataset, index: &Index) -> bool {
    let external = dataset.source.as_ref().and_then(|id| index.get(id.as_str()));
    let external = external.is_some_and(|source| source.external_location().next().is_some());
    let is_started_by_objects = !dataset.locations.is_empty() && !matches!(dataset.ready, ReadinessPolicy::Event);
    is_started_by_objects && dataset.before.is_empty() && !external && !IN_PLACE.contains(&adapter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingVerdict;

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

    fn of(verdict: FindingVerdict, adapter: &str, settings: &str) -> Vec<String> {
        let mut report = DoctorReport::default();
        check(&mut report, &manifest(adapter), Some(settings), "landing");
        report.findings.iter().filter(|it| it.verdict == verdict).map(ToString::to_string).collect()
    }

    const ORDERS: &str = "version: 1\ndatasets: { raw.orders: { location: orders/ } }\n";

    #[test]
    fn a_dataset_that_snowflake_must_load_first_is_a_warning_unless_the_run_waits_or_loads() {
        let warned = of(FindingVerdict::Warning, "snowflake", ORDERS);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].contains("snowflake has the rows only after"), "{warned:?}");
        assert_eq!(of(FindingVerdict::Warning, "duckdb", ORDERS), [""; 0]);
        for ready in ["ready: { event: true }", "before: [{ run-operation: copy }]"] {
            let settings = ORDERS.replace("location: orders/", &format!("location: orders/, {ready}"));
            assert_eq!(of(FindingVerdict::Warning, "snowflake", &settings), [""; 0], "{ready}");
        }
    }

    #[test]
    fn a_dataset_without_models_and_a_project_without_datasets_are_warnings() {
        let idle = of(FindingVerdict::Warning, "duckdb", "version: 1\ndatasets: { raw.other: { location: other/ } }\n");
        assert!(idle.iter().any(|it| it.contains("dataset raw.other: no model uses it")), "{idle:?}");
        assert!(idle.iter().any(|it| it.contains("wait for source raw.orders: no dataset leads to it")), "{idle:?}");
        assert_eq!(idle.len(), 2, "{idle:?}");
        let none = of(FindingVerdict::Warning, "duckdb", "version: 1\n");
        assert!(none.iter().any(|it| it.contains("the project has no dataset")), "{none:?}");
        assert!(none.iter().any(|it| it.contains("wait for source raw.orders")), "{none:?}");
    }

    #[test]
    fn what_a_release_is_refused_for_is_broken() {
        let refused =
            of(FindingVerdict::Broken, "duckdb", "version: 1\ndatasets: { raw.ordesr: { location: orders/ } }\n");
        assert!(refused.len() == 1 && refused[0].contains("raw.ordesr"), "{refused:?}");
        assert_eq!(of(FindingVerdict::Broken, "duckdb", "version: 7\n").len(), 1);
    }
}
