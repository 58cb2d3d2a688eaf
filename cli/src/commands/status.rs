//! `landfall status`.

use std::fmt::Write as _;

use landfall_aws::clock;
use landfall_planner::{AttemptState, BacklogEntry, Release, Run, RunId, Trigger, WaitingNodes, wait_reasons};

use super::CommandError;
use crate::{
    args::StatusArgs,
    docs_server,
    ledger::{self, StateError},
    stack::Stack,
    story::nodes_in_words,
    terminal::{Terminal, count},
    text::{list, node_name, printable},
    why::entry_in_words,
};

pub(super) async fn run(terminal: &Terminal, args: &StatusArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let state = stack.state()?;
    let (board, release) = match ledger::snapshot(&state).await {
        Ok(snapshot) => snapshot,
        // A stack that was only deployed; a lost board looks the same, and the way out is another.
        Err(StateError::NoBoard(address)) => {
            terminal.say(not_released_yet(&stack.name, &address));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    terminal.say(format!(
        "stack {}, release {}, board {} of {}",
        stack.name,
        board.release.as_ref().map_or("none yet", |release| release.as_str()),
        board.seq,
        board.now
    ));
    if board.paused_all {
        terminal.say("everything is paused: nothing new runs before `landfall resume`");
    }
    if let Some(limit) = &board.limit_reached {
        let runs = count(usize::try_from(limit.runs).unwrap_or(usize::MAX), "run", "runs");
        terminal.say(format!(
            "LIMIT: {runs} were planned in a day (limits.runs_per_day); nothing new runs before {}",
            limit.until
        ));
    }
    if let Some(dead) = &board.dead_letters {
        terminal.say(format!(
            "DEAD LETTERS since {}: {} of loads, {} of functions; the stack's outputs name the queues",
            dead.since, dead.loads, dead.functions
        ));
    }
    if board.release.is_none() {
        terminal.say(next_steps(&stack.name));
    }
    if let Some(release) = &release {
        terminal.heading("Datasets");
        for (name, dataset) in &release.compiled.datasets {
            let place = match dataset.locations.as_slice() {
                [] => "announced by `Dataset Loaded` alone".to_owned(),
                places => list(&places.iter().map(ToString::to_string).collect::<Vec<_>>(), 3),
            };
            let memory = board.datasets.get(name);
            let loaded = match memory {
                Some(memory) if memory.loaded => {
                    let last = memory.last_run.map(|at| format!(", last run planned {at}")).unwrap_or_default();
                    match usize::try_from(memory.generation).unwrap_or(usize::MAX) {
                        0 => format!("there before its first load here{last}"),
                        loads => format!("loaded {}{last}", count(loads, "time", "times")),
                    }
                }
                _ => "never loaded".to_owned(),
            };
            let paused = if memory.is_some_and(|memory| memory.paused) { "PAUSED; " } else { "" };
            terminal.say(format!(
                "  {name}: {paused}{place}; {loaded}; a load runs {}",
                count(dataset.nodes.len(), "node", "nodes")
            ));
        }
    }
    terminal.heading("Pending");
    if board.backlog.is_empty() {
        terminal.say("  nothing");
    }
    let wait_reasons = release.as_ref().map(|release| wait_reasons(&board, release, clock::now())).unwrap_or_default();
    for (trigger, entry) in &board.backlog {
        terminal.say(backlog(trigger, entry, &wait_reasons, release.as_ref()));
    }
    terminal.heading("Live runs");
    if board.runs.is_empty() {
        terminal.say("  none");
    }
    for (id, run) in &board.runs {
        terminal.say(live(id, run, release.as_ref()));
    }
    terminal.heading("Docs");
    let pointer = docs_server::pointer(&stack.docs()?).await.map_err(crate::story::StoryError::Docs)?;
    let published = pointer.map_or("none published yet".to_owned(), |pointer| {
        let address = stack.local.as_ref().and_then(|local| local.docs.clone());
        let place = address.unwrap_or_else(|| "`landfall docs` shows them".to_owned());
        format!("version {}: {place}", pointer.version)
    });
    let behind = match board.docs.pending.len() {
        0 => String::new(),
        behind => format!("; {} not published yet", count(behind, "run is", "runs are")),
    };
    terminal.say(format!("  {published}{behind}"));
    Ok(())
}

fn not_released_yet(stack: &str, board: &str) -> String {
    format!(
        "stack {stack} is deployed, and nothing was released to it yet\n{}\nIf it did run before, its board {board} is lost: `landfall recover` restores it",
        next_steps(stack)
    )
}

/// From a deployed stack to the first run.
fn next_steps(stack: &str) -> String {
    format!(
        "\nNext:\n  1. build the image of your dbt project (container/Dockerfile says how), and push it to a registry of yours\n  2. landfall release --project DIR --target NAME --stack {stack} --image REPOSITORY@sha256:...\n  3. landfall doctor --stack {stack}\nThen a file that lands starts a run."
    )
}

fn backlog(
    trigger: &Trigger,
    entry: &BacklogEntry,
    wait_reasons: &[WaitingNodes],
    release: Option<&Release>,
) -> String {
    let parts = entry_in_words(wait_reasons, trigger, entry, |_| true);
    let mut text = format!("  {trigger}, load {}: {}", entry.generation, parts.join("\n    "));
    if let Some(release) = release {
        let ids = release.ids(&entry.nodes);
        let models: Vec<&str> =
            ids.iter().filter(|id| id.as_str().starts_with("model.")).map(|id| node_name(id.as_str())).collect();
        let _ = write!(text, "\n    {}: {}", nodes_in_words(&ids.iter().collect::<Vec<_>>()), list(&models, 8));
    }
    text
}

fn live(id: &RunId, run: &Run, release: Option<&Release>) -> String {
    let at = match run.attempt.state {
        AttemptState::Starting => "is being started",
        AttemptState::Running => "runs",
        AttemptState::Revoking => "is being given up",
    };
    let triggers: Vec<String> = run.triggers.iter().map(|trigger| trigger.trigger.to_string()).collect();
    let nodes = release.map_or_else(
        || count(run.nodes.len(), "node", "nodes"),
        |release| nodes_in_words(&release.ids(&run.nodes).iter().collect::<Vec<_>>()),
    );
    let mut text = format!(
        "  {id}: attempt {} {at}, since {}; {nodes}, for {}",
        run.attempt.number,
        run.attempt.since,
        triggers.join(", ")
    );
    for before in &run.attempt.before {
        let _ = write!(text, "\n    before: {}", printable(before));
    }
    text
}
