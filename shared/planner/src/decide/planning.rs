//! Planning: freezes a plan and adds its run to the board.

use std::collections::BTreeMap;

use landfall_select::Command;

use super::{
    admission_queue::Candidate, decision::DecisionBuilder, full_refresh::builds, leases::Leases, readiness::Readiness,
    run_kind::loads_first, runnable_nodes::Split,
};
use crate::{
    Attempt, BacklogEntry, EntryStage, LedgerOutcome, LedgerSubject, NodeId, OrdinalSet, PLAN_VERSION, Plan,
    PlannedNode, PlannedTrigger, Quarantine, Release, Run, RunId, RunTrigger, Selection, Step, TaskSettings, Trigger,
    WaitingNode,
    release::NodeKind,
    release::{self, ExactSelectionError},
};

impl DecisionBuilder<'_> {
    pub(super) fn plan(&mut self, release: &Release, group: &Candidate, leases: Leases) {
        let split = &group.split;
        let Some(task) = self.context.task else { return };
        let unfinished_batches = self.unfinished_batches_of(release, &split.run);
        let steps = match self.steps(release, group, &split.run) {
            Ok(steps) => steps,
            Err(error) => return self.quarantine_group(group, &split.run, &error),
        };
        let run_id = RunId::new(self.now, self.context.nonce, self.plans.len());
        let triggers = self.planned_triggers(release, group);
        let plan = Plan {
            version: PLAN_VERSION,
            run_id: run_id.clone(),
            release: release.id().clone(),
            created_at: self.now,
            dbt_version: release.index.metadata().dbt_version.clone(),
            triggers,
            steps,
            nodes: planned_nodes(release, &split.run),
            waiting: waiting_nodes(release, split),
            unfinished_batches,
            writes: release.relation_keys(&leases.writes),
            reads: release.relation_keys(&leases.reads),
            timeout_seconds: u32::try_from(release.compiled.runs.timeout.0.as_secs()).unwrap_or(u32::MAX),
            capacity: release.compiled.runs.capacity,
            task: TaskSettings {
                task_definition: release
                    .compiled
                    .task_definition
                    .clone()
                    .unwrap_or_else(|| task.task_definition.clone()),
                ..task.clone()
            },
        };
        let warnings: String = group
            .triggers
            .iter()
            .filter_map(|trigger| Some(format!("; {trigger}: {}", self.board.backlog.get(trigger)?.warning.as_ref()?)))
            .collect();
        let triggers: Vec<RunTrigger> =
            group.triggers.iter().filter_map(|trigger| self.mark_planned(trigger, &split.run)).collect();
        let about = LedgerSubject::Run {
            run: run_id.clone(),
            attempt: 1,
            release: Some(release.id().clone()),
            task_arn: None,
            class: None,
            triggers: triggers.clone(),
            nodes: split.run.len(),
            failed: Vec::new(),
            unplanned_nodes: Vec::new(),
        };
        let waiting = match split.waiting.len() {
            0 => String::new(),
            n => format!(", {n} wait"),
        };
        let detail = format!("{} nodes{waiting}{warnings}", split.run.len());
        self.line(format!("run/{run_id}/planned"), about, LedgerOutcome::Planned, detail);
        let run = Run {
            planned_at: self.now,
            release: release.id().clone(),
            triggers,
            nodes: split.run.clone(),
            done: OrdinalSet::new(),
            writes: leases.writes,
            reads: leases.reads,
            exclusive: leases.exclusive,
            holds_unknown: false,
            read_point: None,
            unplanned_nodes: Vec::new(),
            timeout_seconds: plan.timeout_seconds,
            attempt: Attempt::first(self.now),
        };
        self.board.runs.insert(run_id, run);
        self.board.budget.runs += 1;
        self.plans.push(plan);
    }

    /// Marks a backlog entry as planned. Returns the trigger as the run keeps it.
    fn mark_planned(&mut self, trigger: &Trigger, planned: &OrdinalSet) -> Option<RunTrigger> {
        let entry = self.board.backlog.get_mut(trigger)?;
        let settles_at = match entry.stage {
            EntryStage::Ready { settles_at } => settles_at.filter(|at| *at > self.now),
            EntryStage::Gathering { .. } | EntryStage::Planned => None,
        };
        let first = !entry.is_planned();
        entry.stage = EntryStage::Planned;
        entry.warning = None;
        entry.refresh = entry.refresh.difference(planned);
        let generation = entry.generation;
        if let Trigger::Load(name) = trigger {
            let state = self.board.datasets.entry(name.clone()).or_default();
            state.last_run = Some(self.now);
            // `at_most` ended a delay. The rows of the last objects are not in the warehouse yet and need a run of
            // their own.
            let dataset = self.release.and_then(|release| release.dataset(name));
            if let (Some(until), Some(dataset)) = (settles_at, dataset) {
                state.generation += 1;
                let (nodes, last) = (dataset.nodes.clone(), entry.last.clone());
                *entry = BacklogEntry {
                    latest_put: entry.latest_put,
                    stage: Readiness::Settling { until, at_most: until }.stage(self.context.rules),
                    ..BacklogEntry::new(state.generation, self.now, nodes, last)
                };
            }
        }
        Some(RunTrigger { trigger: trigger.clone(), generation, first })
    }

    fn planned_triggers(&self, release: &Release, group: &Candidate) -> Vec<PlannedTrigger> {
        let entries = group.triggers.iter().filter_map(|trigger| Some((trigger, self.board.backlog.get(trigger)?)));
        entries
            .map(|(trigger, entry)| PlannedTrigger {
                trigger: trigger.clone(),
                generation: entry.generation,
                reason: reason(trigger, entry),
                select: selectors_of(release, trigger).map(|(select, _)| select.join(" ")).unwrap_or_default(),
            })
            .collect()
    }

    fn steps(&self, release: &Release, group: &Candidate, run: &OrdinalSet) -> Result<Vec<Step>, ExactSelectionError> {
        let mut steps = Vec::new();
        let mut selectors: Option<(Vec<String>, Vec<String>)> = Some((Vec::new(), Vec::new()));
        let mut tests_only = false;
        for trigger in &group.triggers {
            match trigger {
                Trigger::Load(name) => {
                    let Some(dataset) = release.dataset(name) else { continue };
                    if loads_first(&self.board, release, trigger) {
                        steps.extend(dataset.before.iter().map(|operation| Step::RunOperation {
                            operation: operation.run_operation.clone(),
                            args: operation.args.clone(),
                        }));
                    }
                    if let Some((select, exclude)) = &mut selectors {
                        select.extend(dataset.select.iter().cloned());
                        exclude.clone_from(&dataset.exclude);
                    }
                }
                Trigger::Job(name) => {
                    selectors = None;
                    tests_only = release.compiled.jobs.get(name).is_some_and(|job| job.build.is_empty());
                }
                Trigger::Release | Trigger::Operator => selectors = None,
            }
        }
        let of_kind = |wanted: &dyn Fn(NodeKind) -> bool| -> OrdinalSet {
            run.iter().filter(|ordinal| release.vertex(*ordinal).is_some_and(|vertex| wanted(vertex.kind))).collect()
        };
        let sources = of_kind(&|kind| kind == NodeKind::Source);
        if !sources.is_empty() {
            let nodes = planned_nodes(release, &sources);
            steps.push(Step::Freshness {
                sources: release.ids(&sources),
                select: nodes.into_iter().map(|node| node.select).filter(|text| !text.is_empty()).collect(),
            });
        }
        let executed = of_kind(&|kind| kind != NodeKind::Source);
        if executed.is_empty() {
            return Ok(steps);
        }
        let refresh = self.to_refresh(group);
        let batched = release.set(self.unfinished_batches_of(release, &executed).keys());
        let is_special = !refresh.is_empty() || !batched.is_empty();
        if is_special && !tests_only {
            steps.extend(builds(release, &executed, &refresh, &batched)?);
            steps.extend(release.compiled.docs.publish.then_some(Step::Docs));
            return Ok(steps);
        }
        let shorter = selectors.as_ref().map(|(select, exclude)| (select.as_slice(), exclude.as_slice()));
        if tests_only {
            steps.push(Step::Test(release::exact_selection(release, &executed, Command::Test, None)?));
        } else {
            let selection: Selection = release::exact_selection(release, &executed, Command::Build, shorter)?;
            steps.push(Step::Build(selection));
            if release.compiled.docs.publish {
                steps.push(Step::Docs);
            }
        }
        Ok(steps)
    }

    /// Quarantines nodes that no dbt selection can name.
    fn quarantine_group(&mut self, group: &Candidate, nodes: &OrdinalSet, error: &ExactSelectionError) {
        for trigger in &group.triggers {
            if let Some(entry) = self.board.backlog.get_mut(trigger) {
                let nodes = entry.nodes.intersection(nodes);
                entry.quarantine = Some(Quarantine { run: None, reason: error.to_string(), nodes, approval: false });
            }
        }
    }
}

