//! The command of the simulation: `cargo run --profile simulation -p simulation -- --histories 100000 --seed 1`.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use clap::Parser;
use simulation::{
    history::{Omitted, Report, run},
    minimal_trace,
    mutants::{self, Mutant},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Run histories of faults in virtual time
#[derive(Debug, Parser)]
struct Arguments {
    /// How many histories to run
    #[arg(long, default_value_t = 10_000)]
    histories: u64,
    /// The seed of the first history; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show one history step by step instead
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// Run a mutant, which lacks one safeguard; `list` names them
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// The number of threads [default: the number of cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// How many seeds with violations each thread names.
const MOST_NAMED: usize = 50;

/// The sum of all histories.
#[derive(Default)]
struct Sum {
    histories: u64,
    happenings: u64,
    runs: u64,
    writes: u64,
    struck: BTreeMap<&'static str, u64>,
    /// How many histories have violations.
    violated: u64,
    /// The first violation of the first of them, by seed.
    wrong: BTreeMap<u64, String>,
    worst: Option<Report>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let mutant = match arguments.mutant.as_deref() {
        None => None,
        Some("list") => {
            for Mutant { name, about, .. } in &mutants::ALL {
                writeln!(out, "{name:<24} {about}")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some(name) => {
            let Some(mutant) = mutants::by_name(name) else {
                writeln!(out, "unknown mutant {name}; `--mutant list` names them")?;
                return Ok(ExitCode::from(2));
            };
            Some(mutant)
        }
    };
    if let Some(seed) = arguments.replay {
        return replay(&mut out, seed, mutant);
    }
    let began = Instant::now();
    let sum = all(&arguments, mutant);
    let (seconds, milliseconds) = (began.elapsed().as_secs_f64(), began.elapsed().as_millis().max(1));
    writeln!(
        out,
        "{} histories, {} happenings, {} compare-and-swaps of the board, {} runs",
        sum.histories, sum.happenings, sum.writes, sum.runs
    )?;
    writeln!(out, "faults injected:")?;
    for (kind, count) in &sum.struck {
        writeln!(out, "  {count:>10}  {kind}")?;
    }
    writeln!(out, "{seconds:.1} s, {} histories a second", u128::from(sum.histories) * 1000 / milliseconds)?;
    for (seed, what) in sum.wrong.iter().filter(|_| sum.violated > 1) {
        writeln!(out, "seed {seed}: {what}")?;
    }
    if let Some(worst) = &sum.worst {
        write_minimal_trace(&mut out, worst, mutant)?;
    }
    writeln!(out, "{} histories, {} violations", sum.histories, sum.violated)?;
    Ok(if sum.violated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every history, on several threads. With a mutant the first violation ends it.
fn all(arguments: &Arguments, mutant: Option<&'static Mutant>) -> Sum {
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let (next, enough, sum) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut own = Sum::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.histories || enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let report = run(arguments.seed.wrapping_add(number), mutant, &Omitted::default(), false);
                    if !report.violations.is_empty() && mutant.is_some() {
                        enough.store(true, Ordering::Relaxed);
                    }
                    own.add(report);
                }
                sum.lock().unwrap_or_else(PoisonError::into_inner).join(own);
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.histories += 1;
        self.happenings += report.happenings;
        self.runs += report.runs;
        self.writes += report.writes;
        for (kind, count) in &report.struck {
            *self.struck.entry(kind).or_default() += count;
        }
        if let Some(first) = report.violations.first() {
            self.violated += 1;
            self.wrong.insert(report.seed, first.to_string());
            if self.wrong.len() > MOST_NAMED {
                self.wrong.pop_last();
            }
            self.keep(report);
        }
    }

    /// Keeps the shortest history with a violation, which is the easiest to understand.
    fn keep(&mut self, report: Report) {
        if self.worst.as_ref().is_none_or(|worst| report.happenings < worst.happenings) {
            self.worst = Some(report);
        }
    }

    fn join(&mut self, other: Self) {
        self.histories += other.histories;
        self.happenings += other.happenings;
        self.runs += other.runs;
        self.writes += other.writes;
        self.violated += other.violated;
        self.wrong.extend(other.wrong);
        for (kind, count) in other.struck {
            *self.struck.entry(kind).or_default() += count;
        }
        if let Some(worst) = other.worst {
            self.keep(worst);
        }
    }
}

fn write_minimal_trace(out: &mut impl Write, report: &Report, mutant: Option<&'static Mutant>) -> io::Result<()> {
    let (omitted, least) = minimal_trace::of(report.seed, mutant);
    writeln!(out, "\nseed {} has violations; the smallest part of it that still has:", report.seed)?;
    writeln!(
        out,
        "  without {} external happenings, and without faults of {} kinds",
        omitted.outside.len(),
        omitted.rates.len()
    )?;
    for line in &least.trace {
        writeln!(out, "  {line}")?;
    }
    for violation in &least.violations {
        writeln!(out, "  {violation}")?;
    }
    writeln!(out, "  see all of it: --replay {}\n", report.seed)
}

fn replay(out: &mut impl Write, seed: u64, mutant: Option<&'static Mutant>) -> io::Result<ExitCode> {
    let report = run(seed, mutant, &Omitted::default(), true);
    for line in &report.trace {
        writeln!(out, "{line}")?;
    }
    if let Some(board) = &report.board {
        writeln!(out, "board.json at the end: {board}")?;
    }
    for violation in &report.violations {
        writeln!(out, "{violation}")?;
    }
    writeln!(out, "1 histories, {} violations", report.violations.len())?;
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
