//! The parts of a history, drawn from its seed: a project, a landfall.yml, the loads with their times, and the rates
//! of faults.

use std::fmt::Write as _;

use fastrand::Rng;

use crate::{
    history::Omitted,
    project::{LANDING, Project},
};

/// Virtual time in milliseconds.
pub type Ms = i64;

/// One second in milliseconds.
pub const SECOND: Ms = 1000;
/// One minute in milliseconds.
pub const MINUTE: Ms = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: Ms = 60 * MINUTE;

/// The rate of each fault, in a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// A call fails and had no effect.
    pub refused: u32,
    /// A call had its effect, and the reply is lost.
    pub reply_lost: u32,
    /// A call is answered by a time-out, and has its effect later.
    pub late: u32,
    /// A process crashes before a call.
    pub crash_before: u32,
    /// A process crashes after a call.
    pub crash_after: u32,
    /// S3 answers 409 to a conditional write.
    pub conflict: u32,
    /// A call takes seconds.
    pub slow: u32,
    /// An event or a message is delivered twice.
    pub twice: u32,
    /// An event is delivered minutes or hours late.
    pub delayed: u32,
    /// A task's event is lost.
    pub event_lost: u32,
    /// The sweep is not called.
    pub sweep_lost: u32,
    /// `RunTask` is refused.
    pub task_refused: u32,
    /// `DescribeTasks` does not know a task that runs.
    pub task_unknown: u32,
    /// A task never starts.
    pub task_never_starts: u32,
    /// A task is killed during its run and leaves no result.
    pub task_killed: u32,
    /// A task gets SIGTERM during its run.
    pub task_interrupted: u32,
    /// A task hangs for hours.
    pub task_hangs: u32,
    /// A task keeps running for a while after its result.
    pub task_lingers: u32,
    /// A node fails.
    pub node_fails: u32,
    /// Scheduler refuses or throttles a call.
    pub schedule_refused: u32,
    /// A call of on-load fails, and SQS delivers its whole batch again.
    pub batch_fails: u32,
}

/// An external happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum External {
    /// An object with this number lands for the dataset with this number.
    Lands(usize, u32),
    /// A loader reports that the dataset is loaded.
    LoaderReport(usize),
    /// A message arrives that is no event.
    Malformed,
    /// The next release is offered.
    Release,
    /// The stack gets another cluster. Tasks stay where they are.
    ClusterChanged,
    /// A job is due.
    Job,
    /// An operator sends a command, for everything (0) or for the dataset with this number, from 1.
    Command(usize, CommandKind),
    /// The board is lost, by deletion (true) or damage, and the one this many versions before it is restored.
    BoardLost(usize, bool),
}

/// The command of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// Pauses a dataset or everything.
    Pause,
    /// Resumes a dataset or everything.
    Resume,
    /// Retries what is quarantined.
    Retry,
}

/// The number of the marker object.
pub const MARKER: u32 = u32::MAX;

/// The scenario of a history.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The versions of the project. The first is in place from the start.
    pub versions: Vec<Project>,
    /// The landfall.yml of all versions, but for the schedules of their jobs.
    pub yaml: String,
    /// The limit of runs in a day, if a history can reach it.
    pub runs_per_day: Option<u32>,
    /// How long statements of an ended run may still execute (`runs.drain`).
    pub drain: Ms,
    /// The external happenings by time.
    pub outside: Vec<(Ms, External)>,
    /// The rates of faults.
    pub rates: Rates,
    /// The time of the last fault.
    pub faults_until: Ms,
    /// The largest error of the clocks of S3's hosts.
    pub skew: Ms,
    /// The largest error of any other clock: of functions, loaders and operators.
    pub wrong_clocks: Ms,
    /// The longest upload of one object.
    pub longest_upload: Ms,
    /// The time limit of a run.
    pub timeout: Ms,
}

