//! `landfall select --batch` on the conformance corpus: the answers are those of dbt.

// Makes clippy treat the helper functions as test code.
#![cfg(test)]

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Parser;
use landfall::select::{SelectArgs, run};
use serde_json::Value;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SelectArgs,
}

fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/corpus").join(name)
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "zst") {
        let mut decoder = zstd::Decoder::new(file).unwrap();
        decoder.window_log_max(27).unwrap();
        decoder.read_to_string(&mut text).unwrap();
    } else {
        (&file).read_to_string(&mut text).unwrap();
    }
    text
}

/// Answers all cases of the project and compares each with dbt's answer.
fn assert_answers_of_dbt(name: &str, cases: &str) {
    let folder = project(name);
    let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    let (manifest, cases, state, target) = (path("manifest.json.zst"), path(cases), path("state"), path("current"));
    let arguments = ["select", "--manifest", &manifest, "--state", &state, "--target", &target, "--batch", &cases];
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    run(&Line::try_parse_from(arguments).unwrap().args, &mut out, &mut notes).unwrap();
    let out = String::from_utf8(out).unwrap();
    let recorded = read(Path::new(&cases));
    assert_eq!(out.lines().count(), recorded.lines().count());
    assert!(notes.is_empty());
    for (answer, case) in out.lines().zip(recorded.lines()) {
        let (answer, case): (Value, Value) =
            (serde_json::from_str(answer).unwrap(), serde_json::from_str(case).unwrap());
        assert_eq!(answer["id"], case["id"]);
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
        match case["error"]["class"].as_str() {
            Some(class) => {
                let error = answer["error"].as_str().unwrap_or_else(|| panic!("{case} was not refused"));
                assert!(error.starts_with(&format!("{class}: ")), "{case}: {error}");
            }
            None => assert_eq!(answer["selected"], case["expected"], "{case}"),
        }
    }
}

#[test]
fn compressed_cases_of_every_resource_type_are_answered_as_by_dbt() {
    assert_answers_of_dbt("kitchen-a", "cases.jsonl.zst");
}

#[test]
fn cases_of_an_old_manifest_schema_are_answered_as_by_dbt() {
    assert_answers_of_dbt("jaffle-v11", "cases.jsonl.zst");
}
