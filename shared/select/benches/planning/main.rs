//! Measures the time and memory of indexing and selecting, on generated projects of 1,000, 10,000 and 100,000 models and on
//! the largest project of the conformance corpus.
//!
//! Indexing is compared with a plain read of the same file and with a plain scan of its JSON (`IgnoredAny` of `serde_json`,
//! the fastest way to read all of it). The target is at most three times the scan. Selecting uses a loaded index. Its target
//! is 5 ms at 100,000 models, and that of loading is 50 ms. Before the table, the benchmark prints the memory that indexing
//! uses beyond the index, with a target of 64 MiB, and the time of `dbt ls` on the example project. The generated manifests
//! of 9 MB, 90 MB and 900 MB stay in the target folder. `LANDFALL_BENCH_PROJECTS=1000,mitodl` chooses the projects.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot run may panic")]

mod dbt;
mod generate;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use landfall_manifest::Index;
use landfall_select::{Request, select};
use serde::de::IgnoredAny;

/// The projects to measure: numbers of models to generate, and folders of the conformance corpus.
fn projects() -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no config module")]
    let chosen = std::env::var("LANDFALL_BENCH_PROJECTS").unwrap_or_else(|_| "mitodl,1000,10000,100000".to_owned());
    chosen.split(',').map(|project| project.trim().to_owned()).collect()
}

/// The path of the project's manifest, which is generated or unpacked once.
fn manifest(project: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("manifest-{project}.json"));
    if !path.exists() {
        let part = path.with_extension("part");
        let mut out = BufWriter::new(File::create(&part).unwrap());
        if let Ok(models) = project.parse() {
            generate::manifest(models, &mut out).unwrap();
        } else {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/corpus");
            let mut packed =
                zstd::Decoder::new(File::open(corpus.join(project).join("manifest.json.zst")).unwrap()).unwrap();
            packed.window_log_max(27).unwrap();
            io::copy(&mut packed, &mut out).unwrap();
        }
        out.flush().unwrap();
        std::fs::rename(part, &path).unwrap();
    }
    path
}

fn index(project: &str) -> Index {
    Index::from_manifest(File::open(manifest(project)).unwrap()).unwrap()
}

fn size_of(path: &Path) -> BytesCount {
    BytesCount::new(std::fs::metadata(path).unwrap().len())
}

#[divan::bench(args = projects(), sample_count = 3, sample_size = 1)]
fn a_plain_read(bencher: Bencher<'_, '_>, project: &str) {
    let path = manifest(project);
    bencher.counter(size_of(&path)).bench_local(|| black_box(std::fs::read(&path).unwrap().len()));
}

#[divan::bench(args = projects(), sample_count = 3, sample_size = 1)]
fn b_plain_json_scan(bencher: Bencher<'_, '_>, project: &str) {
    let path = manifest(project);
    bencher.counter(size_of(&path)).bench_local(|| {
        let bytes = std::fs::read(&path).unwrap();
        serde_json::from_slice::<IgnoredAny>(&bytes).unwrap();
    });
}

#[divan::bench(args = projects(), sample_count = 3, sample_size = 1)]
fn c_index(bencher: Bencher<'_, '_>, project: &str) {
    let path = manifest(project);
    bencher
        .counter(size_of(&path))
        .bench_local(|| black_box(Index::from_manifest(File::open(&path).unwrap()).unwrap().len()));
}

#[divan::bench(args = projects(), sample_count = 10, sample_size = 1)]
fn d_load(bencher: Bencher<'_, '_>, project: &str) {
    let bytes = index(project).to_bytes();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| bytes.clone())
        .bench_local_values(|bytes| black_box(Index::from_vec(bytes).unwrap()));
}

fn selecting(bencher: Bencher<'_, '_>, project: &str, expression: &str) {
    let index = index(project);
    let request = Request::select(expression);
    bencher.bench_local(|| black_box(select(&index, &request).unwrap().nodes.len()));
}

/// The most frequent of the values.
fn most_frequent<'i>(values: impl Iterator<Item = &'i str>) -> Option<&'i str> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

#[divan::bench(args = projects(), sample_count = 20)]
fn e_select_tag_and_descendants(bencher: Bencher<'_, '_>, project: &str) {
    // A generated project has twenty families of models with a tag each. For a real one, the most frequent tag is used.
    let tag = match project.parse::<usize>() {
        Ok(_) => "family_1".to_owned(),
        Err(_) => {
            most_frequent(index(project).nodes().flat_map(landfall_manifest::Node::tags)).unwrap_or("x").to_owned()
        }
    };
    selecting(bencher, project, &format!("tag:{tag}+"));
}

#[divan::bench(args = projects(), sample_count = 20)]
fn f_select_source_and_descendants(bencher: Bencher<'_, '_>, project: &str) {
    let source = most_frequent(index(project).nodes().filter_map(landfall_manifest::Node::source_name))
        .unwrap_or("x")
        .to_owned();
    selecting(bencher, project, &format!("source:{source}+"));
}

#[divan::bench(args = projects(), sample_count = 20)]
fn g_select_name(bencher: Bencher<'_, '_>, project: &str) {
    selecting(bencher, project, "model_000100");
}

#[divan::bench(args = projects(), sample_count = 20)]
fn h_select_everything(bencher: Bencher<'_, '_>, project: &str) {
    selecting(bencher, project, "*");
}

/// The peak resident memory of this process so far, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// Prints the peak memory of indexing. It runs in a process of its own, which has indexed nothing before.
fn report_peak(project: &str) {
    let path = manifest(project);
    let before = peak();
    let index = Index::from_manifest(File::open(&path).unwrap()).unwrap();
    let during = peak() - before;
    #[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
    let mib = |bytes: usize| bytes as f64 / 1_048_576.0;
    let (file, kept) = (mib(std::fs::metadata(&path).unwrap().len() as usize), mib(index.to_bytes().len()));
    println!(
        "{project:>8}: {:>7} nodes, manifest {file:>6.1} MiB, index {kept:>5.1} MiB, peak while indexing {during:>6.1} MiB: {:>6.1} MiB above the index",
        index.len(),
        (during - kept).max(0.0)
    );
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--peak").skip(1);
    if let Some(project) = arguments.next() {
        report_peak(&project);
        return;
    }
    if std::env::args().any(|argument| argument == "--bench") {
        for project in projects() {
            manifest(&project);
            let ran = Command::new(std::env::current_exe().unwrap()).args(["--peak", &project]).status();
            assert!(ran.is_ok_and(|status| status.success()), "the memory of {project} could not be measured");
        }
        dbt::compare();
    }
    divan::main();
}
