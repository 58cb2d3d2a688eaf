//! dbt runs exactly the nodes of the plan, whatever the project's defaults are.

use crate::support::{World, dbt};
use landfall_planner::{NodeStatus, Outcome};
use serde_json::{Value, json};

/// A build step of these ids, as a large plan for dbt 1.x has it: without names.
fn by_id(step: &str, ids: &[&str]) -> Value {
    json!({"step": step, "nodes": ids})
}

/// Adds a seed, a snapshot, a unit test, two tests and a default selector that selects something else.
fn add_all_kinds(world: &World) {
    world.write("tests/orders_have_ids.sql", "select * from {{ ref('orders') }} where id is null");
    world.write("seeds/countries.csv", "id,name\n1,AT\n");
    world.write(
        "snapshots/kept.sql",
        "{% snapshot kept %}{{ config(target_schema='main', unique_key='id', strategy='check', check_cols='all') }}\
         select * from {{ ref('stg_orders') }}{% endsnapshot %}",
    );
    world.write(
        "models/more.yml",
        "unit_tests:\n  - name: counts\n    model: orders\n    given: [{input: ref('stg_orders'), rows: [{id: 7}]}]\n    \
         expect: {rows: [{id: 7}]}\nmodels:\n  - name: orders\n    columns: [{name: id, data_tests: [unique, not_null]}]\n",
    );
    world.write(
        "selectors.yml",
        "selectors:\n  - name: other\n    default: true\n    definition: {method: fqn, value: bad}\n",
    );
}

#[test]
fn a_build_runs_exactly_the_nodes_of_the_plan_of_every_kind() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    add_all_kinds(&world);
    // Neither stg_orders, which orders and the snapshot read, nor the second test of orders.
    let setup = ["model.shop.stg_orders"];
    world.plan(&json!([by_id("build", &setup)]), &setup, 120);
    assert_eq!(world.run(1, "t1").code, Some(0));
    let mut ids = vec![
        "model.shop.orders",
        "seed.shop.countries",
        "snapshot.shop.kept",
        "test.shop.orders_have_ids",
        "unit_test.shop.orders.counts",
    ];
    world.plan(&json!([by_id("build", &ids), {"step": "docs"}]), &ids, 120);
    let mut command = world.command(2, "t2");
    command.env("DBT_EXCLUDE_RESOURCE_TYPES", "test seed").env("DBT_INDIRECT_SELECTION", "eager");
    let ended = world.finish(crate::support::Running(command.spawn().unwrap()));
    let mut executed = world.executed(2);
    executed.sort();
    ids.sort_unstable();
    assert_eq!(executed, ids, "{}", ended.output);
    assert_eq!(world.result(2).outcome, Outcome::Succeeded, "{:?}", world.result(2).message);
    let catalog = world.json(2, "catalog.json");
    let catalogued: Vec<&str> = catalog["nodes"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(catalogued, ["model.shop.orders"], "the one node of the plan with a relation");
}

#[test]
fn a_model_that_dbts_syntax_cannot_separate_runs_alone() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    // `fqn:shop.part` selects both, and no expression selects the first alone.
    world.write("models/part.sql", "select 1 as id");
    world.write("models/part/inner.sql", "select 1 as id");
    let ids = ["model.shop.part"];
    world.plan(&json!([by_id("build", &ids)]), &ids, 120);
    assert_eq!(world.run(1, "t1").code, Some(0));
    assert_eq!(world.executed(1), ids);
}

#[test]
fn a_test_step_runs_one_test_and_a_freshness_step_one_source() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    add_all_kinds(&world);
    world.write(
        "models/sources.yml",
        "sources:\n  - name: raw\n    schema: main\n    loaded_at_field: \"now()\"\n    \
         freshness: {error_after: {count: 1, period: day}}\n    tables: [{name: stg_orders}, {name: absent}]\n",
    );
    let ids = ["model.shop.orders", "model.shop.stg_orders", "test.shop.orders_have_ids"];
    let source = "source.shop.raw.stg_orders";
    world.plan(
        &json!([by_id("build", &ids[..2]), {"step": "freshness", "sources": [source]}, by_id("test", &ids[2..])]),
        &ids,
        120,
    );
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let result = world.result(1);
    let mut nodes: Vec<(&str, NodeStatus)> = result.nodes.iter().map(|node| (node.id.as_str(), node.status)).collect();
    nodes.sort_unstable();
    assert_eq!(
        nodes,
        [
            (ids[0], NodeStatus::Success),
            (ids[1], NodeStatus::Success),
            (source, NodeStatus::Pass),
            (ids[2], NodeStatus::Pass)
        ]
    );
}

#[test]
fn a_project_that_defers_by_its_environment_still_reads_that_manifest() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt.clone());
    let parse = std::process::Command::new(dbt)
        .args(["parse", "--target-path", "state"])
        .current_dir(world.project())
        .env("SHOP_DB", world.database())
        .output()
        .unwrap();
    assert!(parse.status.success());
    let ids = ["model.shop.stg_orders"];
    world.plan(&json!([by_id("build", &ids)]), &ids, 120);
    let mut command = world.command(1, "t1");
    command.env("DBT_DEFER", "true").env("DBT_STATE", "state");
    let ended = world.finish(crate::support::Running(command.spawn().unwrap()));
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert_eq!(world.executed(1), ids);
}
