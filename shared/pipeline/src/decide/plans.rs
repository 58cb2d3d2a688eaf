//! Freezing a plan, and putting its run on the board.

use landfall_select::Command;

use super::{
    Deciding,
    gather::Wait,
    leases::Leases,
    queue::{Candidate, loads_first},
    refresh::builds,
    waiting::Split,
};
use crate::{
    About, Attempt, AttemptState, Cause, Debt, LedgerOutcome, PLAN_VERSION, Plan, PlannedCause, PlannedNode, Release,
    Run, RunCause, RunId, Selection, Set, Step, Stuck, TaskSettings, WaitingNode,
    exact::{self, NotExpressible},
    graph::Kind,
};

impl Deciding<'_> {
    pub(super) fn plan(&mut self, release: &Release, group: &Candidate, leases: Leases) {
        let split = &group.split;
        let Some(task) = self.context.task else { return };
        let steps = match self.steps(release, group, &split.run) {
            Ok(steps) => steps,
            Err(error) => return self.stick(group, &split.run, &error),
        };
        let run_id = RunId::new(self.now, self.context.nonce, self.plans.len());
        let causes = self.planned_causes(release, group);
        let plan = Plan {
            version: PLAN_VERSION,
            run_id: run_id.clone(),
            release: release.id().clone(),
            created_at: self.now,
            causes,
            steps,
            nodes: planned_nodes(release, &split.run),
            waiting: waiting_nodes(release, split),
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
            .causes
            .iter()
            .filter_map(|cause| Some(format!("; {cause}: {}", self.board.owed.get(cause)?.warning.as_ref()?)))
            .collect();
        let causes: Vec<RunCause> = group.causes.iter().filter_map(|cause| self.take(cause, &split.run)).collect();
        let about = About::Run {
            run: run_id.clone(),
            attempt: 1,
            release: Some(release.id().clone()),
            task_arn: None,
            class: None,
            causes: causes.clone(),
            nodes: split.run.len(),
            failed: Vec::new(),
            breach: Vec::new(),
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
            causes,
            nodes: split.run.clone(),
            done: Set::new(),
            writes: leases.writes,
            reads: leases.reads,
            exclusive: leases.exclusive,
            holds_unknown: false,
            read_point: None,
            breach: Vec::new(),
            timeout_seconds: plan.timeout_seconds,
            attempt: Attempt {
                number: 1,
                since: self.now,
                not_before: self.now,
                state: AttemptState::Starting,
                task_arn: None,
                running_since: None,
                before: Vec::new(),
                failed_rung: 0,
                give_up: false,
                class: None,
                class_before: None,
            },
        };
        self.board.runs.insert(run_id, run);
        self.board.budget.runs += 1;
        self.plans.push(plan);
    }

    /// Marks a debt as planned.
    fn take(&mut self, cause: &Cause, planned: &Set) -> Option<RunCause> {
        let debt = self.board.owed.get_mut(cause)?;
        let first = !debt.planned;
        debt.planned = true;
        debt.warning = None;
        debt.refresh = debt.refresh.minus(planned);
        let generation = debt.generation;
        let tail = debt.calm_at.take().filter(|at| *at > self.now);
        if let Cause::Load(name) = cause {
            let state = self.board.datasets.entry(name.clone()).or_default();
            state.last_run = Some(self.now);
            // `at_most` ended a delay: the rows of what came last are not in the warehouse yet, so that it needs a run of its own.
            if let (Some(tail), Some(dataset)) = (tail, self.release.and_then(|release| release.dataset(name))) {
                state.generation += 1;
                let follow_up = Debt::new(state.generation, self.now, dataset.nodes.clone(), debt.last.clone());
                let wait = Wait::Calm { until: tail, at_most: tail };
                *debt = wait.begin(Debt { latest: debt.latest, ..follow_up });
            }
        }
        Some(RunCause { cause: cause.clone(), generation, first })
    }

    fn planned_causes(&self, release: &Release, group: &Candidate) -> Vec<PlannedCause> {
        let debts = group.causes.iter().filter_map(|cause| Some((cause, self.board.owed.get(cause)?)));
        debts
            .map(|(cause, debt)| PlannedCause {
                cause: cause.clone(),
                generation: debt.generation,
                reason: reason(cause, debt),
                select: words_of(release, cause).map(|(select, _)| select.join(" ")).unwrap_or_default(),
            })
            .collect()
    }

    fn steps(&self, release: &Release, group: &Candidate, run: &Set) -> Result<Vec<Step>, NotExpressible> {
        let mut steps = Vec::new();
        let mut words: Option<(Vec<String>, Vec<String>)> = Some((Vec::new(), Vec::new()));
        let mut tests_only = false;
        for cause in &group.causes {
            match cause {
                Cause::Load(name) => {
                    let Some(dataset) = release.dataset(name) else { continue };
                    if loads_first(&self.board, release, cause) {
                        steps.extend(dataset.before.iter().map(|operation| Step::RunOperation {
                            operation: operation.run_operation.clone(),
                            args: operation.args.clone(),
                        }));
                    }
                    if let Some((select, exclude)) = &mut words {
                        select.extend(dataset.select.iter().cloned());
                        exclude.clone_from(&dataset.exclude);
                    }
                }
                Cause::Job(name) => {
                    words = None;
                    tests_only = release.compiled.jobs.get(name).is_some_and(|job| job.build.is_empty());
                }
                Cause::Release | Cause::Person => words = None,
            }
        }
        let of_kind = |wanted: &dyn Fn(Kind) -> bool| -> Set {
            run.iter().filter(|ordinal| release.vertex(*ordinal).is_some_and(|vertex| wanted(vertex.kind))).collect()
        };
        let sources = of_kind(&|kind| kind == Kind::Source);
        if !sources.is_empty() {
            let nodes = planned_nodes(release, &sources);
            steps.push(Step::Freshness {
                sources: release.ids(&sources),
                select: nodes.into_iter().map(|node| node.select).collect(),
            });
        }
        let executed = of_kind(&|kind| kind != Kind::Source);
        if executed.is_empty() {
            return Ok(steps);
        }
        let refresh = self.to_refresh(group);
        if !refresh.is_empty() {
            steps.extend(builds(release, &executed, &refresh)?);
            steps.extend(release.compiled.docs.publish.then_some(Step::Docs));
            return Ok(steps);
        }
        let shorter = words.as_ref().map(|(select, exclude)| (select.as_slice(), exclude.as_slice()));
        if tests_only {
            steps.push(Step::Test(exact::selection(release, &executed, Command::Test, None)?));
        } else {
            let selection: Selection = exact::selection(release, &executed, Command::Build, shorter)?;
            steps.push(Step::Build(selection));
            if release.compiled.docs.publish {
                steps.push(Step::Docs);
            }
        }
        Ok(steps)
    }

    /// Leaves debts to people, because dbt cannot be told what to run.
    fn stick(&mut self, group: &Candidate, nodes: &Set, error: &NotExpressible) {
        for cause in &group.causes {
            if let Some(debt) = self.board.owed.get_mut(cause) {
                let nodes = debt.nodes.intersection(nodes);
                debt.stuck = Some(Stuck { run: None, reason: error.to_string(), nodes, approval: false });
            }
        }
    }
}

