//! How long planning takes and how much memory, on generated projects of 1,000, 10,000 and 100,000 models.
//!
//! Beside indexing stand a plain read of the same file and a plain scan of its JSON (`serde_json`'s `IgnoredAny`, the fastest that reads all of
//! it): the target is within three times that scan. Selecting is from a loaded index; its target is 5 ms at 100,000 models, loading's is 50 ms.
//! The generated manifests are kept in the target folder: 9 MB, 90 MB and 900 MB. `LANDFALL_BENCH_MODELS=1000,10000` leaves the largest out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run has nothing better to do than to end"
)]

mod generate;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use landfall_manifest::Index;
use landfall_select::{Request, select};
use serde::de::IgnoredAny;

fn sizes() -> Vec<usize> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no config module")]
    let chosen = std::env::var("LANDFALL_BENCH_MODELS").unwrap_or_else(|_| "1000,10000,100000".to_owned());
    chosen.split(',').map(|size| size.trim().parse().unwrap()).collect()
}

fn manifest(models: usize) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("manifest-{models}.json"));
    if !path.exists() {
        let part = path.with_extension("part");
        let mut out = BufWriter::new(File::create(&part).unwrap());
        generate::manifest(models, &mut out).unwrap();
        out.flush().unwrap();
        std::fs::rename(part, &path).unwrap();
    }
    path
}

fn size_of(path: &Path) -> BytesCount {
    BytesCount::new(std::fs::metadata(path).unwrap().len())
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn a_plain_read(bencher: Bencher<'_, '_>, models: usize) {
    let path = manifest(models);
    bencher.counter(size_of(&path)).bench_local(|| black_box(std::fs::read(&path).unwrap().len()));
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn b_plain_json_scan(bencher: Bencher<'_, '_>, models: usize) {
    let path = manifest(models);
    bencher.counter(size_of(&path)).bench_local(|| {
        let bytes = std::fs::read(&path).unwrap();
        serde_json::from_slice::<IgnoredAny>(&bytes).unwrap();
    });
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn c_index(bencher: Bencher<'_, '_>, models: usize) {
    let path = manifest(models);
    bencher
        .counter(size_of(&path))
        .bench_local(|| black_box(Index::from_manifest(File::open(&path).unwrap()).unwrap().len()));
}

#[divan::bench(args = sizes(), sample_count = 10, sample_size = 1)]
fn d_load(bencher: Bencher<'_, '_>, models: usize) {
    let bytes = Index::from_manifest(File::open(manifest(models)).unwrap()).unwrap().to_bytes();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| bytes.clone())
        .bench_local_values(|bytes| black_box(Index::from_vec(bytes).unwrap()));
}

fn selecting(bencher: Bencher<'_, '_>, models: usize, expression: &str) {
    let index = Index::from_manifest(File::open(manifest(models)).unwrap()).unwrap();
    let request = Request::select(expression);
    bencher.bench_local(|| black_box(select(&index, &request).unwrap().nodes.len()));
}

#[divan::bench(args = sizes(), sample_count = 20)]
fn e_select_tag_and_descendants(bencher: Bencher<'_, '_>, models: usize) {
    selecting(bencher, models, "tag:family_1+");
}

#[divan::bench(args = sizes(), sample_count = 20)]
fn f_select_source_and_descendants(bencher: Bencher<'_, '_>, models: usize) {
    selecting(bencher, models, "source:raw1.table_1+");
}

#[divan::bench(args = sizes(), sample_count = 20)]
fn g_select_name(bencher: Bencher<'_, '_>, models: usize) {
    selecting(bencher, models, "model_000100");
}

#[divan::bench(args = sizes(), sample_count = 20)]
fn h_select_everything(bencher: Bencher<'_, '_>, models: usize) {
    selecting(bencher, models, "*");
}

/// The highest resident memory of this process so far, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--peak").skip(1);
    if let Some(models) = arguments.next() {
        let before = peak();
        let index = Index::from_manifest(File::open(manifest(models.parse().unwrap())).unwrap()).unwrap();
        let after = peak();
        #[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
        let size = index.to_bytes().len() as f64 / 1_048_576.0;
        println!(
            "{models:>8} models {:>8} nodes: index {size:.1} MiB, peak while indexing {:.1} MiB",
            index.len(),
            after - before
        );
        return;
    }
    if std::env::args().any(|argument| argument == "--bench") {
        for models in sizes() {
            manifest(models);
            let ran = Command::new(std::env::current_exe().unwrap()).args(["--peak", &models.to_string()]).status();
            assert!(ran.is_ok_and(|status| status.success()), "the memory of {models} models could not be measured");
        }
    }
    divan::main();
}
