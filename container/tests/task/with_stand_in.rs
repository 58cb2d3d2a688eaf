//! Failures that real dbt cannot produce on demand, with a script in the place of dbt, and failures before dbt starts.

use crate::support::{Running, World, bucket::arn, build, skip, wait_until};
use landfall_planner::{NodeStatus, Outcome, PLAN_VERSION};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

const STG: &str = "model.shop.stg_orders";
const ORDERS: &str = "model.shop.orders";

/// Returns a shell command that prints dbt's log event for a finished node.
fn log_finished(id: &str, status: &str) -> String {
    let line = json!({
        "data": {"node_info": {"unique_id": id, "node_name": crate::support::name(id), "resource_type": "model", "materialized": "view"},
                 "run_result": {"status": status, "message": "a message", "execution_time": 0.5, "num_failures": 0, "adapter_response": {}}},
        "info": {"name": "NodeFinished", "level": "debug", "msg": "", "invocation_id": "i-1", "ts": "2026-11-22T17:34:13.082347Z"},
    });
    format!("printf '%s\\n' '{line}'")
}

fn world_with_plan(script: &str) -> World {
    let world = World::with_script(script);
    world.plan(&json!([build(&[ORDERS, STG])]), &[ORDERS, STG], 60);
    world
}

#[test]
fn the_result_of_a_killed_dbt_has_the_nodes_of_its_log() {
    let world = world_with_plan(&format!("{}\nkill -9 $$", log_finished(STG, "success")));
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(result.steps[0].exit_code, None);
    assert!(result.message.unwrap().contains("dbt was killed by signal 9"));
    assert_eq!(result.nodes.len(), 1);
    assert_eq!((result.nodes[0].id.as_str(), result.nodes[0].status), (STG, NodeStatus::Success));
}

#[test]
fn a_microbatch_model_is_not_built_if_dbt_is_killed_between_its_batches() {
    let batch = log_finished(STG, "success").replace("NodeFinished", "LogStartBatch");
    let world = world_with_plan(&format!(
        "{batch}\n{}\n{}\nkill -9 $$",
        log_finished(STG, "success"),
        log_finished(ORDERS, "success")
    ));
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!(result.nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), [ORDERS]);
}