fn reason(cause: &Cause, debt: &Debt) -> String {
    let again = match (&debt.warning, debt.planned) {
        (Some(warning), _) => format!(" (warning: {warning})"),
        (None, true) if !debt.refresh.is_empty() => ", continued: what failed is built anew from nothing".to_owned(),
        (None, true) => ", continued: what waited can run now".to_owned(),
        (None, false) => String::new(),
    };
    match cause {
        Cause::Load(_) if debt.events == 0 => format!("{}{again}", debt.last),
        Cause::Load(_) if debt.events > 1 => {
            format!("{} events of it came, the last {}{again}", debt.events, debt.last)
        }
        Cause::Load(_) => format!("{} came{again}", debt.last),
        Cause::Release | Cause::Person => format!("{}{again}", debt.last),
        Cause::Job(_) => format!("scheduled for {}", debt.last),
    }
}

/// What people wrote for a cause: `--select` and `--exclude`.
fn words_of(release: &Release, cause: &Cause) -> Option<(Vec<String>, Vec<String>)> {
    match cause {
        Cause::Load(name) => release.dataset(name).map(|d| (d.select.clone(), d.exclude.clone())),
        Cause::Release => Some((release.compiled.release_config.select.0.clone(), Vec::new())),
        Cause::Job(name) => release.compiled.jobs.get(name).map(|job| (vec![job.select.clone()], Vec::new())),
        Cause::Person => None,
    }
}

fn planned_nodes(release: &Release, run: &Set) -> Vec<PlannedNode> {
    let mut nodes: Vec<PlannedNode> = run
        .iter()
        .filter_map(|ordinal| {
            let vertex = release.vertex(ordinal)?;
            let node = release.index.node(vertex.ix)?;
            let relation = vertex.relation.filter(|_| vertex.kind != Kind::Source);
            Some(PlannedNode {
                id: release.id_of(ordinal)?.clone(),
                select: exact::expression(&node),
                relation: relation.and_then(|r| release.compiled.relations.get(usize::try_from(r).ok()?).cloned()),
            })
        })
        .collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes
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
