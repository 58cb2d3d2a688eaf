//! `landfall plan`: the same planner as the functions', asked what it would do about a load, with nothing but a manifest.

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
    Board, Context, DatasetLoaded, DatasetName, InboundEvent, Input, InvalidName, LedgerLine, LedgerSubject,
    ObjectEvent, Plan, ProtocolRules, Release, TaskSettings, Trigger, decide,
};

use serde_json::Value;

use super::CommandError;
use crate::{
    args::PlanArgs,
    environment,
    release::{self, ReleaseError},
    render::render,
    story::explain_plan,
    terminal::Terminal,
    text::printable,
};

/// A supposition that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The event is none of a load.
    #[error("{} is no event of a load: {reason}", file.display())]
    NoEvent {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// No such dataset.
    #[error("the project has no dataset {name}; it has {}", if has.is_empty() { "none: state where its sources lie (landfall.yml)" } else { has })]
    NoDataset {
        /// The name.
        name: DatasetName,
        /// Those it has.
        has: String,
    },
    /// Not even the form of a dataset's name.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// What would become of a load.
#[derive(Debug)]
pub struct Supposed {
    /// What the ledger would say of the events.
    pub lines: Vec<LedgerLine>,
    /// The runs that would start.
    pub plans: Vec<Plan>,
}

pub(super) fn run(terminal: &Terminal, args: &PlanArgs) -> Result<(), CommandError> {
    let manifest = read(&args.manifest)?;
    let settings = settings(args)?;
    let (loads, bucket) = match (&args.what.dataset, &args.what.event) {
        (Some(name), _) => (vec![loaded(DatasetName::parse(name.as_str()).map_err(PlanError::Name)?)], None),
        (None, Some(file)) => {
            let loads = events(file)?;
            let bucket = loads.iter().find_map(|load| match load {
                InboundEvent::ObjectCreated(object) => Some(object.bucket.clone()),
                _ => None,
            });
            (loads, bucket)
        }
        // clap asks for one of them.
        (None, None) => (Vec::new(), None),
    };
    let landing = args.landing_bucket.clone().or_else(|| release::bucket_of_sources(&manifest)).or(bucket);
    let landing = landing.unwrap_or_else(|| "landing".to_owned());
    let release = release::check(&manifest, settings.as_deref(), Some(&landing))?.into_release();
    if let Some(InboundEvent::DatasetLoaded(word)) = loads.first()
        && let Ok(name) = DatasetName::parse(word.dataset.as_str())
        && release.dataset(&name).is_none()
    {
        let has: Vec<&str> = release.compiled.datasets.keys().map(DatasetName::as_str).collect();
        return Err(PlanError::NoDataset { name, has: has.join(", ") }.into());
    }
    tell(terminal, &suppose(&release, &loads, args.nothing_built));
    Ok(())
}

/// Says what would become of loads.
pub(super) fn tell(terminal: &Terminal, supposed: &Supposed) {
    for line in &supposed.lines {
        let place = match &line.about {
            LedgerSubject::Object { bucket, key, dataset, .. } => {
                let of = dataset.as_ref().map(|dataset| format!(" is a load of {dataset}")).unwrap_or_default();
                format!("s3://{bucket}/{}{of}", printable(key))
            }
            LedgerSubject::Loaded { dataset, .. } => printable(dataset),
            _ => continue,
        };
        let outcome = if supposed.plans.is_empty() { format!(": {}", printable(&line.detail)) } else { String::new() };
        terminal.say(format!("{place}{outcome}"));
    }
    for plan in &supposed.plans {
        terminal.say(format!("would run {}", explain_plan(plan)));
    }
    if supposed.plans.is_empty() {
        terminal.say("nothing would run");
    }
}

/// What the functions would do about loads, once their datasets are ready. Everything counts as built unless `nothing_built`.
pub fn suppose(release: &Release, loads: &[InboundEvent], nothing_built: bool) -> Supposed {
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
    let landed = decide(&board, &Input::Events(loads), &context(now));
    let mut supposed = Supposed { lines: landed.lines, plans: landed.plans };
    board = landed.board;
    let mut later = after_all_waits(now);
    for _ in 0..MOST_WAVES {
        settle(&mut board, release);
        // However long a dataset waits for more, by then it waits no longer.
        let decision = decide(&board, &Input::Tick, &context(later));
        board = decision.board;
        supposed.lines.extend(decision.lines);
        // What waits for other datasets goes on waiting.
        if decision.plans.iter().all(|plan| plan.nodes.is_empty()) {
            break;
        }
        supposed.plans.extend(decision.plans);
        later = after_all_waits(later);
    }
    supposed
}

/// Runs that wait for one another, at most.
const MOST_WAVES: usize = 20;

/// As if every live run had succeeded.
fn settle(board: &mut Board, release: &Release) {
    for (_, run) in std::mem::take(&mut board.runs) {
        for trigger in &run.triggers {
            if let Some(entry) = board.backlog.get_mut(&trigger.trigger) {
                entry.nodes = entry.nodes.minus(&run.nodes).into();
            }
            if let Trigger::Load(name) = &trigger.trigger {
                board.datasets.entry(name.clone()).or_default().loaded |= release.dataset(name).is_some();
            }
        }
        board.built = board.built.union(&run.nodes);
    }
}

/// landfall.yml bounds every wait to 30 days.
fn after_all_waits(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * 31)).unwrap_or(now)
}

