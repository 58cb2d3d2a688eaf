//! Ends that real dbt cannot be brought to at will: a stand-in script takes its place. And what goes wrong before dbt.

use crate::support::{Running, World, bucket::arn, build, skip, wait_until};
use landfall_planner::{NodeStatus, Outcome};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

const STG: &str = "model.shop.stg_orders";
const ORDERS: &str = "model.shop.orders";

/// A line of dbt's log, as a shell command that prints it.
fn finished(id: &str, status: &str) -> String {
    let line = json!({
        "data": {"node_info": {"unique_id": id, "node_name": crate::support::name(id), "resource_type": "model", "materialized": "view"},
                 "run_result": {"status": status, "message": "words", "execution_time": 0.5, "num_failures": 0, "adapter_response": {}}},
        "info": {"name": "NodeFinished", "level": "debug", "msg": "", "invocation_id": "i-1", "ts": "2026-11-22T17:34:13.082347Z"},
    });
    format!("printf '%s\\n' '{line}'")
}

fn planned(script: &str) -> World {
    let world = World::with_script(script);
    world.plan(&json!([build(&[ORDERS, STG])]), &[ORDERS, STG], 60);
    world
}

#[test]
fn a_killed_dbt_leaves_what_its_log_told() {
    let world = planned(&format!("{}\nkill -9 $$", finished(STG, "success")));
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(result.steps[0].exit_code, None);
    assert!(result.message.unwrap().contains("dbt was killed by signal 9"));
    assert_eq!(result.nodes.len(), 1);
    assert_eq!((result.nodes[0].id.as_str(), result.nodes[0].status), (STG, NodeStatus::Success));
}

#[test]
fn a_microbatch_model_killed_between_batches_is_not_built() {
    let batch = finished(STG, "success").replace("NodeFinished", "LogStartBatch");
    let world = planned(&format!("{batch}\n{}\n{}\nkill -9 $$", finished(STG, "success"), finished(ORDERS, "success")));
    assert_eq!(world.run(1, "t1").code, Some(1));
    let result = world.result(1);
    assert_eq!(result.nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), [ORDERS]);
}

