//! `landfall why`: what became of an object, a model or a run, from the ledger, the board and the runs' own results.

mod model;
mod object;
mod run;

use std::{fmt::Write as _, path::PathBuf};

use landfall_aws::{Store, clock};
use landfall_planner::{
    BacklogEntry, Board, DatasetName, LedgerLine, LedgerOutcome, LedgerSubject, Release, RunId, Trigger, WaitingNodes,
    wait_reasons,
};
use tokio::sync::Mutex;

use crate::{
    args::WhyArgs,
    ledger::{self, Past, StateError},
    stack::{Stack, StackError},
    terminal::{Terminal, count},
    text::printable,
};

/// How far back the ledger is read: objects of it, each with the events of one batch. One takes some 20 ms to read.
const FURTHEST: usize = 2_000;

/// An explanation that cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Board, ledger and results.
    #[error(transparent)]
    State(#[from] StateError),
    /// S3.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// The words mean nothing that there is.
    #[error("{what} is neither an object (s3://bucket/key), nor a run, nor a node of the release in place{hint}")]
    Unknown {
        /// The words.
        what: String,
        /// What was meant, perhaps.
        hint: String,
    },
}

/// What an explanation is made from.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) state: Store,
    pub(crate) board: Board,
    pub(crate) release: Option<Release>,
    pub(crate) wait_reasons: Vec<WaitingNodes>,
    pub(crate) landing: String,
    /// Where a task's own output lies.
    pub(crate) logs: Logs,
    past: Mutex<Past>,
}

/// Where a task's own output lies.
#[derive(Debug)]
pub(crate) enum Logs {
    /// In the folder of the local stack.
    Here(PathBuf),
    /// In a log group of `CloudWatch`.
    Group(String),
}

/// Explains.
pub async fn run(terminal: &Terminal, args: &WhyArgs) -> Result<(), WhyError> {
    let stack = Stack::open(&args.stack).await?;
    terminal.say(explain(&stack, &args.what).await?);
    Ok(())
}

/// The explanation, as `landfall why` prints it.
pub async fn explain(stack: &Stack, what: &str) -> Result<String, WhyError> {
    explain_from(stack, what, FURTHEST).await
}

/// The same, from at most so many objects of the ledger.
pub async fn explain_from(stack: &Stack, what: &str, furthest: usize) -> Result<String, WhyError> {
    let state = stack.state()?;
    let (board, release) = ledger::snapshot(&state).await?;
    let logs = match &stack.local {
        Some(local) => Logs::Here(local.folder.clone()),
        None => Logs::Group(stack.output("TaskLogGroup")?.to_owned()),
    };
    let past = Mutex::new(Past::new(state.clone(), &board, furthest));
    let landing = stack.output("LandingBucket")?.to_owned();
    let wait_reasons = release.as_ref().map(|release| wait_reasons(&board, release, clock::now())).unwrap_or_default();
    let evidence = Evidence { state, board, release, wait_reasons, landing, logs, past };
    let mut text = answer(stack, &evidence, what).await?;
    if let Some(cut) = evidence.past.into_inner().cut() {
        let _ = write!(text, "\n\n{cut}");
    }
    Ok(text)
}

async fn answer(stack: &Stack, evidence: &Evidence, what: &str) -> Result<String, WhyError> {
    if let Some(rest) = what.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        return object::explain(stack, evidence, bucket, key).await;
    }
    if let Ok(id) = RunId::parse(what)
        && let Some(words) = run::explain(evidence, &id).await?
    {
        return Ok(words);
    }
    model::explain(evidence, what).await
}

/// Every committed line that the filter takes, newest first, until it says that it has enough.
pub(crate) async fn search(
    evidence: &Evidence,
    mut take: impl FnMut(&LedgerLine) -> bool,
    enough: impl Fn(&[LedgerLine]) -> bool,
) -> Result<Vec<LedgerLine>, WhyError> {
    let mut past = evidence.past.lock().await;
    let mut found = Vec::new();
    for back in 0.. {
        let Some(object) = past.object(back).await? else { break };
        found.extend(object.lines.iter().rev().filter(|line| take(line)).cloned());
        if enough(&found) {
            break;
        }
    }
    Ok(found)
}

/// The lines of the runs that planned this load of the dataset, oldest first.
pub(crate) async fn runs_of(
    evidence: &Evidence,
    dataset: &DatasetName,
    generation: u64,
) -> Result<Vec<LedgerLine>, WhyError> {
    let completed = |line: &LedgerLine| match &line.about {
        LedgerSubject::Run { triggers, .. } => {
            triggers.iter().any(|c| c.trigger == Trigger::Load(dataset.clone()) && c.generation == generation)
        }
        _ => false,
    };
    // Loads are numbered: the first object of this one is where its story begins.
    let began = std::cell::Cell::new(false);
    let mut lines = search(
        evidence,
        |line| {
            let older = matches!(&line.about, LedgerSubject::Object { dataset: Some(d), generation: Some(g), .. } if d == dataset && *g < generation);
            began.set(began.get() || older);
            completed(line)
        },
        |_| began.get(),
    )
    .await?;
    lines.reverse();
    Ok(lines)
}

/// Where a backlog entry stands, and what will happen to it next; of those nodes that `concerns` takes.
pub fn entry_in_words(
    wait_reasons: &[WaitingNodes],
    trigger: &Trigger,
    entry: &BacklogEntry,
    concerns: impl Fn(&WaitingNodes) -> bool,
) -> Vec<String> {
    let parts: Vec<String> = wait_reasons
        .iter()
        .filter(|waiting| waiting.trigger == *trigger && concerns(waiting))
        .map(|waiting| {
            let why = printable(&waiting.why.to_string());
            format!("{}: {why}", count(waiting.nodes.len(), "node", "nodes"))
        })
        .collect();
    // Without its release the board's numbers have no names.
    if parts.is_empty() { vec![count(entry.nodes.len(), "node", "nodes")] } else { parts }
}

/// Whether a line tells how a run ended.
pub(crate) fn is_end(line: &LedgerLine) -> bool {
    matches!(line.about, LedgerSubject::Run { .. })
        && matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed)
}