/// The word that a dataset is loaded.
pub(super) fn loaded(name: DatasetName) -> InboundEvent {
    InboundEvent::DatasetLoaded(DatasetLoaded {
        event_id: "supposed".to_owned(),
        time: clock::now(),
        dataset: name.into(),
        loaded_at: None,
        batch_id: None,
    })
}

/// The news that an object landed.
pub(super) fn landed(bucket: &str, key: &str) -> InboundEvent {
    InboundEvent::ObjectCreated(ObjectEvent {
        event_id: format!("supposed/{key}"),
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
        // Whichever stack it is for is the one that is meant.
        let stack = body.pointer("/detail/stack").and_then(Value::as_str).unwrap_or_default();
        messages
            .extend(parse_load_message(&body.to_string(), stack).map_err(|malformed| no_event(malformed.to_string()))?);
    }
    let mut other = "it is empty".to_owned();
    let mut loads = Vec::new();
    for message in messages {
        match message {
            LoadMessage::Object(object) => loads.push(InboundEvent::ObjectCreated(object)),
            LoadMessage::Deleted(object) => loads.push(InboundEvent::ObjectDeleted(object)),
            LoadMessage::Loaded(word) => loads.push(InboundEvent::DatasetLoaded(word)),
            LoadMessage::OperatorCommand(_) => "it is an operator command".clone_into(&mut other),
            // A batch may hold others too.
            LoadMessage::Ignored { what, .. } => other = format!("it is {what}"),
            LoadMessage::Wake => "it is Landfall's own wake message".clone_into(&mut other),
        }
    }
    if loads.is_empty() { Err(no_event(other)) } else { Ok(loads) }
}

/// The event itself, or those in a batch of SQS messages as Lambda gets it.
fn bodies(event: &Value) -> Vec<Value> {
    let records = event.get("Records").and_then(Value::as_array).into_iter().flatten();
    let bodies: Vec<&str> = records.filter_map(|record| record.get("body")?.as_str()).collect();
    if bodies.is_empty() {
        return vec![event.clone()];
    }
    // A body that is no JSON is one that the parser will name.
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
    let rendered = render(&text, move |name| variables.get(name).cloned()).map_err(ReleaseError::Render)?;
    Ok(Some(rendered))
}

fn read(file: &Path) -> Result<Vec<u8>, PlanError> {
    std::fs::read(file).map_err(|source| PlanError::Unreadable { file: file.to_owned(), source })
}
