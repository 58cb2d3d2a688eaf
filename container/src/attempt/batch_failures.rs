//! What runs after a batch of a step failed, and what the docs step of a large run selects.

use landfall_planner::Step;

use super::Attempt;
use crate::{
    command_batches, node_results,
    outcome::StepOutcome,
    remaining_steps::{self, DocsScope},
};

impl<S> Attempt<'_, S> {
    /// Returns what remains of a batch after the earlier steps, if anything does. A failed step ends the run. A failed
    /// batch ends only what descends from its failures.
    pub(super) fn after_failures(&mut self, step: &Step, whole: usize, failed_step: Option<usize>) -> Option<Step> {
        if failed_step.is_none() {
            return Some(step.clone());
        }
        let ran = self.steps.last().is_some_and(|step| matches!(step.exit_code, Some(0 | 1)));
        let stopped = self.step_outcomes.iter().any(|(_, outcome)| matches!(outcome, StepOutcome::Stopped(_)));
        if failed_step != Some(whole) || !ran || stopped {
            return None;
        }
        let (rest, skipped) = command_batches::skip_descendants(self.plan, step, &self.expected, &self.nodes);
        self.expected.extend(skipped.iter().cloned());
        self.nodes.extend(skipped.into_iter().map(|id| (id.clone(), node_results::skipped(id))));
        rest
    }

    /// Returns whether the last step or batch did not succeed.
    pub(super) fn last_step_failed(&self) -> bool {
        self.step_outcomes.last().is_some_and(|(_, outcome)| *outcome != StepOutcome::Passed)
    }

    /// Returns the nodes to document. Names that do not fit into one command give way to the whole project.
    pub(super) fn docs_scope(&self, budget: usize) -> DocsScope {
        match remaining_steps::docs_scope(self.plan, &self.done) {
            DocsScope::Built { select, .. } if command_batches::bytes(&select) > budget => DocsScope::Everything,
            scope => scope,
        }
    }
}