fn reason(trigger: &Trigger, entry: &BacklogEntry) -> String {
    let again = match (&entry.warning, entry.is_planned()) {
        (Some(warning), _) => format!(" (warning: {warning})"),
        (None, true) if !entry.refresh.is_empty() => ", continued: full refresh of what failed".to_owned(),
        (None, true) => ", continued: nodes that waited can run now".to_owned(),
        (None, false) => String::new(),
    };
    match trigger {
        Trigger::Load(_) if entry.events == 0 => format!("{}{again}", entry.last),
        Trigger::Load(_) if entry.events > 1 => {
            format!("{} events, the last {}{again}", entry.events, entry.last)
        }
        Trigger::Load(_) | Trigger::Release | Trigger::Operator => format!("{}{again}", entry.last),
        Trigger::Job(_) => format!("scheduled for {}", entry.last),
    }
}

/// The `--select` and `--exclude` of a trigger, as landfall.yml has them.
fn selectors_of(release: &Release, trigger: &Trigger) -> Option<(Vec<String>, Vec<String>)> {
    match trigger {
        Trigger::Load(name) => release.dataset(name).map(|d| (d.select.clone(), d.exclude.clone())),
        Trigger::Release => Some((release.compiled.release_config.select.0.clone(), Vec::new())),
        Trigger::Job(name) => release.compiled.jobs.get(name).map(|job| (vec![job.select.clone()], Vec::new())),
        Trigger::Operator => None,
    }
}

