//! A claimed attempt: its steps in order, and its result.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    pin::pin,
    task::Poll,
    time::Duration,
};

use landfall_planner::{NodeId, NodeResult, Outcome, Plan, RunResult, Step, StepResult};
use tokio::{process::Command, time::Instant};

use crate::{
    Config,
    artifacts::{self, Artifacts},
    command::{self, Folders},
    progress::{self, Console, Progress},
    reap::Own,
    remaining::{self, Docs},
    results::{self, Artifact},
    store::Store,
    supervise::{Limits, Stop, Stopped, supervise},
    text::count,
    verdict::{self, Verdict},
};

mod listener;
mod workspace;
use listener::Listener;
use workspace::Workspace;

/// The attempt cannot start or continue, for a reason outside of dbt.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// What result.json says of the attempt.
#[derive(Debug)]
pub struct Report {
    /// The outcome of the attempt.
    pub outcome: Outcome,
    /// Why the attempt did not succeed.
    pub message: Option<String>,
    /// The steps that were started.
    pub steps: Vec<StepResult>,
    /// The planned nodes that dbt reported.
    pub nodes: Vec<NodeResult>,
    /// The nodes that dbt executed although the plan does not name them.
    pub unplanned_nodes: Vec<NodeId>,
    /// The names of the files beside result.json.
    pub artifacts: Vec<String>,
}

impl Report {
    /// Returns the report of an attempt that could not start.
    pub fn broken(broken: &Broken) -> Self {
        let message = Some(broken.to_string());
        Self {
            outcome: Outcome::Broken,
            message,
            steps: vec![],
            nodes: vec![],
            unplanned_nodes: vec![],
            artifacts: vec![],
        }
    }
}

/// Runs the plan and reports how it ended. After a panic of landfall-task the report has what was known by then.
pub async fn run(
    config: &Config,
    store: &impl Store,
    plan: &Plan,
    stop: Stop,
    own: &Own,
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
        own,
        console,
        stop,
        attempt_files: Artifacts::new(store, Plan::attempt_prefix(&plan.run_id, config.attempt)),
        deadline: Instant::now() + Duration::from_secs(plan.timeout_seconds.into()),
        planned: plan.nodes.iter().map(|node| &node.id).chain(freshness).cloned().collect(),
        done: BTreeSet::new(),
        steps: Vec::new(),
        verdicts: Vec::new(),
        nodes: BTreeMap::new(),
        unplanned_nodes: BTreeSet::new(),
        stopped: None,
    };
    let broken = match caught(attempt.steps()).await {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(panic) => Some(Broken(format!("landfall-task itself failed, please report it: {panic}"))),
    };
    attempt.report(broken)
}

/// Awaits the future, and returns the message of its panic as an error.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Poll::Ready(Err(text.unwrap_or_else(|| "a panic without a message".to_owned())))
        }
    })
    .await
}

struct Attempt<'a, S> {
    config: &'a Config,
    plan: &'a Plan,
    store: &'a S,
    own: &'a Own,
    console: &'a mut Console,
    stop: Stop,
    attempt_files: Artifacts<'a, S>,
    deadline: Instant,
    planned: BTreeSet<NodeId>,
    /// What succeeded, in earlier attempts and so far in this one.
    done: BTreeSet<NodeId>,
    steps: Vec<StepResult>,
    /// The verdicts of `steps`; true marks the docs step.
    verdicts: Vec<(bool, Verdict)>,
    nodes: BTreeMap<NodeId, NodeResult>,
    unplanned_nodes: BTreeSet<NodeId>,
    /// A stop between two steps.
    stopped: Option<Stopped>,
}

