//! `landfall pause`, `landfall resume` and `landfall retry`: operator commands, sent as the event `Operator Command`.
//! The stack reads them in order with the loads.

use std::collections::BTreeSet;

use landfall_planner::{Board, DatasetName, OperatorAction, Release, Trigger};
use serde_json::json;

use super::CommandError;
use crate::{
    args::{PauseArgs, RetryArgs},
    ledger,
    stack::Stack,
    terminal::Terminal,
    text::{node_name, printable},
};

pub(super) async fn pause(terminal: &Terminal, args: &PauseArgs) -> Result<(), CommandError> {
    let dataset = args.dataset.as_deref().map(DatasetName::parse).transpose()?;
    let text = format!("pause {}", dataset_or_everything(dataset.as_ref()));
    let stack = Stack::open(&args.stack).await?;
    send(terminal, &stack, &OperatorAction::Pause { dataset }, &text).await
}

pub(super) async fn resume(terminal: &Terminal, args: &PauseArgs) -> Result<(), CommandError> {
    let dataset = args.dataset.as_deref().map(DatasetName::parse).transpose()?;
    let text = format!("resume {}", dataset_or_everything(dataset.as_ref()));
    let stack = Stack::open(&args.stack).await?;
    send(terminal, &stack, &OperatorAction::Resume { dataset }, &text).await
}

fn dataset_or_everything(dataset: Option<&DatasetName>) -> String {
    dataset.map_or_else(|| "everything".to_owned(), ToString::to_string)
}

pub(super) async fn retry(terminal: &Terminal, args: &RetryArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let actions = match (&args.what, args.approve) {
        (_, true) => vec![OperatorAction::Approve],
        (None, false) => vec![OperatorAction::Retry { trigger: None }],
        (Some(what), false) => {
            let state = stack.state()?;
            let (board, release) = ledger::snapshot(&state).await?;
            let triggers = matching_triggers(what, &board, release.as_ref());
            if triggers.is_empty() {
                return Err(CommandError::NothingToRetry(printable(what)));
            }
            triggers.into_iter().map(|trigger| OperatorAction::Retry { trigger: Some(trigger) }).collect()
        }
    };
    for action in &actions {
        let text = match action {
            OperatorAction::Approve => "approve the release".to_owned(),
            OperatorAction::Retry { trigger: Some(trigger) } => format!("retry what failed for {trigger}"),
            _ => "retry everything that failed".to_owned(),
        };
        send(terminal, &stack, action, &text).await?;
    }
    Ok(())
}

/// The triggers with nodes in quarantine that `what` names: a trigger, its dataset, or one of the nodes.
fn matching_triggers(what: &str, board: &Board, release: Option<&Release>) -> BTreeSet<Trigger> {
    let quarantine = board.backlog.iter().filter_map(|(trigger, entry)| Some((trigger, entry.quarantine.as_ref()?)));
    let named = |trigger: &Trigger| match trigger {
        Trigger::Load(name) => name.as_str() == what || trigger.to_string() == what,
        other => other.to_string() == what,
    };
    let mut found = BTreeSet::new();
    for (trigger, quarantine) in quarantine {
        let is_node = |ordinal: u32| {
            let id = release.and_then(|release| release.id_of(ordinal));
            id.is_some_and(|id| id.as_str() == what || node_name(id.as_str()) == what)
        };
        if named(trigger) || quarantine.nodes.iter().any(is_node) {
            found.insert(trigger.clone());
        }
    }
    found
}

async fn send(terminal: &Terminal, stack: &Stack, action: &OperatorAction, text: &str) -> Result<(), CommandError> {
    let mut detail = json!(action);
    if let Some(fields) = detail.as_object_mut() {
        // With the name of the stack, other stacks of the account ignore the event.
        fields.insert("stack".to_owned(), stack.name.as_str().into());
    }
    stack.clients().bus().put("Operator Command", &detail).await?;
    terminal.print(format!("Sent the command to {text} to stack {}. `landfall status` shows the result.", stack.name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use landfall_planner::{BacklogEntry, OrdinalSet, Quarantine};

    use super::*;

    #[test]
    fn a_trigger_is_named_by_itself_or_by_its_dataset() {
        let mut board = Board::new("2026-11-22T10:00:00Z".parse().unwrap());
        let trigger: Trigger = "load:shop.orders".parse().unwrap();
        let quarantine =
            Quarantine { run: None, reason: "it failed".to_owned(), nodes: OrdinalSet::new(), approval: false };
        let entry = BacklogEntry::new(1, board.now, OrdinalSet::new(), "1 object".to_owned());
        board.backlog.insert(trigger.clone(), BacklogEntry { quarantine: Some(quarantine), ..entry.clone() });
        board.backlog.insert(Trigger::Release, entry);
        for what in ["shop.orders", "load:shop.orders"] {
            assert_eq!(matching_triggers(what, &board, None), BTreeSet::from([trigger.clone()]), "{what}");
        }
        assert!(matching_triggers("release", &board, None).is_empty(), "the release has nothing in quarantine");
    }
}