fn planned_nodes(release: &Release, run: &OrdinalSet) -> Vec<PlannedNode> {
    let mut ordinals: Vec<(&NodeId, u32)> =
        run.iter().filter_map(|ordinal| Some((release.id_of(ordinal)?, ordinal))).collect();
    ordinals.sort_unstable();
    let named = release::names_nodes(release, ordinals.len());
    let parents = release::parents_for_batches(release, run);
    let positions: BTreeMap<u32, u32> = ordinals.iter().zip(0..).map(|((_, ordinal), at)| (*ordinal, at)).collect();
    let planned = ordinals.iter().filter_map(|(id, ordinal)| {
        let vertex = release.vertex(*ordinal)?;
        let node = release.index.node(vertex.ix)?;
        let relation = vertex.relation.filter(|_| vertex.kind != NodeKind::Source);
        let parents = parents.get(ordinal).into_iter().flatten();
        Some(PlannedNode {
            id: (*id).clone(),
            select: if named { release::node_expression(&node) } else { String::new() },
            parents: parents.filter_map(|parent| positions.get(parent).copied()).collect(),
            relation: relation.and_then(|r| release.compiled.relations.get(usize::try_from(r).ok()?).cloned()),
        })
    });
    planned.collect()
}

fn waiting_nodes(release: &Release, split: &Split) -> Vec<WaitingNode> {
    let mut nodes: Vec<WaitingNode> = split
        .waiting
        .iter()
        .filter_map(|(ordinal, reason)| {
            Some(WaitingNode { id: release.id_of(*ordinal)?.clone(), reason: reason.clone() })
        })
        .collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes
}
