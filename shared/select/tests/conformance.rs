//! Selects every case of the conformance corpus and compares the result with that of dbt-core 1.11.16, which selected nodes
//! on the manifests of real projects or refused.
//!
//! The corpus is in `tests/conformance/corpus` at the top of the checkout; its README says how it was recorded. No case is
//! skipped, and a result of dbt counts even where dbt has a bug. An argument restricts the run to cases whose id contains
//! it. For nextest, each project is a test of its own: it lists them with `--list` and runs each with `--exact`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test without the usual harness, which prints differences and fails if the corpus is damaged"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use landfall_manifest::Index;
use landfall_select::{Dialect, JsonRequest, State};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    #[serde(flatten)]
    case: JsonRequest,
    expected: Option<Vec<String>>,
    #[serde(default)]
    warnings: Vec<String>,
    error: Option<RecordedError>,
}

#[derive(Deserialize)]
struct RecordedError {
    class: String,
    message: String,
}

fn open(path: &Path) -> Option<Box<dyn Read>> {
    if let Ok(file) = std::fs::File::open(path) {
        return Some(Box::new(file));
    }
    let packed = std::fs::File::open(format!("{}.zst", path.display())).ok()?;
    let mut decoder = zstd::Decoder::new(packed).unwrap();
    decoder.window_log_max(27).unwrap();
    Some(Box::new(decoder))
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    open(path)?.read_to_end(&mut all).unwrap();
    Some(all)
}

fn state(folder: &Path) -> State {
    let mut state = State::default();
    if let Some(reader) = open(&folder.join("state/manifest.json")) {
        state = state.with_manifest(Index::from_manifest(reader).unwrap());
    }
    if let Some(json) = bytes(&folder.join("state/run_results.json")) {
        state = state.with_run_results(&json).unwrap();
    }
    if let Some(json) = bytes(&folder.join("state/sources.json")) {
        state = state.with_sources(&json).unwrap();
    }
    if let Some(json) = bytes(&folder.join("current/sources.json")) {
        state = state.with_current_sources(&json).unwrap();
    }
    state
}

/// The difference between the results of Landfall and dbt, if there is one.
fn difference(index: &Index, state: &State, recorded: &Recorded) -> Option<String> {
    match (recorded.case.select(index, Some(state), Dialect::default()), &recorded.error) {
        (Err(error), None) => Some(format!("refused with {}: {error}", error.class())),
        (Err(error), Some(expected)) => (error.class() != expected.class).then(|| {
            format!("refused with {}: {error}; dbt with {}: {}", error.class(), expected.class, expected.message)
        }),
        (Ok(_), Some(expected)) => {
            Some(format!("not refused; dbt refused with {}: {}", expected.class, expected.message))
        }
        (Ok(selected), None) => {
            let found = selected.unique_ids(index);
            let expected = recorded.expected.as_deref().unwrap_or_default();
            let missing: Vec<&String> = expected.iter().filter(|id| !found.contains(&id.as_str())).collect();
            let extra: Vec<&&str> = found.iter().filter(|id| !expected.iter().any(|other| other == **id)).collect();
            if found != expected {
                return Some(format!(
                    "{} missing {:?}, {} too many {:?}",
                    missing.len(),
                    missing.iter().take(3).collect::<Vec<_>>(),
                    extra.len(),
                    extra.iter().take(3).collect::<Vec<_>>()
                ));
            }
            (selected.warnings != recorded.warnings)
                .then(|| format!("warned about {:?}, dbt about {:?}", selected.warnings, recorded.warnings))
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).map_or("", String::as_str);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/corpus");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("the corpus {} cannot be read: {error}", corpus.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let name = |folder: &Path| folder.file_name().unwrap().to_string_lossy().into_owned();
    if given("--list") {
        for folder in folders.iter().filter(|_| !given("--ignored")) {
            println!("{}: test", name(folder));
        }
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    for folder in folders {
        if given("--exact") && name(&folder) != filter {
            continue;
        }
        let index = Index::from_manifest(open(&folder.join("manifest.json")).unwrap()).unwrap();
        let index = Index::from_bytes(&index.to_bytes()).unwrap();
        let state = state(&folder);
        for line in BufReader::new(open(&folder.join("cases.jsonl")).unwrap()).lines() {
            let line = line.unwrap();
            let recorded: Recorded = serde_json::from_str(&line).unwrap();
            if !given("--exact") && !recorded.case.id.contains(filter) {
                continue;
            }
            match difference(&index, &state, &recorded) {
                None => passed += 1,
                Some(difference) => {
                    failed += 1;
                    let case = &recorded.case;
                    println!("FAILED {}: select {:?} exclude {:?}: {difference}", case.id, case.select, case.exclude);
                }
            }
        }
    }
    println!("conformance: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