impl<S: Store> Attempt<'_, S> {
    async fn steps(&mut self) -> Result<(), Broken> {
        self.introduce();
        let project = self.config.project_dir.join("dbt_project.yml");
        if !project.is_file() {
            let project = project.display();
            return Err(Broken(format!("there is no {project}: set LANDFALL_PROJECT_DIR to the dbt project's folder")));
        }
        self.done = self.succeeded_before().await;
        let steps = remaining::steps(self.plan, &self.done);
        if self.config.attempt > 1 {
            let all = self.plan.nodes.iter().filter(|node| self.done.contains(&node.id)).count();
            self.console.say(&format!("{} succeeded in earlier attempts and are left out", count(all, "node")));
        }

        let work = Workspace::open(self.config).map_err(|error| {
            Broken(format!(
                "there is no room for working files: {error}; mount a volume and set LANDFALL_WORK_DIR or TMPDIR"
            ))
        })?;
        let mut parse = self.fetch_parse(work.path()).await;
        for (index, step) in steps.iter().enumerate() {
            let is_docs = matches!(step, Step::Docs);
            let failed = self.verdicts.iter().any(|(_, verdict)| *verdict != Verdict::Passed);
            if failed && !is_docs {
                continue;
            }
            let docs = if is_docs { remaining::docs(self.plan, &self.done) } else { Docs::Everything };
            if docs == Docs::Nothing {
                continue;
            }
            if let Some(stopped) = self.stopped_now() {
                // Missing docs do not change what was built.
                self.stopped = self.stopped.or(Some(stopped).filter(|_| !is_docs));
                continue;
            }
            let numbers = (index + 1, steps.len());
            parse = self.step(numbers, step, &docs, &work, parse).await?;
        }
        Ok(())
    }

    fn introduce(&mut self) {
        let Plan { run_id, release, triggers, nodes, .. } = self.plan;
        let nodes = count(nodes.len(), "node");
        self.console.say(&format!("run {run_id}, attempt {}, release {release}: {nodes}", self.config.attempt));
        for trigger in triggers {
            self.console.say(&format!("why  {}: {}", trigger.trigger, trigger.reason));
        }
    }

    fn stopped_now(&self) -> Option<Stopped> {
        if *self.stop.borrow() {
            Some(Stopped::Signal)
        } else {
            (Instant::now() >= self.deadline).then_some(Stopped::Deadline)
        }
    }

    /// Returns the nodes that earlier attempts finished, by their results. The nodes of an attempt without a result run again.
    async fn succeeded_before(&mut self) -> BTreeSet<NodeId> {
        let mut done = BTreeSet::new();
        for earlier in 1..self.config.attempt {
            let key = RunResult::key(&self.plan.run_id, earlier);
            let result = match self.store.get(&key).await {
                Ok(Some(bytes)) => serde_json::from_slice::<RunResult>(&bytes).map_err(|error| error.to_string()),
                Ok(None) => Err("it has no result.json".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            match result {
                Ok(result) => {
                    done.extend(result.nodes.into_iter().filter(|node| node.status.is_success()).map(|node| node.id));
                }
                Err(reason) => self.console.say(&format!("nothing is known of attempt {earlier}: {reason}")),
            }
        }
        done.retain(|id| self.planned.contains(id));
        done
    }

    /// Fetches the release's saved parse, which saves dbt minutes in a large project. dbt checks that it fits.
    async fn fetch_parse(&mut self, work: &Path) -> Option<PathBuf> {
        let key = format!("releases/{}/partial_parse.msgpack", self.plan.release);
        let saved = match self.store.get(&key).await {
            Ok(Some(bytes)) => {
                let file = work.join("partial_parse.msgpack");
                tokio::fs::write(&file, bytes).await.map(|()| file).map_err(|error| error.to_string())
            }
            Ok(None) => Err("the release has none".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        saved
            .map_err(|reason| self.console.say(&format!("dbt parses the whole project: no saved parse ({reason})")))
            .ok()
    }

    /// Runs one step and records its result. Returns the parse that dbt left, for the next step.
    async fn step(
        &mut self,
        (number, of): (usize, usize),
        step: &Step,
        docs: &Docs,
        work: &Workspace,
        parse: Option<PathBuf>,
    ) -> Result<Option<PathBuf>, Broken> {
        let name = command::step_name(step);
        let expected = verdict::expected(step);
        let title = progress::step_title(step, number, of);
        self.console.say(&format!(
            "{title}{}",
            if expected.is_empty() { String::new() } else { format!(", {}", count(expected.len(), "node")) }
        ));

        let target = work.target(&format!("{number}-{name}"), parse.as_deref());
        let target = target.map_err(|error| Broken(format!("the target folder cannot be prepared: {error}")))?;
        let work = work.path();
        let logs = work.join("logs");
        let folders = Folders { project: &self.config.project_dir, target: &target, logs: &logs };
        let arguments = command::arguments(step, docs, folders).map_err(|error| Broken(error.to_string()))?;
        let mut dbt = Command::new(&self.config.dbt);
        dbt.args(arguments).current_dir(&self.config.project_dir);

        let log = work.join(artifacts::LOG);
        let shown = match step {
            Step::Freshness { sources, .. } => sources.clone(),
            _ => expected.clone(),
        };
        let redactor = self.config.redactor.clone();
        let opened = Listener::open(&log, Progress::new(shown), redactor, self.console);
        let mut listener = opened.map_err(|error| Broken(format!("{} cannot be written: {error}", log.display())))?;
        let begun = Instant::now();
        let limits = Limits { deadline: self.deadline, grace: self.config.stop_after };
        let ended = tokio::select! {
            ended = supervise(dbt, self.own, &mut self.stop, limits, |heard| listener.hear(heard)) => ended,
            never = self.attempt_files.keep_log(&log) => match never {},
        };
        let told = listener.told();
        let program = self.config.dbt.display();
        let ended = ended.map_err(|error| {
            Broken(format!("{program} cannot be run: {error}; set LANDFALL_DBT to the dbt program"))
        })?;
        let seconds = begun.elapsed().as_secs_f64();

        for (file, artifact) in artifacts::kept(step, number, self.attempt_files.names()) {
            if target.join(file).is_file() {
                self.attempt_files.put(&target.join(file), &artifact, &mut self.stop, self.console).await;
            }
        }
        self.attempt_files.put(&log, artifacts::LOG, &mut self.stop, self.console).await;

        let found = self.read_results(step, &target, told.invocation.as_deref()).await;
        let sorted = match step {
            Step::Build(_) | Step::Test(_) | Step::Freshness { .. } => {
                results::sort(told.heard.completed_by(found), &self.planned)
            }
            Step::RunOperation { .. } | Step::Docs => results::Sorted::default(),
        };
        let missing = verdict::missing(&expected, &sorted.nodes);
        let verdict = verdict::verdict(ended, &missing);
        let said = told.said.filter(|_| !sorted.nodes.iter().any(|node| node.status.is_failure()));
        let message = verdict::step_message(ended, verdict, &expected, &missing, said.as_deref());
        let message = message.map(|message| self.config.redactor.clean(&message).into_owned());
        self.console.say(&progress::step_end(&title, &sorted.nodes, verdict, message.as_deref(), seconds));

        self.steps.push(StepResult {
            step: name.to_owned(),
            exit_code: ended.code,
            seconds: rounded(seconds),
            message,
        });
        self.verdicts.push((matches!(step, Step::Docs), verdict));
        self.unplanned_nodes.extend(sorted.unplanned_nodes);
        for mut node in sorted.nodes {
            if node.status.is_success() {
                self.done.insert(node.id.clone());
            }
            node.message = node.message.map(|message| self.config.redactor.clean(&message).into_owned());
            node.seconds = rounded(node.seconds);
            self.nodes.insert(node.id.clone(), node);
        }
        let parse = target.join("partial_parse.msgpack");
        Ok(parse.is_file().then_some(parse))
    }

    /// Reads the step's `run_results.json` or sources.json, if dbt wrote one in this invocation.
    async fn read_results(&mut self, step: &Step, target: &Path, invocation: Option<&str>) -> Option<Artifact> {
        let file = match step {
            Step::Build(_) | Step::Test(_) => "run_results.json",
            Step::Freshness { .. } => "sources.json",
            Step::RunOperation { .. } | Step::Docs => return None,
        };
        // Absent if dbt ended early or was killed. Then only the log has results.
        let bytes = tokio::fs::read(target.join(file)).await.ok()?;
        match results::read(&bytes) {
            Ok(found) if invocation.is_none_or(|invocation| invocation == found.invocation) => Some(found),
            Ok(found) => {
                self.console.say(&format!("{file} is of another invocation ({}): not counted", found.invocation));
                None
            }
            Err(error) => {
                self.console.say(&format!("{file} cannot be read: {error}"));
                None
            }
        }
    }

    fn report(self, broken: Option<Broken>) -> Report {
        let nodes: Vec<NodeResult> = self.nodes.into_values().collect();
        let docs_count = self.verdicts.iter().all(|(is_docs, _)| *is_docs);
        let messages: Vec<(String, Option<String>)> = self
            .steps
            .iter()
            .filter(|step| docs_count || step.step != "docs")
            .map(|step| (step.step.clone(), step.message.clone()))
            .collect();
        let outcome = if broken.is_some() { Outcome::Broken } else { verdict::outcome(&self.verdicts, self.stopped) };
        let message = broken.map(|broken| broken.to_string());
        let message = message.or_else(|| verdict::message(outcome, self.planned.len(), &nodes, &messages));
        Report {
            outcome,
            message,
            steps: self.steps,
            nodes,
            unplanned_nodes: self.unplanned_nodes.into_iter().collect(),
            artifacts: self.attempt_files.names().iter().cloned().collect(),
        }
    }
}

/// Rounds to milliseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_message() {
        let caught = caught(async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "no way");
        });
        assert!(caught.await.unwrap_err().contains("no way"));
    }
}
