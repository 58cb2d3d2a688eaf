//! `landfall load`: the event `Dataset Loaded`, and its line of the ledger.

use std::time::{Duration, Instant};

use landfall_aws::Store;
use landfall_planner::{DatasetName, LedgerLine, LedgerOutcome};
use serde_json::json;

use super::CommandError;
use crate::{
    args::LoadArgs,
    describe::ledger_line,
    ledger::{self, Chain, StateError},
    stack::Stack,
    terminal::Terminal,
    text::{printable, seconds},
};

/// The time limit of the wait. The batch window takes a minute at most, and a batch that failed is delivered again after
/// seven.
const TIME_LIMIT: Duration = Duration::from_mins(3);
const INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn run(terminal: &Terminal, args: &LoadArgs) -> Result<(), CommandError> {
    let dataset = DatasetName::parse(args.dataset.as_str())?;
    let stack = Stack::open(&args.stack).await?;
    let state = stack.state()?;
    // What is in the ledger before the event is sent is not its line.
    let before = if args.no_wait { None } else { ledger::board(&state).await?.ledger };
    // With the name of the stack, other stacks of the account ignore the event.
    let detail = json!({ "dataset": dataset, "batch_id": args.batch_id, "stack": stack.name });
    let event = stack.clients().bus().put("Dataset Loaded", &detail).await?;
    terminal.print(format!("Sent `Dataset Loaded` for {dataset} to stack {}.", stack.name));
    let Some(event) = event.filter(|_| !args.no_wait) else {
        terminal.print("`landfall status` shows the result.");
        return Ok(());
    };
    let began = Instant::now();
    while began.elapsed() < TIME_LIMIT {
        if let Some(line) = line_of(&state, &event, before.as_deref()).await? {
            if line.outcome == LedgerOutcome::Unmapped {
                return Err(CommandError::NoLoad(printable(&line.detail)));
            }
            let (keyword, text) = ledger_line(&line, None, "");
            terminal.print(format!("{keyword:<9} {text}"));
            terminal.print("`landfall status` shows the run.");
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Err(CommandError::NotRecorded { event, waited: seconds(TIME_LIMIT) })
}

/// Finds the event's line in the ledger, among the objects that are newer than `before`.
async fn line_of(state: &Store, event: &str, before: Option<&str>) -> Result<Option<LedgerLine>, StateError> {
    let board = ledger::board(state).await?;
    let mut chain = Chain::new(state, &board);
    while chain.position().is_some_and(|key| Some(key) != before) {
        let Some(object) = chain.next().await? else { break };
        if let Some(line) = object.lines.into_iter().find(|line| line.event == event) {
            return Ok(Some(line));
        }
    }
    Ok(None)
}
