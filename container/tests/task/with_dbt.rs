//! The binary with real dbt on a small `DuckDB` project.

use crate::support::{Running, World, bucket::arn, build, dbt, wait_until};
use landfall_planner::{NodeStatus, Outcome, RunResult};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

const STG: &str = "model.shop.stg_orders";
const ORDERS: &str = "model.shop.orders";
const TEST: &str = "test.shop.not_null_stg_orders_id.8cf5724805";

fn statuses(result: &RunResult) -> Vec<(&str, NodeStatus)> {
    result.nodes.iter().map(|node| (node.id.as_str(), node.status)).collect()
}

#[test]
fn a_plan_is_run_and_its_result_comes_last() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    let hostile = "'; drop table x; -- $(touch pwned) `touch pwned` \u{1b}[2J\n--help";
    let load = json!({"step": "run_operation", "operation": "load", "args": {"words": hostile}});
    world.plan(&json!([load, build(&[ORDERS, STG, TEST]), {"step": "docs"}]), &[ORDERS, STG, TEST], 120);
    let ended = world.run(1, "t1");

    assert_eq!(ended.code, Some(0));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Succeeded, "{:?}", result.message);
    assert_eq!(result.task_arn, arn("t1"));
    assert_eq!(
        statuses(&result),
        [(ORDERS, NodeStatus::Success), (STG, NodeStatus::Success), (TEST, NodeStatus::Pass)]
    );
    assert_eq!(result.unplanned_nodes, []);
    assert_eq!(
        result.steps.iter().map(|step| (step.step.as_str(), step.exit_code)).collect::<Vec<_>>(),
        [("run_operation", Some(0)), ("build", Some(0)), ("docs", Some(0))]
    );
    assert_eq!(result.artifacts, ["catalog.json", "dbt.log", "index.html", "manifest.json", "run_results.json"]);
    let puts = world.bucket.puts();
    assert_eq!(
        (puts.first().unwrap().as_str(), puts.last().unwrap().as_str()),
        ("runs/r-1/1/claim", "runs/r-1/1/result.json")
    );

    assert_eq!(world.query("select count(*) from orders"), "[(2,)]");
    assert_eq!(world.query("select words like '%$(touch pwned)%' from loaded"), "[(True,)]");
    assert!(!world.project().join("pwned").exists());
    let mut executed = world.executed(1);
    executed.sort();
    assert_eq!(executed, [ORDERS, STG, TEST]);
    let catalog = world.json(1, "catalog.json");
    let mut catalogued: Vec<_> = catalog["nodes"].as_object().unwrap().keys().cloned().collect();
    catalogued.sort();
    assert_eq!(catalogued, [ORDERS, STG]);
    let manifest = world.json(1, "manifest.json");
    assert!(manifest["nodes"][ORDERS]["compiled_code"].as_str().unwrap().contains("stg_orders"));
    assert!(manifest["nodes"][TEST]["compiled_code"].is_string(), "the build's manifest, not the docs' smaller one");

    let lines: Vec<&str> = ended.output.lines().map(|line| line.get(10..).unwrap_or_default()).collect();
    assert_eq!(lines.first(), Some(&"run r-1, attempt 1, release v1: 3 nodes"));
    assert_eq!(lines.get(1), Some(&"why  load:shop.orders: 1 object landed in orders/"));
    assert!(lines.iter().any(|line| line.starts_with("1/3  OK     model stg_orders  ")), "{}", ended.output);
    assert!(lines.iter().any(|line| line.starts_with("step 2 of 3: dbt build: 3 ok in ")), "{}", ended.output);
    assert_eq!(lines.last(), Some(&"succeeded"));
    assert!(!ended.output.contains('\u{1b}'));
}

#[test]
fn a_failing_model_fails_the_run_and_what_succeeded_is_told_and_shown() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    let nodes = ["model.shop.after_bad", "model.shop.bad", ORDERS, STG];
    world.plan(&json!([build(&nodes), {"step": "docs"}]), &nodes, 120);
    let ended = world.run(1, "t1");

    assert_eq!(ended.code, Some(1));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(
        statuses(&result),
        [
            ("model.shop.after_bad", NodeStatus::Skipped),
            ("model.shop.bad", NodeStatus::Error),
            (ORDERS, NodeStatus::Success),
            (STG, NodeStatus::Success)
        ]
    );
    let message = result.message.unwrap();
    assert!(message.starts_with("1 of 4 nodes failed: model.shop.bad: "), "{message}");
    assert!(message.contains("no_such_column"), "{message}");
    assert_eq!(world.json(1, "catalog.json")["nodes"].as_object().unwrap().len(), 2, "docs of what was built");
    assert!(ended.output.contains("ERROR  model bad") && ended.output.contains("no_such_column"));
}

#[test]
fn an_attempt_that_is_revoked_or_anothers_is_left_alone() {
    for (claim, said) in [
        (json!({"claim": "revoked", "reason": "gave up"}), "was given up (gave up)"),
        (json!({"claim": "task", "task_arn": arn("other")}), "belongs to arn:aws:ecs"),
    ] {
        let world = World::with_script("touch \"$LANDFALL_WORK_DIR/dbt-was-here\"");
        world.plan(&json!([build(&[STG])]), &[STG], 60);
        world.bucket.put("runs/r-1/1/claim", claim.to_string());
        let ended = world.run(1, "t1");
        assert_eq!(ended.code, Some(3));
        assert!(ended.output.contains(said), "{}", ended.output);
        assert_eq!(world.bucket.puts(), Vec::<String>::new());
        assert!(!world.work().join("dbt-was-here").exists());
    }
}

