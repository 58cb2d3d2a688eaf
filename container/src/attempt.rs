//! An attempt that this task has claimed: its steps in order, and its report.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use landfall_planner::{EventWindow, NodeId, NodeResult, Outcome, Plan, Step, StepResult};
use tokio::time::Instant;

use crate::{
    Config,
    artifacts::{self, ArtifactUploads},
    batches::StepBatches,
    clock,
    command_batches::{self, CommandBatch},
    command_line,
    console::Console,
    dbt_arguments,
    node_results::{self, DbtResults},
    orphans::SupervisedChild,
    outcome::{self, StepOutcome},
    printable_text::count,
    progress::{self, Progress},
    remaining_steps::{self, DocsScope, Unfinished},
    store::Store,
    supervise::{Limits, StopReason, StopSignal, supervise},
};

mod batch_failures;
mod catch_panic;
mod dbt_command;
mod earlier_attempts;
mod output;
mod workspace;
use catch_panic::catch_panic;
use output::OutputHandler;
use workspace::Workspace;

/// The attempt cannot run dbt at all. The message says why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotRun(pub String);

/// The part of result.json that describes the attempt's steps.
#[derive(Debug)]
pub struct Report {
    /// How the attempt ended.
    pub outcome: Outcome,
    /// Why the attempt did not succeed, for the operator.
    pub message: Option<String>,
    /// The steps that were started, in order.
    pub steps: Vec<StepResult>,
    /// The planned nodes for which dbt reported a status.
    pub nodes: Vec<NodeResult>,
    /// Nodes that dbt executed although the plan does not name them.
    pub unplanned_nodes: Vec<NodeId>,
    /// What the run has left undone of microbatch models so far.
    pub unfinished_batches: Unfinished,
    /// The files beside result.json.
    pub artifacts: Vec<String>,
}

impl Report {
    /// Returns the report of an attempt that ran no step.
    pub fn cannot_run(error: &CannotRun) -> Self {
        Self {
            outcome: Outcome::Broken,
            message: Some(error.to_string()),
            steps: vec![],
            nodes: vec![],
            unplanned_nodes: vec![],
            unfinished_batches: Unfinished::new(),
            artifacts: vec![],
        }
    }
}

/// Runs the plan's steps, and returns the report. After a panic of landfall-task the report contains what was known
/// until then.
pub async fn run(
    config: &Config,
    store: &impl Store,
    plan: &Plan,
    stop: StopSignal,
    child: &SupervisedChild,
    console: &mut Console,
) -> Report {
    let freshness = plan.steps.iter().flat_map(|step| match step {
        Step::Freshness { sources, .. } => sources.as_slice(),
        _ => &[],
    });
    let mut attempt = Attempt {
        config,
        plan,
        store,
        child,
        console,
        stop,
        uploads: ArtifactUploads::new(store, Plan::attempt_prefix(&plan.run_id, config.attempt)),
        deadline: Instant::now() + Duration::from_secs(plan.timeout_seconds.into()),
        planned: plan.nodes.iter().map(|node| &node.id).chain(freshness).cloned().collect(),
        expected: BTreeSet::new(),
        done: BTreeSet::new(),
        unfinished: Unfinished::new(),
        steps: Vec::new(),
        step_outcomes: Vec::new(),
        nodes: BTreeMap::new(),
        unplanned_nodes: BTreeSet::new(),
        stop_between_steps: None,
    };
    let error = match catch_panic(attempt.run_steps()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(panic) => Some(CannotRun(format!("landfall-task has a bug, please report it: {panic}"))),
    };
    attempt.report(error)
}

struct Attempt<'a, S> {
    config: &'a Config,
    plan: &'a Plan,
    store: &'a S,
    child: &'a SupervisedChild,
    console: &'a mut Console,
    stop: StopSignal,
    uploads: ArtifactUploads<'a, S>,
    deadline: Instant,
    planned: BTreeSet<NodeId>,
    /// The nodes that the steps so far had to run in this attempt.
    expected: BTreeSet<NodeId>,
    /// The planned nodes that succeeded, in earlier attempts and so far in this one.
    done: BTreeSet<NodeId>,
    /// What is left of microbatch models, by earlier runs, earlier attempts and so far by this one.
    unfinished: Unfinished,
    steps: Vec<StepResult>,
    /// The outcome of each of `steps`, and whether the step is [`Step::Docs`].
    step_outcomes: Vec<(bool, StepOutcome)>,
    nodes: BTreeMap<NodeId, NodeResult>,
    unplanned_nodes: BTreeSet<NodeId>,
    /// A stop request that came between two steps.
    stop_between_steps: Option<StopReason>,
}

