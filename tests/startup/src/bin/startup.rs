//! `startup DIR` prints what starting each function of a folder of release binaries costs, beside a function without
//! the SDK. It fails when a target is exceeded. `startup DIR --sizes` prints the zipped sizes alone.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use landfall_startup::{functions::FUNCTIONS, measure, sizes};

/// The most CPU time to the first request for work, at the median. Lambda bills it, and every cold start waits for it.
const MOST_CPU: Duration = Duration::from_millis(10);
/// The most resident memory in bytes: 16 MB.
const MOST_MEMORY: u64 = 16_000_000;
const RUNS: usize = 15;
const NO_SDK: &str = "no-sdk";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let mut folder = None;
    let mut only_sizes = false;
    for argument in std::env::args_os().skip(1) {
        if argument == "--sizes" { only_sizes = true } else { folder = Some(PathBuf::from(argument)) }
    }
    let folder = folder.ok_or("which folder? `startup target/release`")?;
    let mut out = io::stdout();
    let mut good = true;
    writeln!(out, "{:<26}{:>10}{:>10}", "zipped", "MB", "plain")?;
    for name in FUNCTIONS.into_iter().chain([NO_SDK]) {
        let program = folder.join(name);
        let zipped = sizes::zipped(&program)
            .map_err(|error| format!("{} ({error}): `make release` builds the functions", program.display()))?;
        let plain = std::fs::metadata(&program)?.len();
        let heavy = zipped > sizes::MOST_ZIPPED;
        good &= !heavy;
        let verdict = if heavy { format!("  more than {} MB", megabytes(sizes::MOST_ZIPPED)) } else { String::new() };
        writeln!(out, "{name:<26}{:>10}{:>10}{verdict}", megabytes(zipped), megabytes(plain))?;
    }
    if !only_sizes {
        good &= starts(&mut out, &folder).await?;
    }
    Ok(good)
}

async fn starts(out: &mut io::Stdout, folder: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let mut good = true;
    writeln!(
        out,
        "\nexec to the first /next, median (worst) of {RUNS} after one that is not counted\n{:<26}{:>18}{:>18}{:>12}{:>8}",
        "", "ms", "ms of CPU", "MB resident", "files"
    )?;
    let scratch = tempfile()?;
    let mut seen = Vec::new();
    for name in FUNCTIONS.into_iter().chain([NO_SDK]) {
        let program = folder.join(name);
        measure::start(&program).await?;
        let mut starts = Vec::new();
        for _ in 0..RUNS {
            starts.push(measure::start(&program).await?);
        }
        let time = spread(starts.iter().map(|start| Some(start.time)));
        let cpu = spread(starts.iter().map(|start| start.cpu));
        let memory = starts.iter().filter_map(|start| start.memory).max();
        let files = measure::files(&program, &scratch).await?;
        let slow = cpu.is_some_and(|(median, _)| median > MOST_CPU);
        let fat = memory.is_some_and(|bytes| bytes > MOST_MEMORY);
        good &= !(slow || fat);
        writeln!(
            out,
            "{name:<26}{:>18}{:>18}{:>12}{:>8}{}{}",
            pair(time),
            pair(cpu),
            memory.map_or_else(|| "-".to_owned(), megabytes),
            files.as_ref().map_or_else(|| "-".to_owned(), |files| files.len().to_string()),
            if slow { "  more than 10 ms of CPU" } else { "" },
            if fat { "  more than 16 MB" } else { "" },
        )?;
        seen.push((name, files));
    }
    for (name, files) in seen.iter().filter(|(name, _)| [FUNCTIONS.first(), Some(&NO_SDK)].contains(&Some(name))) {
        if let Some(files) = files {
            let (certificates, others): (Vec<&String>, Vec<&String>) =
                files.iter().partition(|file| file.contains("/certs") || file.contains("/pki/"));
            let others: Vec<&str> = others.into_iter().map(String::as_str).collect();
            let certificates = certificates.len();
            writeln!(out, "{name} opens {}, and {certificates} of the system's certificates", others.join(", "))?;
        }
    }
    first_call(out, &folder.join("landfall-on-load")).await?;
    if !cfg!(target_os = "linux") {
        writeln!(out, "CPU, memory and files are measured on Linux only: this system has no /proc")?;
    }
    std::fs::remove_dir_all(&scratch)?;
    Ok(good)
}

/// Prints the CPU time of the first event before a connection. Nothing listens on port 9 of this machine.
async fn first_call(out: &mut io::Stdout, program: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut calls = Vec::new();
    for _ in 0..RUNS {
        calls.push(measure::first_call(program, "https://127.0.0.1:9").await?);
    }
    if let Some((median, _)) = spread(calls.into_iter()) {
        writeln!(out, "the first event of on-load adds {} ms of CPU before anything is sent", milliseconds(median))?;
    }
    Ok(())
}

fn tempfile() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("landfall-startup-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Returns the median and the longest time. `None` if one could not be measured.
fn spread(times: impl Iterator<Item = Option<Duration>>) -> Option<(Duration, Duration)> {
    let mut times: Vec<Duration> = times.collect::<Option<_>>()?;
    times.sort();
    Some((*times.get(times.len() / 2)?, *times.last()?))
}

fn pair(spread: Option<(Duration, Duration)>) -> String {
    spread
        .map_or_else(|| "-".to_owned(), |(median, worst)| format!("{} ({})", milliseconds(median), milliseconds(worst)))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}
