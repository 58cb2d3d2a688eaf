//! `landfall plan`: the runs that the planner of the functions would plan for a load, simulated from a manifest alone.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use landfall_aws::{
    clock,
    events::{LoadMessage, parse_load_message},
};
use landfall_planner::{
    Board, Context, DatasetLoaded, DatasetName, InboundEvent, Input, InvalidName, LedgerLine, LedgerOutcome,
    LedgerSubject, ObjectAddress, ObjectEvent, Plan, ProtocolRules, Release, TaskSettings, Trigger, decide,
};
use serde_json::Value;

use super::CommandError;
use crate::{
    args::PlanArgs,
    describe::{describe_plan, loaded_datasets},
    environment, file_errors,
    jinja::render,
    release::{self, ReleaseCommandError},
    terminal::Terminal,
    text::printable,
};

/// Errors of simulating a load.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file cannot be read.
    #[error("cannot read {}: {}", file.display(), file_errors::reason(file, source))]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The file holds no event of a load.
    #[error("{} is no event of a load: {reason}; events/README.md lists samples", file.display())]
    NoEvent {
        /// The path of the file.
        file: PathBuf,
        /// What the file holds instead.
        reason: String,
    },
    /// The project has no such dataset.
    #[error("the project has no dataset {name}; {}", if datasets.is_empty() { "it has none: add the locations of its sources to landfall.yml".to_owned() } else { format!("its datasets are {datasets}") })]
    NoDataset {
        /// The name that was given.
        name: DatasetName,
        /// The names of the project's datasets.
        datasets: String,
    },
    /// The name of the dataset is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// The result of simulating a load.
#[derive(Debug)]
pub struct Simulation {
    /// The ledger lines of the events.
    pub lines: Vec<LedgerLine>,
    /// The plans of the runs that would start.
    pub plans: Vec<Plan>,
}

pub(super) fn run(terminal: &Terminal, args: &PlanArgs) -> Result<(), CommandError> {
    let manifest = read(&args.manifest)?;
    let settings = settings(args)?;
    let (loads, bucket) = match (&args.load.dataset, &args.load.event) {
        (Some(name), _) => (vec![dataset_loaded(DatasetName::parse(name.as_str()).map_err(PlanError::Name)?)], None),
        (None, Some(file)) => {
            let loads = events(file)?;
            let bucket = loads.iter().find_map(|load| match load {
                InboundEvent::ObjectCreated(object) => Some(object.bucket.clone()),
                _ => None,
            });
            (loads, bucket)
        }
        // The argument parser requires one of them.
        (None, None) => (Vec::new(), None),
    };
    let landing = args.landing_bucket.clone().or_else(|| release::bucket_of_sources(&manifest)).or(bucket);
    let landing = landing.unwrap_or_else(|| "landing".to_owned());
    let release = release::check(&manifest, settings.as_deref(), Some(&landing))?.into_release();
    if let Some(InboundEvent::DatasetLoaded(event)) = loads.first()
        && let Ok(name) = DatasetName::parse(event.dataset.as_str())
        && release.dataset(&name).is_none()
    {
        let datasets: Vec<&str> = release.compiled.datasets.keys().map(DatasetName::as_str).collect();
        return Err(PlanError::NoDataset { name, datasets: datasets.join(", ") }.into());
    }
    let simulation = simulate(&release, &loads, args.nothing_built);
    print(terminal, &simulation);
    if simulation.lines.iter().any(|line| line.outcome == LedgerOutcome::Unmapped) {
        terminal.print(format!(
            "relative locations of landfall.yml are in the bucket {landing}; name another one with --landing-bucket"
        ));
    }
    Ok(())
}

/// Prints the events and the runs that would start.
pub(super) fn print(terminal: &Terminal, simulation: &Simulation) {
    for line in &simulation.lines {
        let event = match &line.about {
            LedgerSubject::Object { bucket, key, datasets, .. } => {
                let names = loaded_datasets(datasets);
                let load = if names.is_empty() { names } else { format!(" is a load of {names}") };
                format!("s3://{bucket}/{}{load}", printable(key))
            }
            LedgerSubject::Loaded { dataset, .. } => format!("a load of {}", printable(dataset)),
            _ => continue,
        };
        let outcome =
            if simulation.plans.is_empty() { format!(": {}", printable(&line.detail)) } else { String::new() };
        terminal.print(format!("{event}{outcome}"));
    }
    for plan in &simulation.plans {
        terminal.print(format!("would run {}", describe_plan(plan)));
    }
    if simulation.plans.is_empty() {
        terminal.print("no run would start");
    }
}

