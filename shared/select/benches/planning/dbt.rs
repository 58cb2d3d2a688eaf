//! Compares `dbt ls` on the example project with the same selection by Landfall. On so small a project, most of the time of
//! dbt is its start-up.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use landfall_manifest::Index;
use landfall_select::{Request, select};

const SELECTION: &str = "tag:orders+";

/// Prints both times, or why dbt was skipped.
pub(crate) fn compare() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dbt = checkout.join(".landfall/venv/dbt/bin/dbt");
    if !dbt.exists() {
        println!("SKIPPED: dbt ls, because {} is missing; run `landfall setup` to install it", dbt.display());
        return;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dbt-ls");
    let list = || -> (Duration, usize) {
        let project = checkout.join("example");
        let started = Instant::now();
        let listed = Command::new(&dbt)
            .args(["--quiet", "ls", "--select", SELECTION, "--project-dir"])
            .arg(&project)
            .arg("--profiles-dir")
            .arg(&project)
            .envs([("DBT_TARGET_PATH", target.as_os_str()), ("DBT_LOG_PATH", target.as_os_str())])
            .envs([("DUCKDB_PATH", target.join("bench.duckdb").as_os_str())])
            .envs([("LANDING_BUCKET", "bench"), ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(listed.status.success(), "dbt ls failed: {}", String::from_utf8_lossy(&listed.stdout));
        (started.elapsed(), String::from_utf8_lossy(&listed.stdout).lines().count())
    };
    list();
    let (dbt_time, listed) = list();
    let started = Instant::now();
    let index = Index::from_manifest(File::open(target.join("manifest.json")).unwrap()).unwrap();
    let indexed = started.elapsed();
    let started = Instant::now();
    let selected = select(&index, &Request::select(SELECTION)).unwrap().nodes.len();
    let selecting = started.elapsed();
    assert_eq!(selected, listed, "dbt lists other nodes");
    println!(
        "dbt ls --select {SELECTION} on the example, parsed before: {:.1} s for {listed} of {} nodes, most of it start-up. \
         Landfall: manifest to index {:.1} ms, selecting {:.3} ms, {:.0} times as fast",
        dbt_time.as_secs_f64(),
        index.len(),
        indexed.as_secs_f64() * 1e3,
        selecting.as_secs_f64() * 1e3,
        dbt_time.as_secs_f64() / (indexed + selecting).as_secs_f64()
    );
}
