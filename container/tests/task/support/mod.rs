//! A small dbt project, a plan for it, and the program that runs the plan.

pub(crate) mod bucket;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bucket::{BUCKET, Bucket};
use landfall_planner::{Plan, RunResult};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time after which a wait fails. It is long because CI machines are small and busy.
const DEADLINE: Duration = Duration::from_mins(3);

/// Returns the dbt that the tests run: `LANDFALL_TEST_DBT`, or the one that `make test` installs. Without one it
/// prints that the test is skipped, and returns `None`.
pub(crate) fn dbt() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.landfall/venv/dbt/bin/dbt");
    let dbt = std::env::var_os("LANDFALL_TEST_DBT").map_or(installed, PathBuf::from);
    // Without `..`, because Python finds its environment by the path of its program.
    if let Ok(dbt) = dbt.canonicalize() {
        return Some(dbt);
    }
    skip(&format!("tests of the task: no dbt at {}; `make test` installs it, or set LANDFALL_TEST_DBT", dbt.display()));
    None
}

/// Prints that a test is skipped, which the end of `make test` repeats. Fails where `CI` is set.
pub(crate) fn skip(what_and_why: &str) {
    assert!(std::env::var_os("CI").is_none(), "not tested, and CI is set: {what_and_why}");
    println!("SKIPPED: {what_and_why}");
}

/// The world of one run: a bucket, a project and a folder for working files.
pub(crate) struct World {
    pub(crate) bucket: Bucket,
    pub(crate) folder: TempDir,
    dbt: PathBuf,
}

/// The exit code and the output of a task.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

impl World {
    /// Creates a world with the given dbt and a small project.
    pub(crate) fn new(dbt: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { bucket: Bucket::start(), folder, dbt };
        world.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [\"select 1\"]\n");
        world.write(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: \"{{ env_var('SHOP_DB') }}\", threads: 1}\n",
        );
        world.write("models/stg_orders.sql", "select 1 as id union all select 2");
        world.write("models/orders.sql", "{{ config(materialized='table') }} select * from {{ ref('stg_orders') }}");
        world.write("models/bad.sql", "select no_such_column from {{ ref('stg_orders') }}");
        world.write("models/after_bad.sql", "select * from {{ ref('bad') }}");
        // Runs for hours unless SLOW_ROWS is set.
        world.write(
            "models/slow.sql",
            "{{ config(materialized='table') }} select count(*) as n from range({{ env_var('SLOW_ROWS', '100000000') }}) a, range(100000) b, {{ ref('stg_orders') }}",
        );
        world.write(
            "models/schema.yml",
            "models:\n  - name: stg_orders\n    columns: [{name: id, data_tests: [not_null]}]\n",
        );
        world.write(
            "macros/load.sql",
            "{% macro load(text) %}{{ log('loading ' ~ text, info=True) }}{% do run_query(\"create or replace table loaded as select '\" ~ text | replace(\"'\", \"''\") ~ \"' as text\") %}{% endmacro %}",
        );
        world
    }