impl Scenario {
    /// Draws a scenario.
    pub fn any(rng: &mut Rng) -> Self {
        let first = Project::any(rng);
        let mut versions = vec![first];
        for number in 1..=if rng.u32(..3) == 0 { rng.u32(1..=2) } else { 0 } {
            if let Some(last) = versions.last() {
                versions.push(last.next(rng, number));
            }
        }
        let timeout = 10 * MINUTE;
        let sources = versions.first().map(|project| project.sources.clone()).unwrap_or_default();
        let drain = if rng.u32(..5) == 0 { rng.i64(10..=300) * SECOND } else { 0 };
        let runs_per_day = (rng.u32(..12) == 0).then(|| rng.u32(1..=4));
        let yaml = yaml(rng, &sources, drain, runs_per_day);
        let span = *rng.choice([2 * MINUTE, 10 * MINUTE, 40 * MINUTE].iter()).unwrap_or(&MINUTE);
        let mut outside = Vec::new();
        for number in 0..rng.u32(1..=8) {
            let dataset = rng.usize(..sources.len());
            // Real loads come in bursts, and sometimes write a key again.
            let at = rng.i64(0..span);
            for _ in 0..if rng.u32(..4) == 0 { rng.u32(2..=4) } else { 1 } {
                let object = if rng.u32(..5) == 0 { rng.u32(..=number) } else { 100 * number + rng.u32(..10) };
                outside.push((at + rng.i64(0..3 * SECOND), External::Lands(dataset, object)));
            }
        }
        if rng.u32(..3) == 0 {
            for _ in 0..rng.u32(1..=4) {
                outside.push((rng.i64(0..span), External::LoaderReport(rng.usize(..sources.len()))));
            }
        }
        // Objects that keep arriving, for longer than `at_most` of most datasets.
        if rng.u32(..8) == 0 {
            let (dataset, mut at) = (rng.usize(..sources.len()), rng.i64(0..span));
            for number in 0..rng.u32(10..=40) {
                at += rng.i64(500..1_500);
                outside.push((at, External::Lands(dataset, 10_000 + number)));
            }
        }
        if rng.u32(..6) == 0 {
            for _ in 0..rng.u32(1..=3) {
                outside.push((rng.i64(0..span), External::Malformed));
            }
        }
        if rng.u32(..4) == 0 {
            outside.push((rng.i64(0..span), External::Job));
        }
        for _ in 1..versions.len() {
            outside.push((rng.i64(0..span), External::Release));
        }
        // For other datasets the marker is no data.
        let marked = |source: &String| {
            yaml.lines().any(|line| line.contains(&format!("raw.{source}:")) && line.contains("marker"))
        };
        for (number, _) in sources.iter().enumerate().filter(|(_, source)| marked(source)) {
            for _ in 0..rng.u32(..3) {
                outside.push((rng.i64(0..span), External::Lands(number, MARKER)));
            }
        }
        if rng.u32(..4) == 0 {
            for _ in 0..rng.u32(1..=4) {
                let command = *rng
                    .choice([CommandKind::Pause, CommandKind::Pause, CommandKind::Resume, CommandKind::Retry].iter())
                    .unwrap_or(&CommandKind::Retry);
                outside.push((rng.i64(0..span), External::Command(rng.usize(..=sources.len()), command)));
            }
        }
        if rng.u32(..6) == 0 {
            for _ in 0..rng.u32(1..=2) {
                outside.push((rng.i64(0..span), External::BoardLost(rng.usize(..6), rng.bool())));
            }
        }
        if rng.u32(..4) == 0 {
            outside.push((rng.i64(0..span), External::ClusterChanged));
        }
        outside.sort_by_key(|(at, _)| *at);
        Self {
            versions,
            yaml,
            runs_per_day,
            drain,
            outside,
            rates: rates(rng),
            faults_until: span + rng.i64(0..HOUR),
            skew: if rng.u32(..3) == 0 { 4 * SECOND } else { 0 },
            wrong_clocks: *rng.choice([0, 4 * SECOND, 2 * MINUTE, 2 * HOUR].iter()).unwrap_or(&0),
            longest_upload: *rng.choice([SECOND, 5 * MINUTE, HOUR].iter()).unwrap_or(&SECOND),
            timeout,
        }
    }
}

/// The rates with their names.
type Named<'a> = [(&'static str, &'a mut u32); 21];