#[test]
fn a_dbt_that_ignores_the_stop_signal_is_killed_with_its_child_processes() {
    let world = world_with_plan(
        "trap '' INT TERM\nsleep 300 &\necho $! > \"$LANDFALL_WORK_DIR/child\"\nwhile true; do sleep 0.1; done",
    );
    let running = Running(world.command(1, "t1").env("LANDFALL_STOP_SECONDS", "1").spawn().unwrap());
    let child = world.work().join("child");
    wait_until("the start of the script", || std::fs::read_to_string(&child).is_ok_and(|pid| pid.ends_with('\n')));
    kill(Pid::from_raw(i32::try_from(running.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = world.finish(running);
    assert_eq!(ended.code, Some(143));
    assert!(ended.output.contains("dbt did not stop within LANDFALL_STOP_SECONDS: killing it"), "{}", ended.output);
    assert_eq!(world.result(1).outcome, Outcome::Interrupted);
    let pid = Pid::from_raw(std::fs::read_to_string(child).unwrap().trim().parse().unwrap());
    wait_until("the end of the child process", || kill(pid, None).is_err() || is_zombie(pid));
}

fn is_zombie(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_process_that_holds_dbts_output_open_does_not_delay_the_result() {
    let world =
        world_with_plan(&format!("{}\n{}\nsleep 300 &", log_finished(STG, "success"), log_finished(ORDERS, "success")));
    assert_eq!(world.run(1, "t1").code, Some(0));
    assert_eq!(world.result(1).outcome, Outcome::Succeeded);
}

#[test]
fn a_secret_of_the_environment_is_neither_printed_nor_stored() {
    let secret = "hunter2-hunter2";
    let world = world_with_plan(&format!(
        "echo \"plain $DB_PASSWORD\"; echo \"error $DB_PASSWORD\" >&2\n{}\nexit 2",
        log_finished(STG, "error").replace("a message", secret)
    ));
    let ended = world.finish(Running(world.command(1, "t1").env("DB_PASSWORD", secret).spawn().unwrap()));
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("plain *****"), "{}", ended.output);
    assert!(!ended.output.contains(secret));
    for key in ["dbt.log", "result.json"] {
        let text = String::from_utf8(world.artifact(1, key)).unwrap();
        assert!(text.contains("*****") && !text.contains(secret), "{key}: {text}");
    }
}

#[test]
fn a_run_succeeds_although_the_replies_to_its_claim_and_its_result_are_lost() {
    let world = world_with_plan(&format!("{}\n{}", log_finished(STG, "success"), log_finished(ORDERS, "success")));
    world.bucket.lose_replies(2);
    assert_eq!(world.run(1, "t1").code, Some(0));
    assert_eq!(world.bucket.puts().last().unwrap(), "runs/r-1/1/result.json");
}

#[test]
fn a_container_restarted_after_its_result_does_not_run_dbt_again() {
    let world = world_with_plan("echo ran >> \"$LANDFALL_WORK_DIR/runs\"; exit 1");
    assert_eq!(world.run(1, "t1").code, Some(1));
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(1), "the exit code of the stored outcome");
    assert!(ended.output.contains("attempt 1 of r-1 has a result.json already"));
    assert_eq!(std::fs::read_to_string(world.work().join("runs")).unwrap(), "ran\n");
}

#[test]
fn a_container_restarted_beside_a_malformed_result_does_not_run_dbt_again() {
    let world = world_with_plan("echo ran >> \"$LANDFALL_WORK_DIR/runs\"; exit 0");
    world.bucket.put("runs/r-1/1/result.json", "{");
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(2));
    assert!(ended.output.contains("cannot be read, so nothing is run again"), "{}", ended.output);
    assert!(!world.work().join("runs").exists(), "dbt was not run");
}

#[test]
fn a_plan_of_another_version_is_refused_with_both_versions_and_the_remedy() {
    let world = World::with_script("exit 0");
    world.bucket.put("runs/r-1/plan.json", r#"{"version": 99, "steps": "in another form"}"#);
    assert_eq!(world.run(1, "t1").code, Some(2));
    let result = world.result(1);
    assert_eq!((result.outcome, result.task_arn), (Outcome::Broken, arn("t1")));
    assert_eq!(
        result.message.unwrap(),
        format!(
            "plan.json has format version 99, but this landfall-task reads version {PLAN_VERSION}: build the image with \
             the landfall-task of the deployed stack"
        )
    );
}

#[test]
fn a_task_without_a_plan_claims_no_attempt() {
    let world = World::with_script("exit 0");
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(2));
    assert!(ended.output.contains("runs/r-1/plan.json does not exist"), "{}", ended.output);
    assert_eq!(world.bucket.puts(), Vec::<String>::new());
}

#[test]
fn a_missing_dbt_and_a_missing_project_have_their_own_messages() {
    let world = world_with_plan("exit 0");
    let running = Running(world.command(1, "t1").env("LANDFALL_DBT", "/nowhere/dbt").spawn().unwrap());
    assert_eq!(world.finish(running).code, Some(2));
    assert!(world.result(1).message.unwrap().starts_with("cannot run /nowhere/dbt: "));
    let running = Running(world.command(2, "t1").env("LANDFALL_PROJECT_DIR", "/nowhere").spawn().unwrap());
    assert_eq!(world.finish(running).code, Some(2));
    assert!(world.result(2).message.unwrap().starts_with("/nowhere/dbt_project.yml does not exist"));
}

#[test]
fn a_selector_that_would_be_an_option_is_refused_before_dbt_starts() {
    let world = World::with_script("touch \"$LANDFALL_WORK_DIR/dbt-started\"");
    world.plan_for("2.0.0", &json!([{"step": "build", "nodes": [STG], "select": ["--full-refresh"]}]), &[STG], 60);
    assert_eq!(world.run(1, "t1").code, Some(2));
    assert!(world.result(1).message.unwrap().contains("cannot pass the selector \"--full-refresh\""));
    assert!(!world.work().join("dbt-started").exists());
}

/// Runs the program as PID 1 of a new PID namespace, which needs root on Linux.
#[test]
fn as_pid_1_the_task_handles_sigterm_and_leaves_no_zombie() {
    let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let can_unshare = std::process::Command::new("unshare")
        .args(unshare)
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_unshare {
        skip("the task as PID 1: a new PID namespace needs Linux and root");
        return;
    }
    // The script leaves an orphan that ends at once, and then looks for zombies.
    let world = world_with_plan(
        "trap 'exit 2' INT\n(sh -c 'exit 0' &)\nsleep 0.5\n\
         grep -l 'State:.*Z' /proc/[0-9]*/status > \"$LANDFALL_WORK_DIR/zombies\" 2>/dev/null\n\
         echo $$ > \"$LANDFALL_WORK_DIR/ready\"\nwhile true; do sleep 0.1; done",
    );
    let mut command = std::process::Command::new("unshare");
    command.args(unshare).arg(env!("CARGO_BIN_EXE_landfall-task"));
    world.environment(&mut command, 1, "t1");
    let running = Running(command.spawn().unwrap());
    wait_until("the start of the script", || world.work().join("ready").exists());
    assert_eq!(std::fs::read_to_string(world.work().join("zombies")).unwrap(), "");
    let children = format!("/proc/{0}/task/{0}/children", running.0.id());
    let child = std::fs::read_to_string(children).unwrap();
    kill(Pid::from_raw(child.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(world.finish(running).code, Some(143));
    assert_eq!(world.result(1).outcome, Outcome::Interrupted);
}
