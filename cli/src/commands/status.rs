//! `landfall status`: the datasets, the backlog, live runs and the docs of a stack.

use std::fmt::Write as _;

use landfall_aws::clock;
use landfall_planner::{AttemptState, BacklogEntry, Release, Run, RunId, Trigger, WaitingNodes, wait_reasons};

use super::CommandError;
use crate::{
    activity::ActivityError,
    args::StatusArgs,
    describe::{describe_generation, describe_nodes},
    docs_server,
    ledger::{self, StateError},
    release::describe_schedules,
    stack::Stack,
    terminal::Terminal,
    text::{count, list, node_name, printable},
    why::describe_entry,
};

pub(super) async fn run(terminal: &Terminal, args: &StatusArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let state = stack.state()?;
    let (board, release) = match ledger::snapshot(&state).await {
        Ok(snapshot) => snapshot,
        // A new stack and a deleted board look the same, so the text names the next step of both.
        Err(StateError::NoBoard(address)) => {
            terminal.print(not_released_yet(&stack.name, &address));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    terminal.print(format!(
        "stack {}, release {}, board {} of {}",
        stack.name,
        board.release.as_ref().map_or("none yet", |release| release.as_str()),
        board.seq,
        board.now
    ));
    if board.paused_all {
        terminal.print("PAUSED: no new run starts before `landfall resume`");
    }
    if let Some(limit) = &board.limit_reached {
        let runs = count(usize::try_from(limit.runs).unwrap_or(usize::MAX), "run", "runs");
        terminal.print(format!(
            "LIMIT: {runs} were planned in a day (limits.runs_per_day in landfall.yml); no new run starts before {}",
            limit.until
        ));
    }
    if let Some(dead) = &board.dead_letters {
        terminal.print(format!(
            "DEAD LETTERS since {}: {} of loads, {} of functions; `landfall doctor` says what to do with them",
            dead.since, dead.loads, dead.functions
        ));
    }
    if !board.schedules.agree() {
        terminal.print(format!("SCHEDULES: {}", describe_schedules(&board.schedules)));
    }
    if board.release.is_none() {
        terminal.print(next_steps(&stack.name));
    }
    if let Some(release) = &release {
        terminal.heading("Datasets");
        for (name, dataset) in &release.compiled.datasets {
            let place = match dataset.locations.as_slice() {
                [] => "no location, loaded by the event `Dataset Loaded`".to_owned(),
                places => list(&places.iter().map(ToString::to_string).collect::<Vec<_>>(), 3),
            };
            let memory = board.datasets.get(name);
            let loaded = match memory {
                Some(memory) if memory.loaded => {
                    let last = memory.last_run.map(|at| format!(", last run planned {at}")).unwrap_or_default();
                    match usize::try_from(memory.generation).unwrap_or(usize::MAX) {
                        0 => format!("built before its first load{last}"),
                        loads => format!("loaded {}{last}", count(loads, "time", "times")),
                    }
                }
                _ => "never loaded".to_owned(),
            };
            let paused = if memory.is_some_and(|memory| memory.paused) { "PAUSED; " } else { "" };
            terminal.print(format!(
                "  {name}: {paused}{place}; {loaded}; a load runs {}",
                count(dataset.nodes.len(), "node", "nodes")
            ));
        }
    }
    for note in release.iter().flat_map(|release| &release.compiled.notes) {
        terminal.print(format!("  note: {}", printable(note)));
    }
    terminal.heading("Pending");
    if board.backlog.is_empty() {
        terminal.print("  nothing");
    }
    let waiting = release.as_ref().map(|release| wait_reasons(&board, release, clock::now())).unwrap_or_default();
    for (trigger, entry) in &board.backlog {
        terminal.print(describe_backlog_entry(trigger, entry, &waiting, release.as_ref()));
    }
    terminal.heading("Live runs");
    if board.runs.is_empty() {
        terminal.print("  none");
    }
    for (id, run) in &board.runs {
        terminal.print(describe_live_run(id, run, release.as_ref()));
    }
    terminal.heading("Docs");
    let pointer = docs_server::pointer(&stack.docs()?).await.map_err(ActivityError::Docs)?;
    let published = pointer.map_or("none published yet".to_owned(), |pointer| {
        let address = stack.local.as_ref().and_then(|local| local.docs.clone());
        let place = address.unwrap_or_else(|| "run `landfall docs` to see it".to_owned());
        format!("version {}: {place}", pointer.version)
    });
    let unpublished = match board.docs.pending.len() {
        0 => String::new(),
        behind => format!("; the docs of {} are not published yet", count(behind, "run", "runs")),
    };
    terminal.print(format!("  {published}{unpublished}"));
    Ok(())
}

fn not_released_yet(stack: &str, board: &str) -> String {
    format!(
        "Stack {stack} is deployed, and nothing was released to it yet.\n{}\nIf the stack ran before, its board {board} was deleted. Run `landfall recover` to restore it.",
        next_steps(stack)
    )
}

/// The steps from a deployed stack to the first run.
fn next_steps(stack: &str) -> String {
    format!(
        "\nNext steps:\n  1. Build the image of your dbt project (see container/Dockerfile) and push it to your registry.\n  2. Run `landfall release --project DIR --target NAME --stack {stack} --image REPOSITORY@sha256:...`.\n  3. Run `landfall doctor --stack {stack}`.\nThen a file that lands starts a run."
    )
}

fn describe_backlog_entry(
    trigger: &Trigger,
    entry: &BacklogEntry,
    waiting: &[WaitingNodes],
    release: Option<&Release>,
) -> String {
    let parts = describe_entry(waiting, trigger, entry, |_| true);
    let mut text = format!("  {}: {}", describe_generation(trigger, entry.generation), parts.join("\n    "));
    if let Some(release) = release {
        let ids = release.ids(&entry.nodes);
        let models: Vec<&str> =
            ids.iter().filter(|id| id.as_str().starts_with("model.")).map(|id| node_name(id.as_str())).collect();
        let _ = write!(text, "\n    {}: {}", describe_nodes(&ids.iter().collect::<Vec<_>>()), list(&models, 8));
    }
    text
}

fn describe_live_run(id: &RunId, run: &Run, release: Option<&Release>) -> String {
    let at = match &run.attempt.state {
        AttemptState::Starting { .. } => "is starting",
        AttemptState::Running { .. } => "is running",
        AttemptState::Revoking { .. } => "is being revoked",
    };
    let triggers: Vec<String> = run.triggers.iter().map(|trigger| trigger.trigger.to_string()).collect();
    let nodes = release.map_or_else(
        || count(run.nodes.len(), "node", "nodes"),
        |release| describe_nodes(&release.ids(&run.nodes).iter().collect::<Vec<_>>()),
    );
    let mut text = format!(
        "  {id}: attempt {} {at}, since {}; {nodes}, for {}",
        run.attempt.number,
        run.attempt.since,
        triggers.join(", ")
    );
    for problem in &run.attempt.problems {
        let _ = write!(text, "\n    earlier attempt: {}", printable(problem));
    }
    text
}
