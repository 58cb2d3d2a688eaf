//! The rules of the protocol that the simulation replaces one at a time, to prove that it notices when one is missing.
//!
//! Each default method is the rule that ships. [`ProtocolRules`] overrides none of them. A mutant of `tests/simulation`
//! overrides one, so that no switch is left in the code that uses the rules.

use std::{collections::BTreeSet, fmt};

use jiff::{SignedDuration, Timestamp};

use super::{
    available_ancestors::available_ancestors,
    due::min_interval_until,
    event_times::{earlier, report_identities, single_put_time},
    limits::FAIRNESS_LIMIT,
    limits::MARGIN,
    limits::MAX_ATTEMPTS,
    missing_parents::nodes_missing_parents,
    run_kind::{RunKind, run_kind},
    stopped_task::{StoppedTask, missing_counts_as_stopped},
};
use crate::{
    BacklogEntry, Board, DatasetLoaded, DatasetName, DatasetState, EventHash, MissingTask, ObjectEvent, OrdinalSet,
    Release, Run, RunResult, SchedulesState, TaskArn, Trigger,
};

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

    /// The unbuilt nodes that a run builds beside its own, if those need them. Everything that they are built from is
    /// available (L9).
    fn available_ancestors(&self, release: &Release, board: &Board) -> OrdinalSet {
        available_ancestors(release, board)
    }

    /// Whether the dataset knows the event already, so that it opens no load (L5).
    fn is_duplicate(&self, state: &DatasetState, event: &EventHash) -> bool {
        state.recent.contains(event)
    }

    /// The time before which single PUTs are covered by a run with this read point.
    fn covered_to(&self, read_point: Timestamp) -> Timestamp {
        earlier(read_point, MARGIN)
    }

    /// The time of an object's write by which a read point may cover its event. `None` if no time tells when the
    /// object could be read.
    fn object_time(&self, event: &ObjectEvent) -> Option<Timestamp> {
        single_put_time(event)
    }

    /// The time of a load by which a read point may cover a loader's event. There is none: the loader's clock is not
    /// S3's.
    fn report_time(&self, _event: &DatasetLoaded) -> Option<Timestamp> {
        None
    }

    /// The hashes that identify a loader's event. It is a duplicate if the board knows one of them (L5).
    fn report_identities(&self, event: &DatasetLoaded) -> Vec<EventHash> {
        report_identities(event)
    }

    /// The time from which `quiet` and `delay` count for an event of that time. It is the board's time: a stated time
    /// may lie hours back.
    fn gathers_from(&self, now: Timestamp, _event_time: Timestamp) -> Timestamp {
        now
    }

    /// When an entry that settles then stops gathering: at `at_most` at the latest.
    fn gathers_until(&self, settles_at: Timestamp, at_most: Timestamp) -> Timestamp {
        settles_at.min(at_most)
    }

    /// When the `min_interval` of the trigger's dataset ends. `None` if it has ended.
    fn min_interval_until(
        &self,
        board: &Board,
        release: &Release,
        trigger: &Trigger,
        now: Timestamp,
    ) -> Option<Timestamp> {
        min_interval_until(board, release, trigger, now)
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

    /// Whether a function may begin to change the job schedules. Two at once could leave those of the older release.
    fn may_write_schedules(&self, schedules: &SchedulesState, now: Timestamp) -> bool {
        schedules.need_a_writer(now)
    }

    /// Whether a schedule's call is a duplicate. `last` is the newest scheduled time of the job (L5).
    fn is_duplicate_schedule(&self, last: &str, scheduled_time: &str) -> bool {
        last >= scheduled_time
    }

    /// Whether `limits.runs_per_day` keeps further runs from being planned (L4).
    fn runs_are_spent(&self, board: &Board, release: &Release) -> bool {
        board.budget.runs >= release.compiled.limits.runs_per_day
    }

    /// How long the relations of an ended run stay held, because its statements may still execute (L3).
    fn drain_time(&self, release: &Release) -> SignedDuration {
        release.compiled.runs.drain.0
    }

    /// Whether the batches that a run left unfinished are kept for the next run of their model (L2).
    fn keeps_unfinished_batches(&self) -> bool {
        true
    }

    /// Whether a stop is that of the task with the attempt's claim. No other task ran dbt (L7).
    fn is_stop_of_claimant(&self, claimant: &TaskArn, stopped: &TaskArn) -> bool {
        claimant == stopped
    }

    /// Whether a result is that of this run, attempt and task. Another one completes nothing (L7).
    fn is_result_of(&self, stop: &StoppedTask, result: &RunResult) -> bool {
        result.run_id == stop.run && result.attempt == stop.attempt && result.task_arn == stop.task_arn
    }

    /// Whether a task without a usable result has succeeded. It never has: its exit code proves nothing (L2).
    fn succeeded_without_result(&self, _stop: &StoppedTask) -> bool {
        false
    }

    /// Whether another attempt follows if nothing but tests failed. They fail again on the same data (L4).
    fn retries_failed_tests(&self) -> bool {
        false
    }

    /// Whether a task that ECS does not know counts as stopped (L3). `claimed_at` is the time of the attempt's claim, or
    /// of the attempt if it has none.
    fn missing_counts_as_stopped(
        &self,
        run: &Run,
        missing: MissingTask,
        claimed_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        missing_counts_as_stopped(run, missing, claimed_at, now)
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
