//! The cost of a decision where it is highest: 100,000 nodes, 2,000 datasets with pending loads, 20 live runs, and
//! 5,000 events in one batch. The target is 20 ms for `decide`. Also measured: the size of the board and the time to
//! read and write it, the time and memory to load a release, and planning runs of 10, 1,000 and 10,000 nodes with
//! exact selections.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot run should end"
)]

#[path = "../../../select/benches/planning/generate.rs"]
mod generate;
mod world;

use std::process::Command;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use jiff::SignedDuration;
use landfall_planner::{
    Board, DatasetName, GlobSyntax, Input, Location, Locations, ObjectAddress, Release, StoredBoard, effects,
};

use world::{
    BATCH, batch, board_with_pending_models, busy_board, decide_at, files, now, quiet_board, release, waiting_board,
};

#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_decide_a_batch_on_a_quiet_board(bencher: Bencher<'_, '_>) {
    let release = release();
    let (board, loads) = (quiet_board(&release), batch(&release, 2, now(), BATCH));
    bencher.bench_local(|| black_box(decide_at(&board, &release, now(), &Input::Events(&loads))));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn b_decide_a_batch_on_a_busy_board(bencher: Bencher<'_, '_>) {
    let release = release();
    let at = now() + SignedDuration::from_secs(30);
    let (board, loads) = (busy_board(&release), batch(&release, 2, at, BATCH));
    bencher.bench_local(|| black_box(decide_at(&board, &release, at, &Input::Events(&loads))));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn c_decide_a_batch_while_all_waits_for_leases(bencher: Bencher<'_, '_>) {
    let release = release();
    let at = now() + SignedDuration::from_mins(31);
    let (board, loads) = (waiting_board(&release), batch(&release, 2, at, BATCH));
    bencher.bench_local(|| black_box(decide_at(&board, &release, at, &Input::Events(&loads))));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn d_decide_a_tick_while_all_waits_for_leases(bencher: Bencher<'_, '_>) {
    let release = release();
    let at = now() + SignedDuration::from_mins(31);
    let board = waiting_board(&release);
    bencher.bench_local(|| black_box(decide_at(&board, &release, at, &Input::Tick)));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn e_pending(bencher: Bencher<'_, '_>) {
    let release = release();
    let board = busy_board(&release);
    bencher.bench_local(|| black_box(effects(&board, Some(&release), now())));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn f_board_from_json(bencher: Bencher<'_, '_>) {
    let release = release();
    let bytes = busy_board(&release).to_json().unwrap();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| black_box(read(&bytes, &release)));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn g_board_to_json(bencher: Bencher<'_, '_>) {
    let board = busy_board(&release());
    let bytes = board.to_json().unwrap();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| black_box(board.to_json().unwrap()));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn h_release_load(bencher: Bencher<'_, '_>) {
    let (compiled, index) = files();
    bencher
        .counter(BytesCount::new(compiled.len() + index.len()))
        .bench_local(|| black_box(Release::load(&compiled, &index).unwrap()));
}

#[divan::bench(args = [10, 1_000, 10_000], sample_count = 3, sample_size = 1)]
fn i_plan_a_run(bencher: Bencher<'_, '_>, nodes: u32) {
    let release = release();
    let board = board_with_pending_models(&release, nodes);
    let decision = decide_at(&board, &release, now(), &Input::Tick);
    assert_eq!(
        decision.plans.first().map(|plan| plan.nodes.len()),
        Some(nodes as usize),
        "one run has every pending node"
    );
    bencher.bench_local(|| black_box(decide_at(&board, &release, now(), &Input::Tick)));
}

fn read(bytes: &[u8], release: &Release) -> Board {
    StoredBoard::from_json(bytes).unwrap().with(Some(release)).unwrap()
}

/// The highest resident memory of this process so far, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// Prints the peak memory of a function that loads the release, reads the board and decides. Runs in its own process.
fn report_peak() {
    let before = peak();
    let (compiled, index) = files();
    let (sizes, release) = ((compiled.len(), index.len()), Release::load(&compiled, &index).unwrap());
    drop((compiled, index));
    let loaded = peak();
    let board = waiting_board(&release);
    let at = now() + SignedDuration::from_mins(31);
    let loads = batch(&release, 2, at, BATCH);
    let decision = decide_at(&read(&board.to_json().unwrap(), &release), &release, at, &Input::Events(&loads));
    let mib = |bytes: usize| bytes as f64 / 1_048_576.0;
    println!(
        "release of {} nodes: compiled.json {:.1} MiB, index.bin {:.1} MiB; peak memory {:.0} MiB once loaded (of which {before:.0} at start), {:.0} MiB once a batch \
         is decided: a function has 256 MiB",
        release.compiled.nodes.len(),
        mib(sizes.0),
        mib(sizes.1),
        loaded,
        peak(),
    );
    println!(
        "board.json: {} bytes in the worst hour, {} bytes after the batch",
        board.to_json().unwrap().len(),
        decision.board.to_json().unwrap().len()
    );
}

/// The target is 20 ms for 10,000 keys. Half of the patterns have wildcards, and half of the keys match.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn j_place_10000_keys_in_10000_locations(bencher: Bencher<'_, '_>) {
    let locations = Locations::new((0..10_000).map(|n| {
        let text = match n % 4 {
            0 => format!("s3://bucket/raw/source_{n:05}/"),
            1 => format!("s3://bucket/raw/source_{n:05}/dt=*/*.parquet"),
            2 => format!("s3://bucket/flat/source_{n:05}_*.csv"),
            _ => format!("s3://bucket/deep/source_{n:05}/**/*.json"),
        };
        (Location::parse(&text, None, GlobSyntax::DuckDb).unwrap(), DatasetName::parse(format!("s.t{n}")).unwrap())
    }));
    let keys: Vec<String> = (0..10_000)
        .map(|n| match n % 8 {
            0 | 1 => format!("raw/source_{n:05}/dt=2026-11-22/part-0.parquet"),
            2 => format!("flat/source_{n:05}_1.csv"),
            3 => format!("deep/source_{n:05}/a/b/c.json"),
            4 => format!("raw/other_{n:05}/part-0.parquet"),
            5 => format!("raw/source_{n:05}/part-0.parquet"),
            6 => format!("flat/source_{n:05}.csv"),
            _ => format!("deep/source_{n:05}/a/b/c.csv"),
        })
        .collect();
    bencher.bench_local(|| {
        let found = keys.iter().flat_map(|key| locations.matching(ObjectAddress { bucket: "bucket", key }));
        assert_eq!(found.count(), 5_000);
    });
}

fn main() {
    if std::env::args().any(|argument| argument == "--peak") {
        report_peak();
        return;
    }
    if std::env::args().any(|argument| argument == "--bench") {
        files();
        let ran = Command::new(std::env::current_exe().unwrap()).arg("--peak").status();
        assert!(ran.is_ok_and(|status| status.success()), "the memory of loading could not be measured");
    }
    divan::main();
}
