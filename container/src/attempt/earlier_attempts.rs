//! What earlier attempts of the run did, by their results.

use std::collections::BTreeSet;

use landfall_planner::{NodeId, RunResult, UnfinishedBatches};

use super::Attempt;
use crate::store::Store;

impl<S: Store> Attempt<'_, S> {
    /// Reads what earlier attempts left of microbatch models, and returns the planned nodes that succeeded in them. If an
    /// attempt has no usable result, its nodes run again.
    pub(super) async fn succeeded_nodes(&mut self) -> BTreeSet<NodeId> {
        let mut done = BTreeSet::new();
        let left = self.plan.unfinished_batches.iter();
        self.unfinished = left
            .map(|(id, windows)| (id.clone(), UnfinishedBatches { windows: windows.clone(), others_built: false }))
            .collect();
        for earlier in 1..self.config.attempt {
            let key = RunResult::key(&self.plan.run_id, earlier);
            let result = match self.store.get(&key).await {
                Ok(Some(bytes)) => RunResult::from_json(&bytes).map_err(|error| error.to_string()),
                Ok(None) => Err("it left no result.json".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            match result {
                Ok(result) => {
                    let built: Vec<NodeId> =
                        result.nodes.into_iter().filter(|node| node.status.is_success()).map(|node| node.id).collect();
                    self.unfinished.retain(|id, _| !built.contains(id));
                    self.unfinished.extend(result.unfinished_batches);
                    done.extend(built);
                }
                Err(reason) => self
                    .console
                    .print(&format!("no result of attempt {earlier}: {reason}; the nodes that it built run again")),
            }
        }
        done.retain(|id| self.planned.contains(id));
        done
    }
}