#[test]
fn a_dbt_that_will_not_stop_is_killed_with_all_that_it_started() {
    let world = planned(
        "trap '' INT TERM\nsleep 300 &\necho $! > \"$LANDFALL_WORK_DIR/child\"\nwhile true; do sleep 0.1; done",
    );
    let running = Running(world.command(1, "t1").env("LANDFALL_STOP_SECONDS", "1").spawn().unwrap());
    let child = world.work().join("child");
    wait_until("the stand-in", || std::fs::read_to_string(&child).is_ok_and(|pid| pid.ends_with('\n')));
    kill(Pid::from_raw(i32::try_from(running.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = world.finish(running);
    assert_eq!(ended.code, Some(143));
    assert!(ended.output.contains("dbt did not stop in time: killed"), "{}", ended.output);
    assert_eq!(world.result(1).outcome, Outcome::Interrupted);
    let pid = Pid::from_raw(std::fs::read_to_string(child).unwrap().trim().parse().unwrap());
    wait_until("the end of what it started", || kill(pid, None).is_err() || is_zombie(pid));
}

fn is_zombie(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_process_that_holds_dbts_output_open_does_not_hold_up_the_result() {
    let world = planned(&format!("{}\n{}\nsleep 300 &", finished(STG, "success"), finished(ORDERS, "success")));
    assert_eq!(world.run(1, "t1").code, Some(0));
    assert_eq!(world.result(1).outcome, Outcome::Succeeded);
}

#[test]
fn a_secret_of_the_environment_is_neither_shown_nor_kept() {
    let secret = "hunter2-hunter2";
    let world = planned(&format!(
        "echo \"plain $DB_PASSWORD\"; echo \"error $DB_PASSWORD\" >&2\n{}\nexit 2",
        finished(STG, "error").replace("words", secret)
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
fn a_lost_reply_to_the_claim_or_the_result_changes_nothing() {
    let world = planned(&format!("{}\n{}", finished(STG, "success"), finished(ORDERS, "success")));
    world.bucket.lose_replies(2);
    assert_eq!(world.run(1, "t1").code, Some(0));
    assert_eq!(world.bucket.puts().last().unwrap(), "runs/r-1/1/result.json");
}

#[test]
fn a_container_that_is_restarted_after_its_result_runs_nothing_again() {
    let world = planned("echo ran >> \"$LANDFALL_WORK_DIR/runs\"; exit 1");
    assert_eq!(world.run(1, "t1").code, Some(1));
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(1), "as its result says");
    assert!(ended.output.contains("this attempt has its result already"));
    assert_eq!(std::fs::read_to_string(world.work().join("runs")).unwrap(), "ran\n");
}

#[test]
fn a_plan_of_another_version_is_refused_with_a_result_that_says_so() {
    let world = World::with_script("exit 0");
    world.bucket.put("runs/r-1/plan.json", r#"{"version": 99, "steps": "of a later format"}"#);
    assert_eq!(world.run(1, "t1").code, Some(2));
    let result = world.result(1);
    assert_eq!((result.outcome, result.task_arn), (Outcome::Broken, arn("t1")));
    assert!(result.message.unwrap().contains("plan.json has version 99"));
}

#[test]
fn without_a_plan_nothing_is_claimed() {
    let world = World::with_script("exit 0");
    let ended = world.run(1, "t1");
    assert_eq!(ended.code, Some(2));
    assert!(ended.output.contains("the plan cannot be read: runs/r-1/plan.json is not there"), "{}", ended.output);
    assert_eq!(world.bucket.puts(), Vec::<String>::new());
}

#[test]
fn no_dbt_and_no_project_are_told_apart() {
    let world = planned("exit 0");
    let running = Running(world.command(1, "t1").env("LANDFALL_DBT", "/nowhere/dbt").spawn().unwrap());
    assert_eq!(world.finish(running).code, Some(2));
    assert!(world.result(1).message.unwrap().starts_with("/nowhere/dbt cannot be run: "));
    let running = Running(world.command(2, "t1").env("LANDFALL_PROJECT_DIR", "/nowhere").spawn().unwrap());
    assert_eq!(world.finish(running).code, Some(2));
    assert!(world.result(2).message.unwrap().starts_with("there is no /nowhere/dbt_project.yml"));
}

#[test]
fn a_selector_that_would_be_an_option_of_dbts_is_refused() {
    let world = World::with_script("touch \"$LANDFALL_WORK_DIR/dbt-was-here\"");
    world.plan(&json!([{"step": "build", "nodes": [STG], "select": ["--full-refresh"]}]), &[STG], 60);
    assert_eq!(world.run(1, "t1").code, Some(2));
    assert!(world.result(1).message.unwrap().contains("\"--full-refresh\" is no selector"));
    assert!(!world.work().join("dbt-was-here").exists());
}

/// As PID 1 of its own namespace, which takes root on Linux.
#[test]
fn as_pid_1_it_hears_sigterm_and_leaves_no_zombie() {
    let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let able = std::process::Command::new("unshare")
        .args(unshare)
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success());
    if !able {
        skip("the task as PID 1: a new PID namespace needs Linux and root");
        return;
    }
    // An orphan that ends at once; the script then looks for zombies until it is interrupted.
    let world = planned(
        "trap 'exit 2' INT\n(sh -c 'exit 0' &)\nsleep 0.5\n\
         grep -l 'State:.*Z' /proc/[0-9]*/status > \"$LANDFALL_WORK_DIR/zombies\" 2>/dev/null\n\
         echo $$ > \"$LANDFALL_WORK_DIR/ready\"\nwhile true; do sleep 0.1; done",
    );
    let mut command = std::process::Command::new("unshare");
    command.args(unshare).arg(env!("CARGO_BIN_EXE_landfall-task"));
    world.environment(&mut command, 1, "t1");
    let running = Running(command.spawn().unwrap());
    wait_until("the stand-in", || world.work().join("ready").exists());
    assert_eq!(std::fs::read_to_string(world.work().join("zombies")).unwrap(), "");
    let children = format!("/proc/{0}/task/{0}/children", running.0.id());
    let child = std::fs::read_to_string(children).unwrap();
    kill(Pid::from_raw(child.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(world.finish(running).code, Some(143));
    assert_eq!(world.result(1).outcome, Outcome::Interrupted);
}
