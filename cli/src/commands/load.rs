//! `landfall load`: the event `Dataset Loaded`.

use landfall_planner::DatasetName;
use serde_json::json;

use super::CommandError;
use crate::{args::LoadArgs, stack::Stack, terminal::Terminal};

pub(super) async fn run(terminal: &Terminal, args: &LoadArgs) -> Result<(), CommandError> {
    let dataset = DatasetName::parse(args.dataset.as_str())?;
    let stack = Stack::open(&args.stack).await?;
    // With the name of the stack, other stacks of the account ignore the event.
    let detail = json!({ "dataset": dataset, "batch_id": args.batch_id, "stack": stack.name });
    stack.clients().bus().put("Dataset Loaded", &detail).await?;
    terminal.print(format!(
        "Sent `Dataset Loaded` for {dataset} to stack {}. `landfall status` shows the result.",
        stack.name
    ));
    Ok(())
}
