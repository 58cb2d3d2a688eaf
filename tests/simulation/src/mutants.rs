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
    AttemptState, BacklogEntry, Board, DatasetLoaded, DatasetName, DatasetState, EventHash, MissingTask, OVERDUE_AFTER,
    ObjectEvent, OrdinalSet, ProtocolRules, Release, Rules, Run, RunKind, Trigger,
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
    /// The event `Run Settled` is never sent.
    SettledUnpublished,
    /// Only the function that puts a release in place changes the job schedules.
    SchedulesByTransition,
    /// A function decides by its own clock.
    OwnClockTrusted,
}

/// Every mutant, in the order of `--mutant list`.
pub static ALL: [Mutant; 35] = [
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
    rule("missing-once-frees", "a task that ECS does not know once counts as stopped", &MissingOnceFrees),
    rule("parents-ignored", "a node runs although its parent was never built", &ParentsIgnored),
    rule("ancestors-left", "a run builds no unbuilt ancestors but seeds", &AncestorsLeft),
    service("settled-unpublished", "`Run Settled` is not published", Misbehaviour::SettledUnpublished),
    rule("no-drain", "the relations of an ended run are free at once", &NoDrain),
    rule("no-daily-limit", "limits.runs_per_day keeps no run", &NoDailyLimit),
    rule("no-schedule-repetition", "a schedule that is delivered twice runs twice", &NoScheduleRepetition),
    service(
        "schedules-by-transition",
        "only the function that puts a release in place changes schedules",
        Misbehaviour::SchedulesByTransition,
    ),
    service("own-clock", "a function decides by its own clock", Misbehaviour::OwnClockTrusted),
    rule("upload-time", "an event of any upload is covered by its time", &UploadTime),
    rule("loader-clock", "a loader's event is covered by the loader's time", &LoaderClock),
    rule("batch-id-alone", "two loader's events with one batch_id are one load", &BatchIdAlone),
    rule("at-most-ignored", "a load gathers as long as objects arrive", &AtMostIgnored),
    rule("min-interval-ignored", "runs of a dataset follow each other at once", &MinIntervalIgnored),
    rule("quiet-by-event-time", "the quiet time counts from the event's own time", &QuietByEventTime),
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

    /// One answer that ECS does not know a task suffices.
    MissingOnceFrees {
        fn missing_counts_as_stopped(&self, _: &Run, _: MissingTask, _: Timestamp, _: Timestamp) -> bool {
            true
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

    /// A run adds seeds alone to its nodes.
    AncestorsLeft {
        fn available_ancestors(&self, release: &Release, board: &Board) -> OrdinalSet {
            let ancestors = ProtocolRules.available_ancestors(release, board);
            let seed = |node: &u32| release.id_of(*node).is_some_and(|id| id.as_str().starts_with("seed."));
            ancestors.iter().filter(seed).collect()
        }
    }

    /// No relation is held after its run.
    NoDrain {
        fn drain_time(&self, _: &Release) -> SignedDuration {
            SignedDuration::ZERO
        }
    }

    /// A day has no limit of runs.
    NoDailyLimit {
        fn runs_are_spent(&self, _: &Board, _: &Release) -> bool {
            false
        }
    }

    /// No call of a schedule is a duplicate.
    NoScheduleRepetition {
        fn is_duplicate_schedule(&self, _: &str, _: &str) -> bool {
            false
        }
    }

    /// S3's time of an upload covers its event, whatever the upload was.
    UploadTime {
        fn object_time(&self, event: &ObjectEvent) -> Option<Timestamp> {
            Some(event.time)
        }
    }

    /// A loader's time covers its event.
    LoaderClock {
        fn report_time(&self, event: &DatasetLoaded) -> Option<Timestamp> {
            Some(event.loaded_at.unwrap_or(event.time))
        }
    }

    /// A `batch_id` alone identifies a loader's event.
    BatchIdAlone {
        fn report_identities(&self, event: &DatasetLoaded) -> Vec<EventHash> {
            vec![EventHash::of(&["loaded", event.batch_id.as_deref().unwrap_or(&event.event_id)])]
        }
    }

    /// Gathering ends only with quiet.
    AtMostIgnored {
        fn gathers_until(&self, settles_at: Timestamp, _: Timestamp) -> Timestamp {
            settles_at
        }
    }

    /// No dataset has a `min_interval`.
    MinIntervalIgnored {
        fn min_interval_until(&self, _: &Board, _: &Release, _: &Trigger, _: Timestamp) -> Option<Timestamp> {
            None
        }
    }

    /// Quiet counts from the time that the event states.
    QuietByEventTime {
        fn gathers_from(&self, now: Timestamp, event_time: Timestamp) -> Timestamp {
            event_time.min(now)
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
