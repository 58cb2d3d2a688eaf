//! An operator's word: pause, resume, try again, approve. It comes through the queue of loads, so that it is decided, ledgered and delivered
//! again like any other event.

use super::{decision::DecisionBuilder, limits::COMMANDS_KEPT};
use crate::{DatasetName, EventHash, LedgerOutcome, LedgerSubject, OperatorAction, OperatorCommand, Trigger};

type End = (LedgerOutcome, String);

fn mark(word: &OperatorCommand) -> String {
    EventHash::of(&["command", &word.event_id]).hex()
}

impl DecisionBuilder<'_> {
    pub(super) fn command(&mut self, event: &OperatorCommand) {
        let mark = mark(event);
        let (outcome, detail) = if self.board.commands.recent.contains(&mark) {
            (LedgerOutcome::Covered, "delivered before".to_owned())
        } else {
            self.remember_word(mark);
            self.follow(event)
        };
        let about = LedgerSubject::OperatorCommand { command: event.action.clone(), sent_at: event.time };
        self.line(&event.event_id, about, outcome, detail);
    }

    fn remember_word(&mut self, mark: String) {
        self.board.commands.recent.push_back(mark);
        while self.board.commands.recent.len() > COMMANDS_KEPT {
            self.board.commands.recent.pop_front();
        }
    }

    /// A word that a board followed which is lost: a pause holds, or its end.
    pub(super) fn follow_again(&mut self, word: &OperatorCommand) {
        if let OperatorAction::Pause { .. } | OperatorAction::Resume { .. } = word.action {
            self.remember_word(mark(word));
            self.follow(word);
        }
    }

    fn follow(&mut self, event: &OperatorCommand) -> End {
        match &event.action {
            OperatorAction::Pause { dataset } => self.pause(event, dataset.as_ref(), true),
            OperatorAction::Resume { dataset } => self.pause(event, dataset.as_ref(), false),
            OperatorAction::Retry { trigger } => self.retry(trigger.as_ref()),
            OperatorAction::Approve => self.approve(),
        }
    }

    /// The queue keeps no order: of two words about the same thing the one that was said later holds, in whatever order they come.
    fn pause(&mut self, event: &OperatorCommand, dataset: Option<&DatasetName>, on: bool) -> End {
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
            return (LedgerOutcome::Covered, "a word that was said later came before it, and holds".to_owned());
        }
        *sent_at = Some(event.time);
        let already = std::mem::replace(flag, on) == on;
        let whose = dataset.map_or_else(|| "everything".to_owned(), ToString::to_string);
        let others = self.board.datasets.iter().filter(|(_, state)| state.paused).count();
        let detail = match (on, already, dataset) {
            (true, true, _) => format!("{whose} was paused already"),
            (true, false, _) => format!("{whose} is paused: what is pending is kept, and no run is planned for it"),
            (false, true, _) => format!("{whose} was not paused"),
            (false, false, None) if others > 0 => {
                format!("the pause of everything is over; {others} datasets stay paused by words about them alone")
            }
            (false, false, Some(_)) if self.board.paused_all => {
                format!("the pause of {whose} is over, but everything is paused")
            }
            (false, false, _) => format!("the pause of {whose} is over"),
        };
        (LedgerOutcome::Accepted, detail)
    }

    fn retry(&mut self, wanted: Option<&Trigger>) -> End {
        let mut freed: Vec<String> = Vec::new();
        let mut unapproved = false;
        for (trigger, entry) in &mut self.board.backlog {
            if wanted.is_some_and(|wanted| wanted != trigger) {
                continue;
            }
            match &entry.quarantine {
                // An operator who wants what failed tried again has not said that a large release may run.
                Some(quarantine) if quarantine.approval => unapproved = true,
                Some(quarantine) => {
                    freed.push(format!("{} nodes of {trigger}", quarantine.nodes.len()));
                    (entry.quarantine, entry.refreshed) = (None, false);
                }
                None => {}
            }
        }
        let approval = if unapproved { "; the release waits for its approval: `landfall retry --approve`" } else { "" };
        match (freed.is_empty(), wanted) {
            (false, _) => (LedgerOutcome::Accepted, format!("tried again: {}{approval}", freed.join(", "))),
            (true, Some(wanted)) => {
                (LedgerOutcome::Refused, format!("nothing of {wanted} is left to an operator{approval}"))
            }
            (true, None) => (LedgerOutcome::Refused, format!("nothing is left to an operator{approval}")),
        }
    }

    fn approve(&mut self) -> End {
        let entry = self.board.backlog.get_mut(&Trigger::Release);
        match entry.filter(|entry| entry.quarantine.as_ref().is_some_and(|quarantine| quarantine.approval)) {
            Some(entry) => {
                entry.quarantine = None;
                (LedgerOutcome::Accepted, format!("{} may build its {} nodes", entry.last, entry.nodes.len()))
            }
            None => (LedgerOutcome::Refused, "no release waits for an approval".to_owned()),
        }
    }
}
