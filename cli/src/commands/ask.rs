//! `landfall pause`, `landfall resume`, `landfall retry`: a person's word, sent as the event `Landfall Asked`. The stack follows it when it reads
//! it, in its turn among the loads.

use std::collections::BTreeSet;

use landfall_pipeline::{Ask, Board, Cause, DatasetName, Release};
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
    let (ask, word) = if on { (Ask::Pause { dataset }, "pause") } else { (Ask::Resume { dataset }, "resume") };
    send(&stack, &ask).await?;
    terminal.say(format!("asked {} to {word} {what}; `landfall status` shows what it does", stack.name));
    Ok(())
}

pub(super) async fn retry(terminal: &Terminal, args: &RetryArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let asks = match (&args.what, args.approve) {
        (_, true) => vec![Ask::Approve],
        (None, false) => vec![Ask::Retry { cause: None }],
        (Some(what), false) => {
            let state = stack.state()?;
            let (board, release) = ledger::standing(&state).await?;
            let causes = meant(what, &board, release.as_ref());
            if causes.is_empty() {
                return Err(CommandError::NothingStuck(printable(what)));
            }
            causes.into_iter().map(|cause| Ask::Retry { cause: Some(cause) }).collect()
        }
    };
    for ask in &asks {
        send(&stack, ask).await?;
        let what = match ask {
            Ask::Approve => "let the release run".to_owned(),
            Ask::Retry { cause: Some(cause) } => format!("try again what failed for {cause}"),
            _ => "try again what failed".to_owned(),
        };
        terminal.say(format!("asked {} to {what}; `landfall status` shows what follows", stack.name));
    }
    Ok(())
}

/// The causes that a person means: one by its name, or those for which a node of that name did not get done.
fn meant(what: &str, board: &Board, release: Option<&Release>) -> BTreeSet<Cause> {
    let stuck = board.owed.iter().filter_map(|(cause, debt)| Some((cause, debt.stuck.as_ref()?)));
    let named = |cause: &Cause| match cause {
        Cause::Load(name) => name.as_str() == what || cause.to_string() == what,
        other => other.to_string() == what,
    };
    let mut found = BTreeSet::new();
    for (cause, stuck) in stuck {
        let is_node = |ordinal: u32| {
            let id = release.and_then(|release| release.id_of(ordinal));
            id.is_some_and(|id| id.as_str() == what || node_name(id.as_str()) == what)
        };
        if named(cause) || stuck.nodes.iter().any(is_node) {
            found.insert(cause.clone());
        }
    }
    found
}

async fn send(stack: &Stack, ask: &Ask) -> Result<(), CommandError> {
    let mut detail = json!(ask);
    if let Some(fields) = detail.as_object_mut() {
        // Named, so that another stack of the account does not take it for its own.
        fields.insert("stack".to_owned(), stack.name.as_str().into());
    }
    stack.clients().bus().put("Landfall Asked", &detail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use landfall_pipeline::{Debt, Set, Stuck};

    use super::*;

    #[test]
    fn a_cause_is_meant_by_its_own_name_or_its_datasets() {
        let mut board = Board::new("2026-11-22T10:00:00Z".parse().unwrap());
        let cause: Cause = "load:shop.orders".parse().unwrap();
        let stuck = Stuck { run: None, reason: "it failed".to_owned(), nodes: Set::new(), approval: false };
        let debt = Debt::new(1, board.now, Set::new(), "a word".to_owned());
        board.owed.insert(cause.clone(), Debt { stuck: Some(stuck), ..debt.clone() });
        board.owed.insert(Cause::Release, debt);
        for what in ["shop.orders", "load:shop.orders"] {
            assert_eq!(meant(what, &board, None), BTreeSet::from([cause.clone()]), "{what}");
        }
        assert!(meant("release", &board, None).is_empty(), "nothing of it failed");
    }
}