    /// Creates a world with a shell script in the place of dbt.
    pub(crate) fn with_script(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("dbt-stand-in");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let world = Self { bucket: Bucket::start(), folder, dbt: program };
        world.write("dbt_project.yml", "name: shop\n");
        world
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("shop.duckdb")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes the plan of run `r-1` with these steps and nodes. Each node is selected by its name.
    pub(crate) fn plan(&self, steps: &Value, nodes: &[&str], timeout_seconds: u32) {
        self.plan_for("1.11.16", steps, nodes, timeout_seconds);
    }

    /// Writes the plan for a version of dbt. Version 1 gets ids, and version 2 gets names.
    pub(crate) fn plan_for(&self, dbt: &str, steps: &Value, nodes: &[&str], timeout_seconds: u32) {
        let nodes: Vec<Value> = nodes
            .iter()
            .map(|id| {
                let relation = id.starts_with("model.").then(|| format!("shop.main.{}", name(id)));
                json!({"id": id, "select": name(id), "relation": relation})
            })
            .collect();
        self.plan_of(dbt, steps, &json!(nodes), timeout_seconds);
    }

    /// Writes the plan with these entries of `nodes`.
    pub(crate) fn plan_of(&self, dbt: &str, steps: &Value, nodes: &Value, timeout_seconds: u32) {
        let plan = json!({
            "version": 3, "dbt_version": dbt, "run_id": "r-1", "release": "v1", "created_at": "2026-11-22T17:14:17Z",
            "triggers": [{"trigger": "load:shop.orders", "generation": 1, "reason": "1 object landed in orders/", "select": "tag:x"}],
            "steps": steps, "nodes": nodes, "writes": [], "reads": [], "timeout_seconds": timeout_seconds,
            "task": {"cluster": "c", "task_definition": "d", "container": "dbt", "subnets": [], "security_groups": [],
                     "assign_public_ip": false, "state_bucket": BUCKET},
        });
        // Checks that the plan has the planner's format.
        serde_json::from_value::<Plan>(plan.clone()).unwrap();
        self.bucket.put("runs/r-1/plan.json", plan.to_string());
    }

    /// Returns the command by which ECS starts the task.
    pub(crate) fn command(&self, attempt: u32, task: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall-task"));
        self.environment(&mut command, attempt, task);
        command
    }

    pub(crate) fn environment(&self, command: &mut Command, attempt: u32, task: &str) {
        fs::create_dir_all(self.work()).unwrap();
        command
            .env("LANDFALL_PLAN", format!("s3://{BUCKET}/runs/r-1/plan.json"))
            .env("LANDFALL_ATTEMPT", attempt.to_string())
            .env("ECS_CONTAINER_METADATA_URI_V4", self.bucket.metadata_uri(task))
            .env("LANDFALL_PROJECT_DIR", self.project())
            .env("LANDFALL_DBT", &self.dbt)
            .env("LANDFALL_WORK_DIR", self.work())
            .env("SHOP_DB", self.database())
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .env("AWS_ENDPOINT_URL", self.bucket.address())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.output_file()).unwrap())
            .stderr(Stdio::inherit());
    }

    fn output_file(&self) -> PathBuf {
        self.folder.path().join("output.txt")
    }

    /// Runs the task and waits for its end.
    pub(crate) fn run(&self, attempt: u32, task: &str) -> Ended {
        self.finish(Running(self.command(attempt, task).spawn().unwrap()))
    }

    pub(crate) fn finish(&self, mut running: Running) -> Ended {
        let mut code = None;
        wait_until("the task's end", || {
            let status = running.0.try_wait().unwrap();
            code = status.and_then(|status| status.code());
            status.is_some()
        });
        let output = fs::read_to_string(self.output_file()).unwrap();
        println!("{output}");
        Ended { code, output }
    }

    pub(crate) fn result(&self, attempt: u32) -> RunResult {
        serde_json::from_slice(&self.artifact(attempt, "result.json")).unwrap()
    }

    pub(crate) fn artifact(&self, attempt: u32, name: &str) -> Vec<u8> {
        self.bucket.get(&format!("runs/r-1/{attempt}/{name}")).unwrap_or_else(|| panic!("no {name}"))
    }

    pub(crate) fn json(&self, attempt: u32, name: &str) -> Value {
        serde_json::from_slice(&self.artifact(attempt, name)).unwrap()
    }

    /// Returns the ids in an attempt's `run_results.json`, without hooks.
    pub(crate) fn executed(&self, attempt: u32) -> Vec<String> {
        let results = self.json(attempt, "run_results.json");
        let ids =
            results["results"].as_array().unwrap().iter().map(|row| row["unique_id"].as_str().unwrap().to_owned());
        ids.filter(|id| !id.starts_with("operation.")).collect()
    }

    /// Runs a query on the database that dbt built, with the `DuckDB` of dbt's environment.
    pub(crate) fn query(&self, sql: &str) -> String {
        let python = self.dbt.with_file_name("python");
        let script = "import duckdb, sys; base = duckdb.connect(sys.argv[1], read_only=True); print(base.sql(sys.argv[2]).fetchall())";
        let output = Command::new(python).args(["-c", script]).arg(self.database()).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A started task. It is killed when the test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if the task has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a build step of these nodes. Each is selected by its name.
pub(crate) fn build(ids: &[&str]) -> Value {
    json!({"step": "build", "nodes": ids, "select": ids.iter().map(|id| name(id)).collect::<Vec<_>>()})
}

/// Returns a node's name: `orders` for `model.shop.orders`.
pub(crate) fn name(id: &str) -> &str {
    id.split('.').nth(2).unwrap()
}

/// Polls until the condition holds, or fails the test after three minutes.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
