//! Whether anybody was overtaken who had waited long enough (L9). It looks at what a decision did. With the
//! queue it shares what is ready and what that takes, and nothing of who goes first.

use super::{admission_queue::Waiter, leases::Leases};
use crate::{Board, Release};

/// In words, each run that the step from `before` to `after` planned although a trigger that is older than all of its own, and has waited for longer
/// than [`FAIRNESS_LIMIT`](super::limits::FAIRNESS_LIMIT), needs the same relations or the last place among the live runs.
pub(crate) fn fairness_violations(before: &Board, after: &Board, release: &Release) -> Vec<String> {
    if after.release.as_ref() != Some(release.id()) {
        return Vec::new();
    }
    // A restoration takes up runs that were planned before it.
    let planned =
        || after.runs.iter().filter(|(id, run)| run.planned_at == after.now && !before.runs.contains_key(*id));
    if planned().next().is_none() {
        return Vec::new();
    }
    let full = after.runs.len() >= release.compiled.runs.max_parallel;
    let mut found = Vec::new();
    for waiter in Waiter::past_fairness_limit(after, release) {
        for (id, run) in planned() {
            let oldest =
                run.triggers.iter().filter_map(|trigger| Some(after.backlog.get(&trigger.trigger)?.since)).min();
            if oldest.is_none_or(|oldest| oldest <= waiter.since) {
                continue;
            }
            let wants = if waiter.leases.conflict(&Leases::held_by(run)) {
                "needs what it took"
            } else if full {
                "needs a place, of which it took the last"
            } else {
                continue;
            };
            found.push(format!("{id} overtook {}, which waits since {} and {wants}", waiter.trigger, waiter.since));
        }
    }
    found
}