impl Rates {
    /// Returns each rate with its name.
    pub fn named(&mut self) -> Named<'_> {
        [
            ("refused", &mut self.refused),
            ("reply_lost", &mut self.reply_lost),
            ("late", &mut self.late),
            ("crash_before", &mut self.crash_before),
            ("crash_after", &mut self.crash_after),
            ("conflict", &mut self.conflict),
            ("slow", &mut self.slow),
            ("twice", &mut self.twice),
            ("delayed", &mut self.delayed),
            ("event_lost", &mut self.event_lost),
            ("sweep_lost", &mut self.sweep_lost),
            ("task_refused", &mut self.task_refused),
            ("task_unknown", &mut self.task_unknown),
            ("task_never_starts", &mut self.task_never_starts),
            ("task_killed", &mut self.task_killed),
            ("task_interrupted", &mut self.task_interrupted),
            ("task_hangs", &mut self.task_hangs),
            ("task_lingers", &mut self.task_lingers),
            ("node_fails", &mut self.node_fails),
            ("schedule_refused", &mut self.schedule_refused),
            ("batch_fails", &mut self.batch_fails),
        ]
    }
}

impl Scenario {
    /// Returns the landfall.yml of a version of the project. Each has another schedule, and some have one more.
    pub fn yaml_of(&self, version: usize) -> String {
        let more = "  qb: { schedule: \"rate(1 hour)\", test: { select: \"resource_type:test\" } }\n";
        let more = if version.is_multiple_of(2) { "" } else { more };
        self.yaml
            .replace("rate(1 day)", &format!("rate({} days)", version + 1))
            .replace("jobs:\n", &format!("jobs:\n{more}"))
    }

    /// Removes what is to be omitted.
    pub fn without(&mut self, omitted: &Omitted) {
        let mut number = 0;
        self.outside.retain(|_| {
            number += 1;
            !omitted.outside.contains(&(number - 1))
        });
        for (name, rate) in self.rates.named() {
            if omitted.rates.contains(name) {
                *rate = 0;
            }
        }
    }
}

fn yaml(rng: &mut Rng, sources: &[String], drain: Ms, runs_per_day: Option<u32>) -> String {
    let mut yaml = "version: 1\ndatasets:\n".to_owned();
    for source in sources {
        let ready = match rng.u32(..9) {
            0 => "every_object: true".to_owned(),
            1 => "quiet: 30s, at_most: 2m".to_owned(),
            2 => "marker: _DONE, at_most: 3m".to_owned(),
            3 => "count: 2, per: \"dt=*\", at_most: 3m".to_owned(),
            4 => "delay: 20s, at_most: 2m".to_owned(),
            _ => format!("quiet: {}s, at_most: 20s", rng.u32(1..=5)),
        };
        let interval = if rng.u32(..5) == 0 { ", min_interval: 2m" } else { "" };
        let _ = writeln!(
            yaml,
            "  raw.{source}: {{ location: \"s3://{LANDING}/{source}/\", ready: {{ {ready} }}{interval} }}"
        );
    }
    let warehouse = if rng.u32(..5) == 0 { "exclusive" } else { "shared" };
    let parallel = rng.u32(1..=3);
    let first = if rng.bool() { "build" } else { "adopt" };
    let _ = write!(
        yaml,
        "jobs:\n  qa: {{ schedule: \"rate(1 day)\", test: {{ select: \"resource_type:test\" }} }}\n\
         runs: {{ max_parallel: {parallel}, timeout: 10m, warehouse: {warehouse}, drain: {}s }}\n\
         limits: {{ runs_per_day: {} }}\n\
         release: {{ first: {first} }}\n\
         docs: {{ every: 0s }}\n",
        drain / SECOND,
        runs_per_day.unwrap_or(200),
    );
    yaml
}

/// Draws the rates. Some histories have one kind of fault, some all of them, some none.
fn rates(rng: &mut Rng) -> Rates {
    let mut drawn = Rates::default();
    let mut some = |most: u32| if rng.u32(..3) == 0 { rng.u32(..=most) } else { 0 };
    drawn.refused = some(60);
    drawn.reply_lost = some(80);
    drawn.late = some(40);
    drawn.crash_before = some(40);
    drawn.crash_after = some(40);
    drawn.conflict = some(40);
    drawn.slow = some(80);
    drawn.twice = some(300);
    drawn.delayed = some(200);
    drawn.event_lost = some(500);
    drawn.sweep_lost = some(500);
    drawn.task_refused = some(300);
    drawn.task_never_starts = some(200);
    drawn.task_killed = some(250);
    drawn.task_interrupted = some(250);
    drawn.task_hangs = some(100);
    drawn.task_lingers = some(300);
    drawn.node_fails = some(100);
    drawn.schedule_refused = some(500);
    drawn.batch_fails = some(400);
    drawn.task_unknown = some(500);
    drawn
}
