//! A person's word: pause, resume, try again, approve. It comes through the queue of loads, so that it is decided, ledgered and delivered
//! again like any other event.

use super::Deciding;
use crate::{About, Ask, Asked, Board, Cause, DatasetName, EventMark, LedgerOutcome};

/// How many persons' words the board knows again. One that is delivered once more after so many others is followed once more.
pub const ASKS_KEPT: usize = 64;

/// Whether a person wants no run planned for the cause.
///
/// What is planned already goes on to its end, its retries included: it holds relations that are half built, and a run that is stopped in the
/// middle for an unknown time would keep everybody else from them. To stop a run is another wish than to start none.
pub(crate) fn paused(board: &Board, cause: &Cause) -> bool {
    let one = |name: &DatasetName| board.datasets.get(name).is_some_and(|state| state.paused);
    board.paused_all || matches!(cause, Cause::Load(name) if one(name))
}

type End = (LedgerOutcome, String);

fn mark(word: &Asked) -> String {
    EventMark::of(&["asked", &word.event_id]).hex()
}

impl Deciding<'_> {
    pub(super) fn asked(&mut self, event: &Asked) {
        let mark = mark(event);
        let (outcome, detail) = if self.board.asks.recent.contains(&mark) {
            (LedgerOutcome::Covered, "delivered before".to_owned())
        } else {
            self.remember_word(mark);
            self.follow(event)
        };
        let about = About::Asked { asked: event.ask.clone(), said: event.time };
        self.line(&event.event_id, about, outcome, detail);
    }

    fn remember_word(&mut self, mark: String) {
        self.board.asks.recent.push_back(mark);
        while self.board.asks.recent.len() > ASKS_KEPT {
            self.board.asks.recent.pop_front();
        }
    }

    /// A word that a board followed which is lost: a pause holds, or its end.
    pub(super) fn follow_again(&mut self, word: &Asked) {
        if let Ask::Pause { .. } | Ask::Resume { .. } = word.ask {
            self.remember_word(mark(word));
            self.follow(word);
        }
    }

    fn follow(&mut self, event: &Asked) -> End {
        match &event.ask {
            Ask::Pause { dataset } => self.pause(event, dataset.as_ref(), true),
            Ask::Resume { dataset } => self.pause(event, dataset.as_ref(), false),
            Ask::Retry { cause } => self.retry(cause.as_ref()),
            Ask::Approve => self.approve(),
        }
    }

    /// The queue keeps no order: of two words about the same thing the one that was said later holds, in whatever order they come.
    fn pause(&mut self, event: &Asked, dataset: Option<&DatasetName>, on: bool) -> End {
        let (said, flag) = match dataset {
            None => (&mut self.board.asks.said, &mut self.board.paused_all),
            Some(name) => {
                let known = self.release.is_some_and(|release| release.dataset(name).is_some());
                if !known && !self.board.datasets.contains_key(name) {
                    return (LedgerOutcome::Refused, self.no_such_dataset(name));
                }
                let state = self.board.datasets.entry(name.clone()).or_default();
                (&mut state.paused_said, &mut state.paused)
            }
        };
        if said.is_some_and(|said| event.time < said) {
            return (LedgerOutcome::Covered, "a word that was said later came before it, and holds".to_owned());
        }
        *said = Some(event.time);
        let already = std::mem::replace(flag, on) == on;
        let whose = dataset.map_or_else(|| "everything".to_owned(), ToString::to_string);
        let others = self.board.datasets.iter().filter(|(_, state)| state.paused).count();
        let detail = match (on, already, dataset) {
            (true, true, _) => format!("{whose} was paused already"),
            (true, false, _) => format!("{whose} is paused: what is owed is kept, and no run is planned for it"),
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

    fn retry(&mut self, wanted: Option<&Cause>) -> End {
        let mut freed: Vec<String> = Vec::new();
        let mut unapproved = false;
        for (cause, debt) in &mut self.board.owed {
            if wanted.is_some_and(|wanted| wanted != cause) {
                continue;
            }
            match &debt.stuck {
                // A person who wants what failed tried again has not said that a large release may run.
                Some(stuck) if stuck.approval => unapproved = true,
                Some(stuck) => {
                    freed.push(format!("{} nodes of {cause}", stuck.nodes.len()));
                    (debt.stuck, debt.refreshed) = (None, false);
                }
                None => {}
            }
        }
        let approval = if unapproved { "; the release waits for its approval: `landfall retry --approve`" } else { "" };
        match (freed.is_empty(), wanted) {
            (false, _) => (LedgerOutcome::Accepted, format!("tried again: {}{approval}", freed.join(", "))),
            (true, Some(wanted)) => {
                (LedgerOutcome::Refused, format!("nothing of {wanted} is left to a person{approval}"))
            }
            (true, None) => (LedgerOutcome::Refused, format!("nothing is left to a person{approval}")),
        }
    }

    fn approve(&mut self) -> End {
        let debt = self.board.owed.get_mut(&Cause::Release);
        match debt.filter(|debt| debt.stuck.as_ref().is_some_and(|stuck| stuck.approval)) {
            Some(debt) => {
                debt.stuck = None;
                (LedgerOutcome::Accepted, format!("{} may build its {} nodes", debt.last, debt.nodes.len()))
            }
            None => (LedgerOutcome::Refused, "no release waits for an approval".to_owned()),
        }
    }
}
