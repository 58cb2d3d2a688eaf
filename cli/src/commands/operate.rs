//! `landfall pause`, `landfall resume`, `landfall retry`: an operator command, sent as the event `Operator Command`. The stack follows it when it reads
//! it, in its turn among the loads.

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

pub(super) async fn pause(terminal: &Terminal, args: &PauseArgs, on: bool) -> Result<(), CommandError> {
    let dataset = args.dataset.as_deref().map(DatasetName::parse).transpose()?;
    let stack = Stack::open(&args.stack).await?;
    let what = dataset.as_ref().map_or_else(|| "everything".to_owned(), ToString::to_string);
    let (action, word) =
        if on { (OperatorAction::Pause { dataset }, "pause") } else { (OperatorAction::Resume { dataset }, "resume") };
    send(&stack, &action).await?;
    terminal.say(format!("asked {} to {word} {what}; `landfall status` shows what it does", stack.name));
    Ok(())
}

pub(super) async fn retry(terminal: &Terminal, args: &RetryArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let asks = match (&args.what, args.approve) {
        (_, true) => vec![OperatorAction::Approve],
        (None, false) => vec![OperatorAction::Retry { trigger: None }],
        (Some(what), false) => {
            let state = stack.state()?;
            let (board, release) = ledger::snapshot(&state).await?;
            let triggers = meant(what, &board, release.as_ref());
            if triggers.is_empty() {
                return Err(CommandError::NothingStuck(printable(what)));
            }
            triggers.into_iter().map(|trigger| OperatorAction::Retry { trigger: Some(trigger) }).collect()
        }
    };
    for action in &asks {
        send(&stack, action).await?;
        let what = match action {
            OperatorAction::Approve => "let the release run".to_owned(),
            OperatorAction::Retry { trigger: Some(trigger) } => format!("try again what failed for {trigger}"),
            _ => "try again what failed".to_owned(),
        };
        terminal.say(format!("asked {} to {what}; `landfall status` shows what follows", stack.name));
    }
    Ok(())
}

/// The triggers that an operator means: one by its name, or those for which a node of that name did not get done.
fn meant(what: &str, board: &Board, release: Option<&Release>) -> BTreeSet<Trigger> {
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

async fn send(stack: &Stack, action: &OperatorAction) -> Result<(), CommandError> {
    let mut detail = json!(action);
    if let Some(fields) = detail.as_object_mut() {
        // Named, so that another stack of the account does not take it for its own.
        fields.insert("stack".to_owned(), stack.name.as_str().into());
    }
    stack.clients().bus().put("Operator Command", &detail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use landfall_planner::{BacklogEntry, OrdinalSet, Quarantine};

    use super::*;

    #[test]
    fn a_trigger_is_meant_by_its_own_name_or_its_datasets() {
        let mut board = Board::new("2026-11-22T10:00:00Z".parse().unwrap());
        let trigger: Trigger = "load:shop.orders".parse().unwrap();
        let quarantine =
            Quarantine { run: None, reason: "it failed".to_owned(), nodes: OrdinalSet::new(), approval: false };
        let entry = BacklogEntry::new(1, board.now, OrdinalSet::new(), "a word".to_owned());
        board.backlog.insert(trigger.clone(), BacklogEntry { quarantine: Some(quarantine), ..entry.clone() });
        board.backlog.insert(Trigger::Release, entry);
        for what in ["shop.orders", "load:shop.orders"] {
            assert_eq!(meant(what, &board, None), BTreeSet::from([trigger.clone()]), "{what}");
        }
        assert!(meant("release", &board, None).is_empty(), "nothing of it failed");
    }
}
