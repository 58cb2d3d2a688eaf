//! Operator commands: pause, resume, retry, approve. They come through the queue of loads, so that they are decided,
//! recorded and delivered again like any other event.

use super::{decision::DecisionBuilder, limits::COMMANDS_KEPT};
use crate::{DatasetName, EventHash, LedgerOutcome, LedgerSubject, OperatorAction, OperatorCommand, Trigger};

/// The outcome of a command and its detail for the ledger.
type CommandOutcome = (LedgerOutcome, String);

fn hash(command: &OperatorCommand) -> String {
    EventHash::of(&["command", &command.event_id]).hex()
}

impl DecisionBuilder<'_> {
    pub(super) fn command(&mut self, event: &OperatorCommand) {
        let hash = hash(event);
        let (outcome, detail) = if self.board.commands.recent.contains(&hash) {
            (LedgerOutcome::Covered, "delivered before".to_owned())
        } else {
            self.remember_command(hash);
            self.execute(event)
        };
        let about = LedgerSubject::OperatorCommand { command: event.action.clone(), sent_at: event.time };
        let detail = format!("{detail}{}", event.note_of_stated_time());
        self.line(&event.event_id, about, outcome, detail);
    }

    fn remember_command(&mut self, hash: String) {
        self.board.commands.recent.push_back(hash);
        while self.board.commands.recent.len() > COMMANDS_KEPT {
            self.board.commands.recent.pop_front();
        }
    }

    /// Executes a command again that a lost board had executed. Only pauses and resumes matter after a recovery.
    pub(super) fn replay_command(&mut self, command: &OperatorCommand) {
        if let OperatorAction::Pause { .. } | OperatorAction::Resume { .. } = command.action {
            self.remember_command(hash(command));
            self.execute(command);
        }
    }

    fn execute(&mut self, event: &OperatorCommand) -> CommandOutcome {
        match &event.action {
            OperatorAction::Pause { dataset } => self.pause(event, dataset.as_ref(), true),
            OperatorAction::Resume { dataset } => self.pause(event, dataset.as_ref(), false),
            OperatorAction::Retry { trigger } => self.retry(trigger.as_ref()),
            OperatorAction::Approve => self.approve(),
        }
    }

    /// Pauses or resumes. The queue keeps no order, so of two commands about the same dataset the one that was sent
    /// later holds, in whatever order they arrive.
    fn pause(&mut self, event: &OperatorCommand, dataset: Option<&DatasetName>, on: bool) -> CommandOutcome {
        let (sent_at, flag) = match dataset {
            None => (&mut self.board.commands.sent_at, &mut self.board.paused_all),
            Some(name) => {
                let known = self.release.is_some_and(|release| release.dataset(name).is_some());
                if !known && !self.board.datasets.contains_key(name) {
                    return (LedgerOutcome::Refused, self.no_such_dataset(name));
                }
                let state = self.board.datasets.entry(name.clone()).or_default();
                (&mut state.pause_changed_at, &mut state.paused)
            }
        };
        if sent_at.is_some_and(|sent_at| event.time < sent_at) {
            return (LedgerOutcome::Covered, "a command that was sent later arrived before it and holds".to_owned());
        }
        *sent_at = Some(event.time);
        let already = std::mem::replace(flag, on) == on;
        let whose = dataset.map_or_else(|| "everything".to_owned(), ToString::to_string);
        let others = self.board.datasets.iter().filter(|(_, state)| state.paused).count();
        let detail = match (on, already, dataset) {
            (true, true, _) => format!("{whose} was already paused"),
            (true, false, _) => format!("{whose} is paused: new data stays pending, and no run is planned for it"),
            (false, true, _) => format!("{whose} was not paused"),
            (false, false, None) if others > 0 => {
                format!("everything is resumed, but {others} datasets that were paused by name stay paused")
            }
            (false, false, Some(_)) if self.board.paused_all => {
                format!("{whose} is resumed, but everything is still paused")
            }
            (false, false, _) => format!("{whose} is resumed"),
        };
        (LedgerOutcome::Accepted, detail)
    }

    fn retry(&mut self, wanted: Option<&Trigger>) -> CommandOutcome {
        let mut freed: Vec<String> = Vec::new();
        let mut unapproved = false;
        for (trigger, entry) in &mut self.board.backlog {
            if wanted.is_some_and(|wanted| wanted != trigger) {
                continue;
            }
            match &entry.quarantine {
                // To retry what failed does not approve a large release.
                Some(quarantine) if quarantine.approval => unapproved = true,
                Some(quarantine) => {
                    freed.push(format!("{} nodes of {trigger}", quarantine.nodes.len()));
                    (entry.quarantine, entry.refreshed) = (None, false);
                }
                None => {}
            }
        }
        let approval = if unapproved { "; the release waits for `landfall retry --approve`" } else { "" };
        match (freed.is_empty(), wanted) {
            (false, _) => (LedgerOutcome::Accepted, format!("retrying {}{approval}", freed.join(", "))),
            (true, Some(wanted)) => (LedgerOutcome::Refused, format!("no node of {wanted} is quarantined{approval}")),
            (true, None) => (LedgerOutcome::Refused, format!("no node is quarantined{approval}")),
        }
    }

    fn approve(&mut self) -> CommandOutcome {
        let entry = self.board.backlog.get_mut(&Trigger::Release);
        match entry.filter(|entry| entry.quarantine.as_ref().is_some_and(|quarantine| quarantine.approval)) {
            Some(entry) => {
                entry.quarantine = None;
                (
                    LedgerOutcome::Accepted,
                    format!("{} is approved and may build its {} nodes", entry.last, entry.nodes.len()),
                )
            }
            None => (LedgerOutcome::Refused, "no release waits for approval".to_owned()),
        }
    }
}
