//! Large releases with real dbt: the cost of selecting nodes is proportional to their number.
//!
//! The two large tests take minutes. `make test-dbt` runs them, and the nightly workflow does.

use std::{
    fmt::Write as _,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Ended, Running, World, dbt};
use landfall_planner::{NodeStatus, Outcome};
use serde_json::json;

/// The name of a model, 46 characters as in projects with long names. Its id has 56.
fn name(model: usize) -> String {
    format!("a_model_with_a_name_of_a_usual_length_{model:08}")
}

fn id(model: usize) -> String {
    format!("model.shop.{}", name(model))
}

/// Writes a project of that many models. Nine of ten read the tenth, and each has a test in a file of 100.
fn world(models: usize, dbt: std::path::PathBuf) -> World {
    let world = World::new(dbt);
    for unused in ["models/bad.sql", "models/after_bad.sql", "models/slow.sql"] {
        std::fs::remove_file(world.project().join(unused)).unwrap();
    }
    for model in 0..models {
        let sql = match model % 10 {
            0 => "select 1 as id".to_owned(),
            _ => format!("select * from {{{{ ref('{}') }}}}", name(model - model % 10)),
        };
        world.write(&format!("models/group_{}/{}.sql", model / 500, name(model)), &sql);
    }
    world
}

/// Waits for a task that may take longer than those of other tests.
fn wait_for(world: &World, mut running: Running, limit: Duration) -> Ended {
    let started = Instant::now();
    while running.0.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < limit, "not finished after {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    world.finish(running)
}

fn runs_exactly_half(models: usize, limit: Duration) {
    let Some(dbt) = dbt() else { return };
    let world = world(models, dbt);
    // Every second model. All of them read a model of the plan, because the tenth models have even numbers.
    let ids: Vec<String> = (0..models).step_by(2).map(id).collect();
    let text: Vec<&str> = ids.iter().map(String::as_str).collect();
    let timeout = u32::try_from(limit.as_secs()).unwrap();
    world.plan(&json!([{"step": "build", "nodes": text}, {"step": "docs"}]), &text, timeout);
    let running = Running(world.command(1, "t1").spawn().unwrap());
    let ended = wait_for(&world, running, limit);
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Succeeded, "{:?}", result.message);
    let mut executed = world.executed(1);
    executed.sort();
    assert_eq!(executed, ids);
    assert_eq!(world.json(1, "catalog.json")["nodes"].as_object().unwrap().len(), ids.len());
    let steps: Vec<String> = result.steps.iter().map(|step| format!("{} {:.1} s", step.step, step.seconds)).collect();
    println!("{models} models, {} planned: {}", ids.len(), steps.join(", "));
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_build_and_its_docs_run_exactly_150_of_300_models() {
    runs_exactly_half(300, Duration::from_mins(3));
}

#[test]
#[ignore = "takes minutes: make test-dbt"]
fn large_a_build_and_its_docs_run_exactly_2000_of_4000_models() {
    runs_exactly_half(4_000, Duration::from_mins(30));
}

/// Runs 4,000 nodes under a limit of the stack that makes two commands of them. `LANDFALL_TEST_DBT_V2` is dbt v2.
#[test]
#[ignore = "takes minutes and needs dbt v2: make test-dbt"]
fn large_dbt_v2_runs_4000_names_in_batches_and_skips_what_descends_from_a_failure() {
    let Some(dbt) = std::env::var_os("LANDFALL_TEST_DBT_V2") else {
        println!("SKIPPED: names for dbt v2: LANDFALL_TEST_DBT_V2 does not name it");
        return;
    };
    let models = 4_000;
    let world = world(models, dbt.into());
    world.write(&format!("models/group_0/{}.sql", name(10)), "select no_such_column from (select 1 as id)");
    let nodes: Vec<serde_json::Value> = (0..models)
        .map(|model| {
            let parents: Vec<usize> = if model % 10 == 0 { vec![] } else { vec![model - model % 10] };
            let select = format!("fqn:shop.group_{}.{},resource_type:model", model / 500, name(model));
            json!({"id": id(model), "select": select, "parents": parents, "relation": name(model)})
        })
        .collect();
    let select: Vec<&serde_json::Value> = nodes.iter().map(|node| &node["select"]).collect();
    let ids: Vec<&serde_json::Value> = nodes.iter().map(|node| &node["id"]).collect();
    let step = json!({"step": "build", "nodes": ids, "select": select});
    world.plan_of("2.0.0", &json!([step]), &json!(nodes), 1200);
    let mut command = Command::new("prlimit");
    // dbt v2 needs a stack of more than 1 MiB. The environment takes half of a command line of 512 KiB.
    command.arg("--stack=2097152:2097152").arg(env!("CARGO_BIN_EXE_landfall-task"));
    world.environment(&mut command, 1, "t1");
    command.env("LARGE_1", "x".repeat(100_000)).env("LARGE_2", "x".repeat(100_000));
    let ended = wait_for(&world, Running(command.spawn().unwrap()), Duration::from_mins(20));
    assert_eq!(ended.code, Some(1));
    let result = world.result(1);
    assert!(result.steps.len() > 1, "{} commands", result.steps.len());
    let of = |status| result.nodes.iter().filter(|node| node.status == status).count();
    assert_eq!(
        (of(NodeStatus::Error), of(NodeStatus::Skipped), of(NodeStatus::Success)),
        (1, 9, models - 10),
        "{:?}",
        result.message
    );
    assert!(result.unplanned_nodes.is_empty());
}

/// Measures `dbt ls` alone, of all models and of half of them by ids. `LANDFALL_TEST_MODELS` has the sizes.
#[test]
#[ignore = "a benchmark of minutes: make bench-dbt"]
#[expect(clippy::disallowed_methods, reason = "a benchmark has no config module")]
fn bench_selecting_by_id_costs_as_much_as_listing_everything() {
    let Some(dbt) = dbt() else { return };
    let sizes = std::env::var("LANDFALL_TEST_MODELS").unwrap_or_else(|_| "4000 8000 40000".to_owned());
    let mut table = String::new();
    for models in sizes.split_whitespace().map(|size| size.parse::<usize>().unwrap()) {
        let world = world(models, dbt.clone());
        let state = world.folder.path().join("selected");
        let ids: Vec<landfall_planner::NodeId> =
            (0..models).step_by(2).map(|model| landfall_planner::NodeId::parse(id(model)).unwrap()).collect();
        landfall_task::node_selection::write_results(&state, &ids).unwrap();
        let list = |arguments: &[&std::ffi::OsStr]| {
            let started = Instant::now();
            let listed = Command::new(&dbt)
                .args(["--quiet", "ls", "--resource-type", "model"])
                .args(arguments)
                .current_dir(world.project())
                .env("SHOP_DB", world.database())
                .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
                .output()
                .unwrap();
            assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stdout));
            (String::from_utf8_lossy(&listed.stdout).lines().count(), started.elapsed())
        };
        let (_, parse) = list(&[]);
        let (all, plain) = list(&[]);
        let (half, by_id) = list(&["--select".as_ref(), "result:error".as_ref(), "--state".as_ref(), state.as_ref()]);
        assert_eq!((all, half), (models + 2, ids.len()));
        assert!(by_id < plain + Duration::from_mins(2), "{by_id:?}, plain {plain:?}");
        let seconds = |time: Duration| time.as_secs_f64();
        let _ = writeln!(
            table,
            "{models} models: parse {:.1} s, ls {:.1} s, ls of {half} by id {:.1} s",
            seconds(parse),
            seconds(plain),
            seconds(by_id)
        );
    }
    println!("{table}");
}
