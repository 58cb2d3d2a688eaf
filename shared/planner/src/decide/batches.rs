//! Unfinished batches: what a run left undone of a microbatch model. They belong to the model, not to a run: the next
//! run that builds the model builds them first. A node with unfinished batches is never completed, so it stays pending.

use super::decision::DecisionBuilder;
use crate::{BatchWindows, OrdinalSet, Release, RunId, RunResult};

impl DecisionBuilder<'_> {
    /// Keeps what the attempt left unfinished, and forgets what it finished.
    pub(super) fn keep_unfinished_batches(&mut self, run_id: &RunId, result: Option<&RunResult>) {
        let (Some(result), true) = (result, self.context.rules.keeps_unfinished_batches()) else { return };
        if !self.board.runs.contains_key(run_id) {
            return;
        }
        for node in result.nodes.iter().filter(|node| node.status.is_success()) {
            self.board.unfinished_batches.remove(&node.id);
        }
        for (id, unfinished) in &result.unfinished_batches {
            self.board.unfinished_batches.insert(id.clone(), unfinished.windows.clone());
        }
    }

    /// The unfinished batches of these nodes.
    pub(super) fn unfinished_batches_of(&self, release: &Release, nodes: &OrdinalSet) -> BatchWindows {
        let known = self.board.unfinished_batches.iter();
        known
            .filter(|(id, _)| release.ordinal(id).is_some_and(|ordinal| nodes.contains(ordinal)))
            .map(|(id, windows)| (id.clone(), windows.clone()))
            .collect()
    }
}
