//! The rules of the protocol that the simulation replaces one at a time, to prove that it notices when one is missing.
//!
//! Each default method is the rule that ships. [`ProtocolRules`] overrides none of them. A mutant of `tests/simulation`
//! overrides one, so that no switch is left in the code that uses the rules.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use super::{
    limits::FAIRNESS_LIMIT,
    limits::MARGIN,
    limits::MAX_ATTEMPTS,
    missing_parents::nodes_missing_parents,
    run_kind::{RunKind, run_kind},
};
use crate::{BacklogEntry, Board, DatasetName, DatasetState, EventHash, OrdinalSet, Release, Run, Trigger};

/// The replaceable rules of a decision. `tests/simulation` replaces them one at a time.
pub trait Rules: fmt::Debug + Send + Sync {
    /// Whether a run on the board holds its leases. It does until its task is seen stopped: a task that was asked to
    /// stop, or that wrote its result, may still write relations (L3).
    fn holds_leases(&self, _run: &Run, _now: Timestamp) -> bool {
        true
    }

    /// The kind of run that a backlog entry needs.
    fn run_kind(&self, board: &Board, release: &Release, trigger: &Trigger) -> RunKind {
        run_kind(board, release, trigger)
    }

    /// Whether an entry that is pending since then reserves its relations and a place among the live runs (L9).
    fn past_fairness_limit(&self, since: Timestamp, now: Timestamp) -> bool {
        now.duration_since(since) > FAIRNESS_LIMIT
    }

    /// The nodes of a run that must wait, each with the reason. A node waits for a dataset or a parent that does not
    /// exist yet. `loading` are the datasets that the run itself loads before it builds.
    fn nodes_missing_parents(
        &self,
        release: &Release,
        board: &Board,
        run: &OrdinalSet,
        loading: &BTreeSet<&DatasetName>,
    ) -> Vec<(u32, String)> {
        nodes_missing_parents(release, board, run, loading)
    }

    /// Whether the dataset knows the event already, so that it opens no load (L5).
    fn is_duplicate(&self, state: &DatasetState, event: &EventHash) -> bool {
        state.recent.contains(event)
    }

    /// The time before which events are covered by a run with this read point.
    fn covered_to(&self, read_point: Timestamp) -> Timestamp {
        read_point - MARGIN
    }

    /// Whether a run that planned one generation of a backlog entry completes nodes of the generation that is pending.
    fn completes(&self, planned: u64, pending: u64) -> bool {
        planned == pending
    }

    /// The nodes that are still pending once `built` are built (L2).
    fn still_pending(&self, pending: &OrdinalSet, built: &OrdinalSet) -> OrdinalSet {
        pending.difference(built)
    }

    /// The nodes that a new release takes over from the entry of the release before it.
    fn taken_over(&self, before: &BacklogEntry) -> OrdinalSet {
        OrdinalSet::clone(&before.nodes)
    }

    /// Whether another attempt may follow the attempt with this number, from 1.
    fn may_follow(&self, attempt: u32) -> bool {
        attempt < MAX_ATTEMPTS
    }

    /// Whether every decision is checked against the [invariants](crate::invariants) where debug assertions are on.
    /// A mutant violates them on purpose, and the simulation finds it in what happens instead.
    fn checks_invariants(&self) -> bool {
        true
    }
}

/// The rules that ship.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProtocolRules;

impl Rules for ProtocolRules {}
