//! `landfall load`.

use landfall_planner::DatasetName;
use serde_json::json;

use super::CommandError;
use crate::{args::LoadArgs, stack::Stack, terminal::Terminal};

pub(super) async fn run(terminal: &Terminal, args: &LoadArgs) -> Result<(), CommandError> {
    let dataset = DatasetName::parse(args.dataset.as_str())?;
    let stack = Stack::open(&args.stack).await?;
    // Named, so that another stack of the account does not take it for its own.
    let detail = json!({ "dataset": dataset, "batch_id": args.batch_id, "stack": stack.name });
    stack.clients().bus().put("Dataset Loaded", &detail).await?;
    terminal.say(format!("told {} that {dataset} is loaded; `landfall status` shows what follows", stack.name));
    Ok(())
}
