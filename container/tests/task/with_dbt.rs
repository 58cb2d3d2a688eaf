//! The program with real dbt, on a small project for `DuckDB`.

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
fn a_plan_is_run_and_its_result_is_written_last() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    let hostile = "'; drop table x; -- $(touch pwned) `touch pwned` \u{1b}[2J\n--help";
    let load = json!({"step": "run_operation", "operation": "load", "args": {"text": hostile}});
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
    assert_eq!(world.query("select text like '%$(touch pwned)%' from loaded"), "[(True,)]");
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
    assert!(
        manifest["nodes"][TEST]["compiled_code"].is_string(),
        "the manifest of the build, not the one of the docs step"
    );

    let lines: Vec<&str> = ended.output.lines().map(|line| line.get(10..).unwrap_or_default()).collect();
    assert_eq!(lines.first(), Some(&"run r-1, attempt 1, release v1: 3 nodes"));
    assert_eq!(lines.get(1), Some(&"why  load:shop.orders: 1 object landed in orders/"));
    assert!(lines.iter().any(|line| line.starts_with("1/3  OK     model stg_orders  ")), "{}", ended.output);
    assert!(lines.iter().any(|line| line.starts_with("step 2 of 3: dbt build: 3 ok in ")), "{}", ended.output);
    assert_eq!(lines.last(), Some(&"succeeded"));
    assert!(!ended.output.contains('\u{1b}'));
}

#[test]
fn a_failed_model_fails_the_run_and_the_docs_have_the_nodes_that_succeeded() {
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
    assert_eq!(world.json(1, "catalog.json")["nodes"].as_object().unwrap().len(), 2, "the docs have the built nodes");
    assert!(ended.output.contains("ERROR  model bad") && ended.output.contains("no_such_column"));
}

#[test]
fn a_task_runs_nothing_if_its_attempt_is_revoked_or_claimed_by_another_task() {
    for (claim, message) in [
        (json!({"claim": "revoked", "reason": "gave up"}), "was revoked (gave up)"),
        (json!({"claim": "task", "task_arn": arn("other")}), "belongs to arn:aws:ecs"),
    ] {
        let world = World::with_script("touch \"$LANDFALL_WORK_DIR/dbt-started\"");
        world.plan(&json!([build(&[STG])]), &[STG], 60);
        world.bucket.put("runs/r-1/1/claim", claim.to_string());
        let ended = world.run(1, "t1");
        assert_eq!(ended.code, Some(3));
        assert!(ended.output.contains(message), "{}", ended.output);
        assert_eq!(world.bucket.puts(), Vec::<String>::new());
        assert!(!world.work().join("dbt-started").exists());
    }
}

#[test]
fn an_interrupted_attempt_reports_its_finished_nodes_and_the_next_attempt_runs_the_others() {
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
        "a cancelled node did not fail"
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
    assert_eq!(world.executed(2), [SLOW], "only the remaining node");
    assert_eq!(statuses(&world.result(2)), [(SLOW, NodeStatus::Success)]);
    assert_eq!(
        world.json(2, "catalog.json")["nodes"].as_object().unwrap().len(),
        2,
        "the docs have the nodes of both attempts"
    );
    let log = String::from_utf8(world.artifact(2, "dbt.log")).unwrap();
    assert!(!log.contains("UnableToPartialParse"), "the release's partial parse was used");
}

#[test]
fn a_run_is_stopped_at_its_time_limit() {
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
fn hostile_selectors_match_nothing_and_fail_the_run_without_reaching_a_shell() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    let select = ["$(touch pwned)", "`touch pwned`;touch pwned", "name with \"quotes\" and 'more'"];
    world.plan_for(
        "2.0.0",
        &json!([{"step": "build", "nodes": [STG], "select": select}, {"step": "docs"}]),
        &[STG],
        120,
    );
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(1));
    let message = world.result(1).message.unwrap();
    assert!(message.contains("dbt ran none of the 1 node planned"), "{message}");
    assert!(!world.project().join("pwned").exists());
}

#[test]
fn a_node_that_dbt_executes_outside_the_plan_is_reported_as_unplanned() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.plan_for("2.0.0", &json!([{"step": "build", "nodes": [ORDERS], "select": ["+orders"]}]), &[ORDERS], 120);
    assert_eq!(world.run(1, "t1").code, Some(0));
    let result = world.result(1);
    assert_eq!(result.unplanned_nodes.iter().map(landfall_planner::NodeId::as_str).collect::<Vec<_>>(), [STG]);
    assert_eq!(statuses(&result), [(ORDERS, NodeStatus::Success)]);
}

#[test]
fn the_message_for_a_project_that_does_not_parse_is_dbts_own() {
    let Some(dbt) = dbt() else { return };
    let world = World::new(dbt);
    world.write("models/broken.sql", "select * from {{ ref('absent') }}");
    world.plan(&json!([build(&[STG])]), &[STG], 120);
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!((result.outcome, result.steps[0].exit_code), (Outcome::Failed, Some(2)));
    let message = result.message.unwrap();
    assert!(message.contains("depends on a node named 'absent' which was not found"), "{message}");
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
        "only the log has a source that could not be read"
    );
    assert_eq!(result.steps.len(), 2, "the test step did not start");
    assert!(result.artifacts.contains(&"sources.json".to_owned()));
}
