//! The batches of microbatch models: what dbt reports of them, and what an attempt leaves unfinished.
//!
//! `run_results.json` has the windows of all batches of a model that dbt reported. If dbt was killed, or stopped before
//! it reported the model, the log has the first instant of each batch that it began.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use landfall_planner::{EventWindow, NodeId, NodeResult, Step, UnfinishedBatches};

use crate::{node_results::NodeRow, remaining_steps::Unfinished};

/// The batches in dbt's log.
#[derive(Debug, Clone, Default)]
pub struct LoggedBatches {
    /// The first instant of each begun batch by model, and whether the batch was built.
    begun: BTreeMap<String, BTreeMap<Timestamp, bool>>,
}

impl LoggedBatches {
    /// Records a batch that began.
    pub fn begin(&mut self, model: &str, start: Timestamp) {
        self.begun.entry(model.to_owned()).or_default().entry(start).or_insert(false);
    }

    /// Records a batch that was built.
    pub fn finish(&mut self, model: &str, start: Timestamp) {
        self.begun.entry(model.to_owned()).or_default().insert(start, true);
    }

    /// Returns the window that is unfinished of each model: from the first batch that was begun and not built, or from
    /// the last batch if all begun ones were built, because dbt may not have begun those after it.
    pub fn unfinished(&self, end: Timestamp) -> BTreeMap<String, EventWindow> {
        let models = self.begun.iter().filter_map(|(model, begun)| {
            let not_built = begun.iter().find(|(_, built)| !**built).map(|(start, _)| *start);
            let start = not_built.or_else(|| begun.keys().next_back().copied())?;
            // dbt rounds the end up to a whole batch. A window must not be empty.
            let end = if end > start { end } else { start + jiff::SignedDuration::from_secs(1) };
            Some((model.clone(), EventWindow { start, end }))
        });
        models.collect()
    }
}

/// The batches that one invocation left unfinished.
#[derive(Debug, Default)]
pub struct StepBatches {
    models: BTreeMap<String, ModelBatches>,
}

#[derive(Debug)]
struct ModelBatches {
    unfinished: Vec<EventWindow>,
    any_built: bool,
}

impl StepBatches {
    /// Collects the unfinished batches from dbt's results, and from the log for models without a complete result.
    /// `begun_at` is the time at which dbt was started: batches up to then were to be built, unless the invocation had
    /// a window.
    pub fn of(rows: &[NodeRow], logged: &LoggedBatches, window: Option<EventWindow>, begun_at: Timestamp) -> Self {
        let end = window.map_or(begun_at, |window| window.end);
        let mut models: BTreeMap<String, ModelBatches> = logged
            .unfinished(end)
            .into_iter()
            .map(|(model, left)| (model, ModelBatches { unfinished: vec![left], any_built: true }))
            .collect();
        for row in rows {
            if row.status.is_success() {
                models.remove(&row.id);
            } else if !row.batches.is_empty() {
                let any_built = row.batches.has_successful();
                models.insert(row.id.clone(), ModelBatches { unfinished: row.batches.unfinished(), any_built });
            }
        }
        Self { models }
    }

    /// Updates what is left of the models. A model whose windows are built, while dbt has not built its other batches
    /// in this run, is not done yet: its result is removed from `nodes`.
    pub fn apply(
        self,
        step: &Step,
        window: Option<EventWindow>,
        planned: &BTreeSet<NodeId>,
        nodes: &mut Vec<NodeResult>,
        unfinished: &mut Unfinished,
    ) {
        nodes.retain(|node| {
            if !node.status.is_success() {
                return true;
            }
            let (Some(window), Some(left)) = (window, unfinished.get_mut(&node.id)) else {
                unfinished.remove(&node.id);
                return true;
            };
            left.windows.retain(|other| *other != window);
            if !left.windows.is_empty() {
                return false;
            }
            let done = left.others_built;
            unfinished.remove(&node.id);
            done
        });
        let full_refresh = matches!(step, Step::Build(selection) if selection.full_refresh);
        for (id, model) in self.models {
            let Some(id) = NodeId::parse(id).ok().filter(|id| planned.contains(id)) else { continue };
            match (window, unfinished.get_mut(&id)) {
                (Some(window), Some(left)) => {
                    let others = left.windows.iter().filter(|other| **other != window).copied();
                    left.windows = EventWindow::joined(others.chain(model.unfinished));
                }
                // A full refresh that built nothing is repeated as a whole.
                (None, _) if full_refresh && !model.any_built => {}
                (_, _) => {
                    let left = UnfinishedBatches { windows: model.unfinished, others_built: true };
                    unfinished.insert(id, left);
                }
            }
        }
    }
}

/// Returns a time as dbt's options for event times take it: in UTC and without an offset.
pub fn event_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_model_that_was_cut_off_is_unfinished_from_its_first_batch_that_was_not_built() {
        let mut logged = LoggedBatches::default();
        let end = at("2026-06-01T12:00:00Z");
        assert_eq!(event_time(end), "2026-06-01T12:00:00");
        for year in ["2020", "2021", "2022"] {
            logged.begin("model.s.a", at(&format!("{year}-01-01T00:00:00Z")));
        }
        logged.finish("model.s.a", at("2020-01-01T00:00:00Z"));
        logged.finish("model.s.a", at("2022-01-01T00:00:00Z"));
        let expected = EventWindow { start: at("2021-01-01T00:00:00Z"), end };
        assert_eq!(logged.unfinished(end).get("model.s.a"), Some(&expected));
        logged.finish("model.s.a", at("2021-01-01T00:00:00Z"));
        let expected = EventWindow { start: at("2022-01-01T00:00:00Z"), end };
        assert_eq!(logged.unfinished(end).get("model.s.a"), Some(&expected), "later batches may not have begun");
    }
}
