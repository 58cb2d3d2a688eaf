//! A check that no decision skips ahead of an entry past the fairness limit (L9). It looks only at what a decision
//! did. It shares with the queue which entries are due and what they need, but not the order.

use super::{admission_queue::OverdueEntry, leases::Leases};
use crate::{Board, Release};

/// Describes each run that the step from `before` to `after` planned although an older trigger, pending for longer than
/// [`FAIRNESS_LIMIT`](super::limits::FAIRNESS_LIMIT), needs the same relations or the last place among the live runs.
pub(crate) fn fairness_violations(before: &Board, after: &Board, release: &Release) -> Vec<String> {
    if after.release.as_ref() != Some(release.id()) {
        return Vec::new();
    }
    // A recovery adds runs that were planned before it.
    let planned =
        || after.runs.iter().filter(|(id, run)| run.planned_at == after.now && !before.runs.contains_key(*id));
    if planned().next().is_none() {
        return Vec::new();
    }
    let full = after.runs.len() >= release.compiled.runs.max_parallel;
    let mut found = Vec::new();
    for overdue in OverdueEntry::past_fairness_limit(after, release) {
        for (id, run) in planned() {
            let oldest =
                run.triggers.iter().filter_map(|trigger| Some(after.backlog.get(&trigger.trigger)?.since)).min();
            if oldest.is_none_or(|oldest| oldest <= overdue.since) {
                continue;
            }
            let wants = if overdue.leases.conflict(&Leases::held_by(run)) {
                "needs a relation that the run took"
            } else if full {
                "needs a place among the live runs, of which the run took the last"
            } else {
                continue;
            };
            found.push(format!(
                "{id} skipped ahead of {}, which is pending since {} and {wants}",
                overdue.trigger, overdue.since
            ));
        }
    }
    found
}