/// Simulates the runs for loads, from the events until nothing is left to plan. Every run succeeds at once, and every
/// readiness policy is satisfied. All nodes count as built unless `nothing_built`.
pub fn simulate(release: &Release, loads: &[InboundEvent], nothing_built: bool) -> Simulation {
    let now = clock::now();
    let nonce = clock::nonce();
    let task = TaskSettings::default();
    let mut board = Board::new(now);
    board.release = Some(release.id().clone());
    if !nothing_built {
        board.built = (0..).take(release.compiled.nodes.len()).collect();
        for name in release.compiled.datasets.keys() {
            board.datasets.entry(name.clone()).or_default().loaded = true;
        }
    }
    let context =
        |now| Context { now, nonce: &nonce, release: Some(release), task: Some(&task), rules: &ProtocolRules };
    let decision = decide(&board, &Input::Events(loads), &context(now));
    let mut simulation = Simulation { lines: decision.lines, plans: decision.plans };
    board = decision.board;
    let mut later = after_all_waits(now);
    for _ in 0..MAX_WAVES {
        complete_runs(&mut board, release);
        let decision = decide(&board, &Input::Tick, &context(later));
        board = decision.board;
        simulation.lines.extend(decision.lines);
        // Nodes that wait for other datasets stay pending.
        if decision.plans.iter().all(|plan| plan.nodes.is_empty()) {
            break;
        }
        simulation.plans.extend(decision.plans);
        later = after_all_waits(later);
    }
    simulation
}

/// The limit of runs that wait for one another.
const MAX_WAVES: usize = 20;

/// Completes every live run as succeeded.
fn complete_runs(board: &mut Board, release: &Release) {
    for (_, run) in std::mem::take(&mut board.runs) {
        for trigger in &run.triggers {
            if let Some(entry) = board.backlog.get_mut(&trigger.trigger) {
                entry.nodes = entry.nodes.difference(&run.nodes).into();
            }
            if let Trigger::Load(name) = &trigger.trigger {
                board.datasets.entry(name.clone()).or_default().loaded |= release.dataset(name).is_some();
            }
        }
        board.built = board.built.union(&run.nodes);
    }
}

/// A time at which every readiness policy is satisfied: landfall.yml limits waits to 30 days.
fn after_all_waits(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * 31)).unwrap_or(now)
}

/// The event `Dataset Loaded` of a dataset.
pub(super) fn dataset_loaded(name: DatasetName) -> InboundEvent {
    InboundEvent::DatasetLoaded(DatasetLoaded {
        event_id: "simulated".to_owned(),
        time: clock::now(),
        dataset: name.into(),
        loaded_at: None,
        batch_id: None,
    })
}

/// The event `Object Created` of an object.
pub(super) fn object_created(ObjectAddress { bucket, key }: ObjectAddress<'_>) -> InboundEvent {
    InboundEvent::ObjectCreated(ObjectEvent {
        event_id: format!("simulated/{key}"),
        time: clock::now(),
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: None,
        etag: None,
        sequencer: None,
        size: None,
        reason: None,
    })
}

fn events(file: &Path) -> Result<Vec<InboundEvent>, PlanError> {
    let text = String::from_utf8_lossy(&read(file)?).into_owned();
    let no_event = |reason: String| PlanError::NoEvent { file: file.to_owned(), reason };
    let event: Value = serde_json::from_str(&text).map_err(|error| no_event(error.to_string()))?;
    let mut messages = Vec::new();
    for body in bodies(&event) {
        // An event for any stack is simulated, so the stack's name is taken from the event.
        let stack = body.pointer("/detail/stack").and_then(Value::as_str).unwrap_or_default();
        messages.extend(
            parse_load_message(&body.to_string(), stack, clock::now())
                .map_err(|malformed| no_event(malformed.to_string()))?,
        );
    }
    let mut other = "it holds no event".to_owned();
    let mut loads = Vec::new();
    for message in messages {
        match message {
            LoadMessage::Object(object) => loads.push(InboundEvent::ObjectCreated(object)),
            LoadMessage::Deleted(object) => loads.push(InboundEvent::ObjectDeleted(object)),
            LoadMessage::Loaded(event) => loads.push(InboundEvent::DatasetLoaded(event)),
            LoadMessage::OperatorCommand(_) => "it holds an operator command".clone_into(&mut other),
            LoadMessage::Ignored { what, .. } => other = format!("it holds {what}"),
            LoadMessage::Wake { .. } => "it holds Landfall's own wake message".clone_into(&mut other),
        }
    }
    if loads.is_empty() { Err(no_event(other)) } else { Ok(loads) }
}

/// The bodies of a batch of SQS messages, as Lambda passes it to on-load; else the event itself.
fn bodies(event: &Value) -> Vec<Value> {
    let records = event.get("Records").and_then(Value::as_array).into_iter().flatten();
    let bodies: Vec<&str> = records.filter_map(|record| record.get("body")?.as_str()).collect();
    if bodies.is_empty() {
        return vec![event.clone()];
    }
    // The parser reports a body that is not JSON.
    bodies
        .into_iter()
        .map(|body| serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
        .collect()
}

fn settings(args: &PlanArgs) -> Result<Option<String>, CommandError> {
    let file = match &args.landfall_yml {
        Some(file) => Some(file.clone()),
        None => args.manifest.parent().map(|target| target.join("../landfall.yml")).filter(|file| file.is_file()),
    };
    let Some(file) = file else { return Ok(None) };
    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
    let variables: BTreeMap<String, String> = environment::all().collect();
    let rendered = render(&text, move |name| variables.get(name).cloned()).map_err(ReleaseCommandError::Render)?;
    Ok(Some(rendered))
}

fn read(file: &Path) -> Result<Vec<u8>, PlanError> {
    std::fs::read(file).map_err(|source| PlanError::Unreadable { file: file.to_owned(), source })
}