impl<S: Store> Attempt<'_, S> {
    async fn run_steps(&mut self) -> Result<(), CannotRun> {
        self.print_header();
        let project = self.config.project_dir.join("dbt_project.yml");
        if !project.is_file() {
            return Err(CannotRun(format!(
                "{} does not exist: set LANDFALL_PROJECT_DIR to the folder of the dbt project in the image",
                project.display()
            )));
        }
        self.done = self.succeeded_nodes().await;
        let steps = remaining_steps::invocations(self.plan, &self.done, &self.unfinished);
        if self.config.attempt > 1 {
            let done = self.plan.nodes.iter().filter(|node| self.done.contains(&node.id)).count();
            self.console
                .print(&format!("{} succeeded in earlier attempts and will not run again", count(done, "node")));
        }

        let work = Workspace::open(self.config).map_err(|error| {
            CannotRun(format!(
                "cannot create a folder for working files: {error}; mount a volume and set LANDFALL_WORK_DIR or TMPDIR"
            ))
        })?;
        let mut partial_parse = self.fetch_partial_parse(work.path()).await;
        let budget = if self.plan.selects_by_id() { usize::MAX } else { command_line::raise_limit() };
        let steps = command_batches::split(self.plan, steps, budget);
        let mut failed_step = None;
        for (index, CommandBatch { step, window, whole }) in steps.iter().enumerate() {
            let is_docs = matches!(step, Step::Docs);
            let Some(step) =
                &(if is_docs { Some(step.clone()) } else { self.after_failures(step, *whole, failed_step) })
            else {
                continue;
            };
            let docs = if is_docs { self.docs_scope(budget) } else { DocsScope::Everything };
            if docs == DocsScope::Nothing {
                continue;
            }
            if let Some(reason) = self.stop_reason() {
                // Without its docs step a run is still complete.
                self.stop_between_steps = self.stop_between_steps.or(Some(reason).filter(|_| !is_docs));
                continue;
            }
            let numbers = (index + 1, steps.len());
            partial_parse = self.run_step(numbers, (step, *window), &docs, &work, partial_parse).await?;
            failed_step = failed_step.or(self.last_step_failed().then_some(*whole));
        }
        Ok(())
    }

    fn print_header(&mut self) {
        let Plan { run_id, release, triggers, nodes, .. } = self.plan;
        let nodes = count(nodes.len(), "node");
        self.console.print(&format!("run {run_id}, attempt {}, release {release}: {nodes}", self.config.attempt));
        for trigger in triggers {
            self.console.print(&format!("why  {}: {}", trigger.trigger, trigger.reason));
        }
    }

    fn stop_reason(&self) -> Option<StopReason> {
        if *self.stop.borrow() {
            Some(StopReason::Signal)
        } else {
            (Instant::now() >= self.deadline).then_some(StopReason::Deadline)
        }
    }

    /// Downloads the release's partial parse, which saves minutes in a large project. dbt itself checks that it fits.
    async fn fetch_partial_parse(&mut self, work: &Path) -> Option<PathBuf> {
        let key = format!("releases/{}/partial_parse.msgpack", self.plan.release);
        let downloaded = match self.store.get(&key).await {
            Ok(Some(bytes)) => {
                let file = work.join("partial_parse.msgpack");
                tokio::fs::write(&file, bytes).await.map(|()| file).map_err(|error| error.to_string())
            }
            Ok(None) => Err("the release has none".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        downloaded
            .map_err(|reason| {
                self.console
                    .print(&format!("no partial parse: {reason}; dbt parses the whole project, which is slower"));
            })
            .ok()
    }

    /// Runs one step and records its results. Returns the partial parse that dbt wrote, for the next step.
    async fn run_step(
        &mut self,
        (number, total): (usize, usize),
        (step, window): (&Step, Option<EventWindow>),
        docs: &DocsScope,
        work: &Workspace,
        partial_parse: Option<PathBuf>,
    ) -> Result<Option<PathBuf>, CannotRun> {
        let name = dbt_arguments::step_name(step);
        let expected = outcome::expected(step);
        let title = progress::step_title(step, number, total);
        self.console.print(&format!(
            "{title}{}",
            if expected.is_empty() { String::new() } else { format!(", {}", count(expected.len(), "node")) }
        ));

        let target = work.target(&format!("{number}-{name}"), partial_parse.as_deref());
        let target = target.map_err(|error| {
            CannotRun(format!(
                "cannot create the target folder: {error}; check the volume that holds the working files"
            ))
        })?;
        let dbt = self.dbt_command((step, window), docs, number, work, &target)?;
        let work = work.path();
        let log = work.join(artifacts::LOG);
        let shown = match step {
            Step::Freshness { sources, .. } => sources.clone(),
            _ => expected.clone(),
        };
        let redactor = self.config.redactor.clone();
        let opened = OutputHandler::open(&log, Progress::new(shown), redactor, self.console);
        let mut handler = opened.map_err(|error| CannotRun(format!("cannot create {}: {error}", log.display())))?;
        let started = Instant::now();
        let begun_at = clock::now();
        let limits = Limits { deadline: self.deadline, grace: self.config.stop_after };
        let ended = tokio::select! {
            ended = supervise(dbt, self.child, &mut self.stop, limits, |event| handler.handle(event)) => ended,
            never = self.uploads.upload_log_periodically(&log) => match never {},
        };
        let output = handler.finish();
        let program = self.config.dbt.display();
        let ended = ended.map_err(|error| {
            CannotRun(format!("cannot run {program}: {error}; set LANDFALL_DBT to the dbt program of the image"))
        })?;
        let seconds = started.elapsed().as_secs_f64();

        for (file, artifact) in artifacts::step_artifacts(step, number, self.uploads.names()) {
            if target.join(file).is_file() {
                self.uploads.upload(&target.join(file), &artifact, &mut self.stop, self.console).await;
            }
        }
        self.uploads.upload(&log, artifacts::LOG, &mut self.stop, self.console).await;

        let found = self.read_results(step, &target, output.invocation.as_deref()).await;
        let (mut step_nodes, batches) = match step {
            Step::Build(_) | Step::Test(_) | Step::Freshness { .. } => {
                let rows = output.logged_nodes.merged_with(found);
                let batches = StepBatches::of(&rows, &output.logged_batches, window, begun_at);
                (node_results::split_by_plan(rows, &self.planned), batches)
            }
            Step::RunOperation { .. } | Step::Docs => Default::default(),
        };
        let missing = outcome::missing(&expected, &step_nodes.nodes);
        self.expected.extend(expected.iter().cloned());
        let outcome = outcome::step_outcome(ended, &missing);
        let dbt_error = output.dbt_error.filter(|_| !step_nodes.nodes.iter().any(|node| node.status.is_failure()));
        let message = outcome::step_message(ended, outcome, &expected, &missing, dbt_error.as_deref());
        let message = message.map(|message| self.config.redactor.redact(&message).into_owned());
        self.console.print(&progress::step_end(&title, &step_nodes.nodes, outcome, message.as_deref(), seconds));

        self.steps.push(StepResult {
            step: name.to_owned(),
            exit_code: ended.code,
            seconds: rounded(seconds),
            message,
        });
        self.step_outcomes.push((matches!(step, Step::Docs), outcome));
        self.unplanned_nodes.extend(step_nodes.unplanned_nodes);
        batches.apply(step, window, &self.planned, &mut step_nodes.nodes, &mut self.unfinished);
        for mut node in step_nodes.nodes {
            if node.status.is_success() {
                self.done.insert(node.id.clone());
            }
            node.message = node.message.map(|message| self.config.redactor.redact(&message).into_owned());
            node.seconds = rounded(node.seconds);
            self.nodes.insert(node.id.clone(), node);
        }
        let partial_parse = target.join("partial_parse.msgpack");
        Ok(partial_parse.is_file().then_some(partial_parse))
    }

    /// Reads the step's `run_results.json` or `sources.json`, if dbt wrote one in this invocation.
    async fn read_results(&mut self, step: &Step, target: &Path, invocation: Option<&str>) -> Option<DbtResults> {
        let file = match step {
            Step::Build(_) | Step::Test(_) => "run_results.json",
            Step::Freshness { .. } => "sources.json",
            Step::RunOperation { .. } | Step::Docs => return None,
        };
        // dbt writes no file if it fails early or is killed. The log has the finished nodes then.
        let bytes = tokio::fs::read(target.join(file)).await.ok()?;
        match node_results::parse(&bytes) {
            Ok(found) if invocation.is_none_or(|invocation| invocation == found.invocation) => Some(found),
            Ok(found) => {
                self.console.print(&format!(
                    "{file} is from another dbt invocation ({}) and is ignored; the log is used instead",
                    found.invocation
                ));
                None
            }
            Err(error) => {
                self.console.print(&format!("cannot read {file}: {error}; the log is used instead"));
                None
            }
        }
    }

    fn report(self, error: Option<CannotRun>) -> Report {
        let nodes: Vec<NodeResult> = self.nodes.into_values().collect();
        let docs_only = self.step_outcomes.iter().all(|(is_docs, _)| *is_docs);
        let messages: Vec<(String, Option<String>)> = self
            .steps
            .iter()
            .filter(|step| docs_only || step.step != "docs")
            .map(|step| (step.step.clone(), step.message.clone()))
            .collect();
        let outcome = if error.is_some() {
            Outcome::Broken
        } else {
            outcome::attempt_outcome(&self.step_outcomes, self.stop_between_steps)
        };
        let message = error.map(|error| error.to_string());
        let message = message.or_else(|| outcome::attempt_message(outcome, self.planned.len(), &nodes, &messages));
        Report {
            outcome,
            message,
            steps: self.steps,
            nodes,
            unplanned_nodes: self.unplanned_nodes.into_iter().collect(),
            unfinished_batches: self.unfinished,
            artifacts: self.uploads.names().iter().cloned().collect(),
        }
    }
}

/// Rounds to milliseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
