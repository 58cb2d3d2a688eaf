//! Mutants: the protocol with one safeguard missing. The simulation proves its worth by finding a history in which
//! each of them violates an invariant.
//!
//! A mutant either replaces one of the planner's [`Rules`], or lets a simulated service misbehave, as the services
//! would if Landfall called them without the safeguard.
//!
//! No history of this simulation tells one rule apart: a node that was built before its parent stays pending. A test
//! of `decide` covers it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use landfall_planner::{
    AttemptState, BacklogEntry, Board, DatasetName, DatasetState, EventHash, OVERDUE_AFTER, OrdinalSet, ProtocolRules,
    Release, Rules, Run, RunKind, Trigger,
};

/// The protocol with one safeguard missing.
#[derive(Debug)]
pub struct Mutant {
    /// The name that `--mutant` takes.
    pub name: &'static str,
    /// What the mutant does wrong, in one line.
    pub about: &'static str,
    /// The rules that it decides by.
    rules: &'static dyn Rules,
    /// What the simulated services do wrong, if the safeguard lies in how they are called.
    misbehaviour: Option<Misbehaviour>,
}

/// What simulated services do wrong for a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Relations are named after their nodes, so that leases are held by node ids.
    RelationsByNode,
    /// The container runs dbt whatever the claim says.
    ClaimIgnored,
    /// Every attempt of a run calls `RunTask` with the same client token.
    TokenReused,
    /// The claim of an attempt that is given up is reported as revoked, but not written.
    RevokeSkipped,
    /// A task is started only while the board that decided it is in place.
    StartedByDecisionOnly,
    /// The list of writers is missing from the board that is read.
    NoncesHidden,
    /// The board is overwritten without its condition.
    BoardOverwritten,
    /// The scheduled sweep never runs.
    NoSweep,
    /// A function that finds no board creates one.
    BoardCreated,
    /// The docs' pointer is overwritten without its condition.
    PointerOverwritten,
}

/// Every mutant, in the order of `--mutant list`.
pub static ALL: [Mutant; 21] = [
    rule("no-lease", "runs that need the same relation run at the same time", &NoLease),
    service(
        "lease-by-node-id",
        "leases are of node ids: a renamed model is another lease",
        Misbehaviour::RelationsByNode,
    ),
    rule("lease-freed-early", "a lease ends when its task is overdue, not when it is seen stopped", &LeaseFreedEarly),
    service("no-claim", "a task runs dbt whatever the claim says", Misbehaviour::ClaimIgnored),
    service("token-reused", "all attempts of a run have one client token", Misbehaviour::TokenReused),
    service("no-revoke", "the next attempt starts although the last one was not revoked", Misbehaviour::RevokeSkipped),
    rule("no-margin", "an event a second newer than the read point is covered", &NoMargin),
    rule("watermark", "a run completes its backlog entries as a whole, whatever it built", &Watermark),
    rule("no-generation", "a run completes whatever generation is pending when it ends", &NoGeneration),
    service(
        "effects-by-transition",
        "only the function that decided it starts a task",
        Misbehaviour::StartedByDecisionOnly,
    ),
    service("no-own-nonce", "a writer whose reply was lost decides again", Misbehaviour::NoncesHidden),
    service("no-compare", "the board is overwritten", Misbehaviour::BoardOverwritten),
    rule("unsafe-merge", "runs of different kinds merge", &UnsafeMerge),
    service("no-sweep", "nothing repairs what lost events left behind", Misbehaviour::NoSweep),
    rule("release-backlog-lost", "a new release drops what the release before it had pending", &ReleaseBacklogLost),
    rule("no-repetition", "an event that is delivered twice is two loads", &NoRepetition),
    rule("endless-retry", "attempts never end", &EndlessRetry),
    service("auto-created-board", "a function that finds no board creates one", Misbehaviour::BoardCreated),
    service("unfenced-docs", "the docs' pointer is overwritten", Misbehaviour::PointerOverwritten),
    rule("no-fairness-limit", "younger entries take the relations of older ones forever", &NoFairnessLimit),
    rule("parents-ignored", "a node runs although its parent was never built", &ParentsIgnored),
];