#[test]
fn an_interrupted_run_tells_what_is_finished_and_the_next_attempt_does_the_rest() {
    const SLOW: &str = "model.shop.slow";
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt.clone());
    world.plan(&json!([build(&[SLOW, STG, TEST]), {"step": "docs"}]), &[SLOW, STG, TEST], 600);

    let running = Running(world.command(1, "t1").spawn().unwrap());
    let log = world.work().join("r-1-1/dbt.log");
    wait_until("the slow model", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("Began executing node model.shop.slow"))
    });
    kill(Pid::from_raw(i32::try_from(running.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = world.finish(running);
    assert_eq!(ended.code, Some(143));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Interrupted);
    assert_eq!(
        statuses(&result),
        [(STG, NodeStatus::Success), (TEST, NodeStatus::Pass)],
        "what was cancelled did not fail"
    );
    assert_eq!(result.artifacts, ["dbt.log", "manifest.json", "run_results.json"]);
    assert_eq!(world.bucket.puts().last().unwrap(), "runs/r-1/1/result.json");

    // The parse that `landfall release` would have put beside the manifest.
    let parse = std::process::Command::new(dbt)
        .args(["parse", "--target-path", "parsed"])
        .current_dir(world.project())
        .envs([("SHOP_DB", world.database().as_os_str()), ("SLOW_ROWS", "1".as_ref())])
        .output()
        .unwrap();
    assert!(parse.status.success());
    let saved = std::fs::read(world.project().join("parsed/partial_parse.msgpack")).unwrap();
    world.bucket.put("releases/v1/partial_parse.msgpack", saved);

    std::fs::remove_dir_all(world.work()).unwrap();
    let running = Running(world.command(2, "t2").env("SLOW_ROWS", "1").spawn().unwrap());
    let ended = world.finish(running);
    assert_eq!(ended.code, Some(0));
    assert_eq!(world.executed(2), [SLOW], "only what was left");
    assert_eq!(statuses(&world.result(2)), [(SLOW, NodeStatus::Success)]);
    assert_eq!(
        world.json(2, "catalog.json")["nodes"].as_object().unwrap().len(),
        2,
        "docs of what both attempts built"
    );
    let log = String::from_utf8(world.artifact(2, "dbt.log")).unwrap();
    assert!(!log.contains("UnableToPartialParse"), "the release's saved parse was used");
}

#[test]
fn a_run_beyond_its_time_is_stopped() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.plan(&json!([build(&["model.shop.slow", STG])]), &["model.shop.slow", STG], 6);
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(124));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::TimedOut);
    assert!(result.message.unwrap().contains("time limit"));
    assert!(result.nodes.iter().all(|node| node.status.is_success()), "{:?}", result.nodes);
}

#[test]
fn selectors_that_match_nothing_are_a_failure_and_never_reach_a_shell() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    let select = ["$(touch pwned)", "`touch pwned`;touch pwned", "name with \"quotes\" and 'more'"];
    world.plan(&json!([{"step": "build", "nodes": [STG], "select": select}, {"step": "docs"}]), &[STG], 120);
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(1));
    let message = world.result(1).message.unwrap();
    assert!(message.contains("dbt ran none of the 1 node planned"), "{message}");
    assert!(!world.project().join("pwned").exists());
}

#[test]
fn what_dbt_executes_outside_the_plan_is_a_unplanned() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.plan(&json!([{"step": "build", "nodes": [ORDERS], "select": ["+orders"]}]), &[ORDERS], 120);
    assert_eq!(world.run(1, "t1").code, Some(0));
    let result = world.result(1);
    assert_eq!(result.unplanned_nodes.iter().map(landfall_planner::NodeId::as_str).collect::<Vec<_>>(), [STG]);
    assert_eq!(statuses(&result), [(ORDERS, NodeStatus::Success)]);
}

#[test]
fn what_dbt_itself_says_of_a_broken_project_is_the_message() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.write("models/broken.sql", "select * from {{ ref('nobody') }}");
    world.plan(&json!([build(&[STG])]), &[STG], 120);
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!((result.outcome, result.steps[0].exit_code), (Outcome::Failed, Some(2)));
    let message = result.message.unwrap();
    assert!(message.contains("depends on a node named 'nobody' which was not found"), "{message}");
}

#[test]
fn a_stale_source_fails_the_freshness_step_and_ends_the_run() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.write(
        "models/sources.yml",
        "sources:\n  - name: raw\n    schema: main\n    loaded_at_field: \"cast('2020-01-01' as timestamp)\"\n    \
         freshness: {error_after: {count: 1, period: day}}\n    tables: [{name: stg_orders}, {name: absent}]\n",
    );
    let sources = ["source.shop.raw.absent", "source.shop.raw.stg_orders"];
    let freshness = json!({"step": "freshness", "sources": sources, "select": ["source:raw"]});
    world.plan(
        &json!([build(&[STG]), freshness, {"step": "test", "nodes": [TEST], "select": ["not_null_stg_orders_id"]}]),
        &[STG, TEST],
        120,
    );
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!(
        statuses(&result),
        [(STG, NodeStatus::Success), (sources[0], NodeStatus::RuntimeError), (sources[1], NodeStatus::Error)],
        "a source that could not be read is known from the log alone"
    );
    assert_eq!(result.steps.len(), 2, "the test step was not begun");
    assert!(result.artifacts.contains(&"sources.json".to_owned()));
}
