//! A small dbt project, a plan for it, and the real binary run on both.

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

/// Everything must be over by then; generous, because CI's machine is small and busy.
const DEADLINE: Duration = Duration::from_mins(3);

/// The dbt that tests run: `LANDFALL_TEST_DBT`, or the one that `make test` installs. `None` if there is none, and a failure where `CI` is set.
pub(crate) fn dbt() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.landfall/venv/dbt/bin/dbt");
    let dbt = std::env::var_os("LANDFALL_TEST_DBT").map_or(installed, PathBuf::from);
    // Without the dots: Python finds its environment by the path of its program.
    if let Ok(dbt) = dbt.canonicalize() {
        return Some(dbt);
    }
    skip(&format!("tests of the task: no dbt at {}; `make test` installs it, or set LANDFALL_TEST_DBT", dbt.display()));
    None
}

/// Says in the test's output that it tested nothing, which the end of `make test` repeats. Fails where `CI` is set.
pub(crate) fn skip(what_and_why: &str) {
    assert!(std::env::var_os("CI").is_none(), "not tested, and CI is set: {what_and_why}");
    println!("SKIPPED: {what_and_why}");
}

/// One run's world: a bucket, a project, a place to work.
pub(crate) struct World {
    pub(crate) bucket: Bucket,
    pub(crate) folder: TempDir,
    dbt: PathBuf,
}

/// What a task came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

impl World {
    /// With this dbt, and the project below.
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
        // Hours, unless told otherwise.
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
            "{% macro load(words) %}{{ log('loading ' ~ words, info=True) }}{% do run_query(\"create or replace table loaded as select '\" ~ words | replace(\"'\", \"''\") ~ \"' as words\") %}{% endmacro %}",
        );
        world
    }

    /// With a stand-in for dbt: a shell script. For ends that the real one cannot be brought to.
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

    /// Puts the plan of run `r-1` into place: these steps over these nodes (by id; each is selected by its fqn).
    pub(crate) fn plan(&self, steps: &Value, nodes: &[&str], timeout_seconds: u32) {
        let nodes: Vec<Value> = nodes
            .iter()
            .map(|id| {
                let relation = id.starts_with("model.").then(|| format!("shop.main.{}", name(id)));
                json!({"id": id, "select": name(id), "relation": relation})
            })
            .collect();
        let plan = json!({
            "version": 2, "run_id": "r-1", "release": "v1", "created_at": "2026-11-22T17:14:17Z",
            "triggers": [{"trigger": "load:shop.orders", "generation": 1, "reason": "1 object landed in orders/", "select": "tag:x"}],
            "steps": steps, "nodes": nodes, "writes": [], "reads": [], "timeout_seconds": timeout_seconds,
            "task": {"cluster": "c", "task_definition": "d", "container": "dbt", "subnets": [], "security_groups": [],
                     "assign_public_ip": false, "state_bucket": BUCKET},
        });
        // It must be a plan as the planner writes it.
        serde_json::from_value::<Plan>(plan.clone()).unwrap();
        self.bucket.put("runs/r-1/plan.json", plan.to_string());
    }

    /// The task, as ECS would start it.
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

    /// Runs the task to its end.
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

    /// The ids in an attempt's `run_results.json` without the hooks'.
    pub(crate) fn executed(&self, attempt: u32) -> Vec<String> {
        let results = self.json(attempt, "run_results.json");
        let ids =
            results["results"].as_array().unwrap().iter().map(|row| row["unique_id"].as_str().unwrap().to_owned());
        ids.filter(|id| !id.starts_with("operation.")).collect()
    }

    /// Asks the database that dbt built, through the same `DuckDB`.
    pub(crate) fn query(&self, sql: &str) -> String {
        let python = self.dbt.with_file_name("python");
        let script = "import duckdb, sys; base = duckdb.connect(sys.argv[1], read_only=True); print(base.sql(sys.argv[2]).fetchall())";
        let output = Command::new(python).args(["-c", script]).arg(self.database()).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A started task, ended with the test whatever happens.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A build of these nodes, each selected by its name.
pub(crate) fn build(ids: &[&str]) -> Value {
    json!({"step": "build", "nodes": ids, "select": ids.iter().map(|id| name(id)).collect::<Vec<_>>()})
}

/// `model.shop.orders` -> `orders`; `test.shop.not_null.1234` -> `not_null`.
pub(crate) fn name(id: &str) -> &str {
    id.split('.').nth(2).unwrap()
}

/// Polls until it is so.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