const fn rule(name: &'static str, about: &'static str, rules: &'static dyn Rules) -> Mutant {
    Mutant { name, about, rules, misbehaviour: None }
}

const fn service(name: &'static str, about: &'static str, misbehaviour: Misbehaviour) -> Mutant {
    Mutant { name, about, rules: &Unchecked, misbehaviour: Some(misbehaviour) }
}

/// Returns the mutant with that name.
pub fn by_name(name: &str) -> Option<&'static Mutant> {
    ALL.iter().find(|mutant| mutant.name == name)
}

/// Returns the rules of a history: the mutant's, or those that ship.
pub fn rules(mutant: Option<&'static Mutant>) -> &'static dyn Rules {
    mutant.map_or(&ProtocolRules, |mutant| mutant.rules)
}

/// Whether the services of a history misbehave in that way.
pub fn misbehaves(mutant: Option<&'static Mutant>, misbehaviour: Misbehaviour) -> bool {
    mutant.is_some_and(|mutant| mutant.misbehaviour == Some(misbehaviour))
}

/// Declares rules in which one differs from the protocol.
macro_rules! mutant_rules {
    ($(#[$doc:meta] $name:ident { $($rule:tt)* })*) => {$(
        #[$doc]
        #[derive(Debug)]
        struct $name;

        impl Rules for $name {
            $($rule)*

            fn checks_invariants(&self) -> bool {
                false
            }
        }
    )*};
}

mutant_rules! {
    /// The rules that ship, under services that misbehave.
    Unchecked {}

    /// No run holds leases.
    NoLease {
        fn holds_leases(&self, _: &Run, _: Timestamp) -> bool {
            false
        }
    }

    /// A run whose task is overdue, and asked to stop, holds no leases.
    LeaseFreedEarly {
        fn holds_leases(&self, run: &Run, now: Timestamp) -> bool {
            let limit = SignedDuration::from_secs(run.timeout_seconds.into()) + OVERDUE_AFTER;
            match run.attempt.state {
                AttemptState::Running { running_since, .. } => now <= running_since + limit,
                AttemptState::Starting { .. } | AttemptState::Revoking { .. } => true,
            }
        }
    }

    /// Covered events reach beyond the read point.
    NoMargin {
        fn covered_to(&self, read_point: Timestamp) -> Timestamp {
            read_point + SignedDuration::from_secs(1)
        }
    }

    /// A run leaves nothing pending.
    Watermark {
        fn still_pending(&self, _: &OrdinalSet, _: &OrdinalSet) -> OrdinalSet {
            OrdinalSet::new()
        }
    }

    /// A run completes any generation.
    NoGeneration {
        fn completes(&self, _: u64, _: u64) -> bool {
            true
        }
    }

    /// Every backlog entry needs the same kind of run.
    UnsafeMerge {
        fn run_kind(&self, board: &Board, _: &Release, trigger: &Trigger) -> RunKind {
            match board.backlog.get(trigger) {
                Some(entry) if !entry.refresh.is_empty() => RunKind::FullRefresh,
                _ => RunKind::Build,
            }
        }
    }

    /// A new release takes nothing over.
    ReleaseBacklogLost {
        fn taken_over(&self, _: &BacklogEntry) -> OrdinalSet {
            OrdinalSet::new()
        }
    }

    /// No event is a duplicate.
    NoRepetition {
        fn is_duplicate(&self, _: &DatasetState, _: &EventHash) -> bool {
            false
        }
    }

    /// Another attempt may always follow.
    EndlessRetry {
        fn may_follow(&self, _: u32) -> bool {
            true
        }
    }

    /// No backlog entry reserves its relations.
    NoFairnessLimit {
        fn past_fairness_limit(&self, _: Timestamp, _: Timestamp) -> bool {
            false
        }
    }

    /// No node waits for its parents.
    ParentsIgnored {
        fn nodes_missing_parents(
            &self,
            _: &Release,
            _: &Board,
            _: &OrdinalSet,
            _: &BTreeSet<&DatasetName>,
        ) -> Vec<(u32, String)> {
            Vec::new()
        }
    }
}
