//! `landfall why`: what happened to an object, a model or a run, from the ledger, the board and the results of the
//! runs.

mod model;
mod object;
mod run;

use std::{fmt::Write as _, path::PathBuf};

use landfall_aws::{Store, clock};
use landfall_planner::{
    BacklogEntry, Board, DatasetName, LedgerLine, LedgerOutcome, LedgerSubject, ObjectAddress, Release, RunId, Trigger,
    WaitingNodes, wait_reasons,
};
use tokio::sync::Mutex;

use crate::{
    args::WhyArgs,
    ledger::{self, LedgerHistory, StateError},
    stack::{Stack, StackError},
    terminal::Terminal,
    text::{count, printable},
};

/// The number of ledger objects that are read at most. Each holds the events of one batch and takes about 20 ms to
/// read.
const LEDGER_LIMIT: usize = 2_000;

/// Errors of giving an explanation.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The stack cannot be reached.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The board, the ledger or a result cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A request to S3 failed.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// The argument names nothing that exists.
    #[error("{what} is no object (s3://bucket/key), no run, and no node of the release in place{hint}")]
    Unknown {
        /// The argument of the command.
        what: String,
        /// The next step, or names that are similar.
        hint: String,
    },
}

/// The state of a stack, from which every explanation is made.
#[derive(Debug)]
pub(crate) struct StackView {
    pub(crate) state: Store,
    pub(crate) board: Board,
    pub(crate) release: Option<Release>,
    pub(crate) waiting: Vec<WaitingNodes>,
    pub(crate) landing_bucket: String,
    /// The place of the tasks' output.
    pub(crate) logs: TaskLogs,
    ledger: Mutex<LedgerHistory>,
}

/// The place of the tasks' output.
#[derive(Debug)]
pub(crate) enum TaskLogs {
    /// The folder of the local stack.
    Folder(PathBuf),
    /// A log group of `CloudWatch`.
    Group(String),
}

/// Runs `landfall why`.
///
/// # Errors
///
/// The argument names nothing that exists, or the state of the stack cannot be read.
pub async fn run(terminal: &Terminal, args: &WhyArgs) -> Result<(), WhyError> {
    let stack = Stack::open(&args.stack).await?;
    terminal.print(explain(&stack, &args.what).await?);
    Ok(())
}

/// Returns the explanation that `landfall why` prints.
///
/// # Errors
///
/// Fails as [`run()`] does.
pub async fn explain(stack: &Stack, what: &str) -> Result<String, WhyError> {
    explain_from(stack, what, LEDGER_LIMIT).await
}

/// Returns the explanation from at most `ledger_limit` objects of the ledger.
///
/// # Errors
///
/// Fails as [`run()`] does.
pub async fn explain_from(stack: &Stack, what: &str, ledger_limit: usize) -> Result<String, WhyError> {
    let state = stack.state()?;
    let (board, release) = ledger::snapshot(&state).await?;
    let logs = match &stack.local {
        Some(local) => TaskLogs::Folder(local.folder.clone()),
        None => TaskLogs::Group(stack.output("TaskLogGroup")?.to_owned()),
    };
    let ledger = Mutex::new(LedgerHistory::new(state.clone(), &board, ledger_limit));
    let landing_bucket = stack.output("LandingBucket")?.to_owned();
    let waiting = release.as_ref().map(|release| wait_reasons(&board, release, clock::now())).unwrap_or_default();
    let view = StackView { state, board, release, waiting, landing_bucket, logs, ledger };
    let mut text = answer(stack, &view, what).await?;
    if let Some(note) = view.ledger.into_inner().limit_note() {
        let _ = write!(text, "\n\n{note}");
    }
    Ok(text)
}

async fn answer(stack: &Stack, view: &StackView, what: &str) -> Result<String, WhyError> {
    if let Some(rest) = what.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        return object::explain(stack, view, ObjectAddress { bucket, key }).await;
    }
    if let Ok(id) = RunId::parse(what)
        && let Some(explanation) = run::explain(view, &id).await?
    {
        return Ok(explanation);
    }
    model::explain(view, what).await
}

/// Returns the committed ledger lines that `take` accepts, newest first, until `enough` is true.
pub(crate) async fn search(
    view: &StackView,
    mut take: impl FnMut(&LedgerLine) -> bool,
    enough: impl Fn(&[LedgerLine]) -> bool,
) -> Result<Vec<LedgerLine>, WhyError> {
    let mut ledger = view.ledger.lock().await;
    let mut found = Vec::new();
    for back in 0.. {
        let Some(object) = ledger.object(back).await? else { break };
        found.extend(object.lines.iter().rev().filter(|line| take(line)).cloned());
        if enough(&found) {
            break;
        }
    }
    Ok(found)
}

/// Returns the ledger lines of the runs for this load of the dataset, oldest first.
pub(crate) async fn runs_of(
    view: &StackView,
    dataset: &DatasetName,
    generation: u64,
) -> Result<Vec<LedgerLine>, WhyError> {
    let is_run_of_load = |line: &LedgerLine| match &line.about {
        LedgerSubject::Run { triggers, .. } => {
            triggers.iter().any(|c| c.trigger == Trigger::Load(dataset.clone()) && c.generation == generation)
        }
        _ => false,
    };
    // Loads are numbered, so an object of an older load ends the search.
    let reached_older_load = std::cell::Cell::new(false);
    let mut lines = search(
        view,
        |line| {
            let is_older = line.about.generation_of(dataset).is_some_and(|older| older < generation);
            reached_older_load.set(reached_older_load.get() || is_older);
            is_run_of_load(line)
        },
        |_| reached_older_load.get(),
    )
    .await?;
    lines.reverse();
    Ok(lines)
}

/// Describes why the nodes of a backlog entry wait, for those groups of nodes that `concerns` accepts.
pub fn describe_entry(
    waiting: &[WaitingNodes],
    trigger: &Trigger,
    entry: &BacklogEntry,
    concerns: impl Fn(&WaitingNodes) -> bool,
) -> Vec<String> {
    let parts: Vec<String> = waiting
        .iter()
        .filter(|group| group.trigger == *trigger && concerns(group))
        .map(|group| {
            let reason = printable(&group.why.to_string());
            format!("{}: {reason}", count(group.nodes.len(), "node", "nodes"))
        })
        .collect();
    // Without the release in place the planner cannot group the nodes.
    if parts.is_empty() { vec![count(entry.nodes.len(), "node", "nodes")] } else { parts }
}

/// Whether the line is the end of a run.
pub(crate) fn is_run_end(line: &LedgerLine) -> bool {
    matches!(line.about, LedgerSubject::Run { .. })
        && matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed)
}
