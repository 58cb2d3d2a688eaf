//! A board with the example release, and functions that feed it events.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use landfall_manifest::Index;

use crate::{
    Board, Claim, ClaimRecord, CompileInput, Context, DatasetLoaded, Decision, InboundEvent, Input, LandfallYml,
    LedgerLine, NodeId, NodeResult, NodeStatus, Nonce, ObjectEvent, OperatorAction, OperatorCommand, Outcome, Plan,
    ProtocolRules, RESULT_VERSION, Release, ReleaseId, RunId, RunResult, StepResult, StopClass, StoppedTask,
    StoredBoard, TaskArn, TaskSettings, compile, decide,
};

pub(super) const PROJECT: &str = r#"
version: 1
loads: { by_tag: true, exclude: "tag:nightly", ready: { quiet: 2s, at_most: 10s } }
datasets:
  jaffle.raw_orders: { location: "s3://landing-bucket/orders/", select: "tag:orders+" }
  jaffle.raw_customers: { location: "s3://landing-bucket/customers/", select: "tag:customers+" }
  crm.accounts: { location: "s3://landing-bucket/accounts/", ready: { event: true }, before: [{ run-operation: load_accounts }] }
jobs:
  nightly-qa: { schedule: "cron(0 4 * * ? *)", test: { select: "tag:qa" } }
runs: { max_parallel: 2, timeout: 10m }
docs: { every: 0s }
"#;

/// A change of the example's manifest.
pub(super) type Edit<'a> = &'a dyn Fn(&mut serde_json::Value);

fn manifest() -> Vec<u8> {
    zstd::decode_all(&include_bytes!("../../../fixtures/example-manifest.json.zst")[..]).unwrap()
}

pub(super) fn index() -> Index {
    Index::from_slice(&manifest()).unwrap()
}

pub(super) fn index_of(edit: Edit<'_>) -> Index {
    let mut value = serde_json::from_slice(&manifest()).unwrap();
    edit(&mut value);
    Index::from_slice(&serde_json::to_vec(&value).unwrap()).unwrap()
}

pub(super) fn release(id: &str, yaml: &str, base: Option<&Release>) -> Release {
    of_index(id, yaml, base, index())
}

pub(super) fn release_of(id: &str, yaml: &str, base: Option<&Release>, edit: Edit<'_>) -> Release {
    of_index(id, yaml, base, index_of(edit))
}

fn of_index(id: &str, yaml: &str, base: Option<&Release>, index: Index) -> Release {
    let compiled = compile(&CompileInput {
        id: &ReleaseId::parse(id).unwrap(),
        index: &index,
        project: &LandfallYml::from_yaml(yaml).unwrap(),
        landing_bucket: Some("landing-bucket"),
        base,
        existing: &BTreeSet::new(),
        task_definition: None,
    });
    Release::new(compiled.unwrap(), index)
}

pub(super) struct World {
    pub(super) board: Board,
    pub(super) release: Release,
    pub(super) now: Timestamp,
    pub(super) plans: Vec<Plan>,
    pub(super) lines: Vec<LedgerLine>,
    writes: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(PROJECT)
    }

    pub(super) fn with(yaml: &str) -> Self {
        let first = release("r1", yaml, None);
        if yaml.contains("first: build") { Self::released(first) } else { Self::on(first) }
    }

    /// A board of which the first release is in place and left nothing pending, so that a test sees its own events
    /// alone.
    pub(super) fn on(release: Release) -> Self {
        let mut world = Self::released(release);
        world.board.backlog.clear();
        world.board.runs.clear();
        world.board.budget.runs = 0;
        (world.plans, world.lines) = (Vec::new(), Vec::new());
        world
    }

    /// A board on which the first release was just put in place.
    pub(super) fn released(release: Release) -> Self {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut world = Self { board: Board::new(now), release, now, plans: Vec::new(), lines: Vec::new(), writes: 0 };
        let nonce = Nonce::parse("1").unwrap();
        let settings = TaskSettings::default();
        let context = Context { now, nonce: &nonce, release: None, task: Some(&settings), rules: &ProtocolRules };
        let decision = decide(&world.board, &Input::Offer { release: &world.release, force: false }, &context);
        world.keep(decision, None);
        world
    }

    fn keep(&mut self, decision: Decision, offered: Option<&Release>) {
        let stored = StoredBoard::from_json(&decision.board.to_json().unwrap()).unwrap();
        let known = offered.into_iter().chain([&self.release]).find(|release| stored.release() == Some(release.id()));
        self.board = stored.with(known).unwrap();
        assert_eq!(self.board, decision.board, "a board reads back from its JSON");
        self.plans.extend(decision.plans);
        self.lines.extend(decision.lines);
    }

    /// Decides the input at the current time and keeps the decision.
    pub(super) fn decide(&mut self, input: &Input<'_>) {
        self.writes += 1;
        let nonce = Nonce::parse(format!("{:x}", self.writes)).unwrap();
        let settings = TaskSettings { task_definition: "dbt:1".to_owned(), ..TaskSettings::default() };
        let context = Context {
            now: self.now,
            nonce: &nonce,
            release: Some(&self.release),
            task: Some(&settings),
            rules: &ProtocolRules,
        };
        let decision = decide(&self.board, input, &context);
        assert_eq!(decision, decide(&self.board, input, &context), "a decision is a function of its arguments");
        let offered = match input {
            Input::Offer { release, .. } => Some(*release),
            _ => None,
        };
        self.keep(decision, offered);
    }

    /// Offers a release, and keeps it as the one in place if it was accepted.
    pub(super) fn offer(&mut self, next: Release, force: bool) {
        self.decide(&Input::Offer { release: &next, force });
        if self.board.release.as_ref() == Some(next.id()) {
            self.release = next;
        }
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.decide(&Input::Tick);
    }

    pub(super) fn object(&self, key: &str) -> ObjectEvent {
        ObjectEvent {
            event_id: format!("event {key}"),
            time: self.now,
            bucket: "landing-bucket".to_owned(),
            key: key.to_owned(),
            version_id: None,
            etag: Some("e".to_owned()),
            sequencer: Some(self.now.as_millisecond().to_string()),
            size: Some(1),
            reason: Some("PutObject".to_owned()),
        }
    }

    pub(super) fn land(&mut self, key: &str) {
        let event = InboundEvent::ObjectCreated(self.object(key));
        self.decide(&Input::Events(&[event]));
    }

    pub(super) fn loaded(&mut self, dataset: &str, batch: &str) {
        let event = DatasetLoaded {
            event_id: format!("batch {batch}"),
            time: self.now,
            dataset: dataset.to_owned(),
            loaded_at: None,
            batch_id: Some(batch.to_owned()),
        };
        self.decide(&Input::Events(&[InboundEvent::DatasetLoaded(event)]));
    }

    /// Sends an operator command now.
    pub(super) fn action(&mut self, action: OperatorAction) {
        let command = OperatorCommand::received(format!("command {}", self.writes), self.now, self.now, action);
        self.decide(&Input::Events(&[InboundEvent::Command(command)]));
    }

    pub(super) fn last_plan(&self) -> Plan {
        self.plans.last().unwrap().clone()
    }

    pub(super) fn last_outcome(&self) -> String {
        let line = self.lines.last().unwrap();
        format!("{:?}: {}", line.outcome, line.detail)
    }

    pub(super) fn arn(run: &RunId, attempt: u32) -> TaskArn {
        TaskArn::parse(format!("arn:aws:ecs:x:task/{run}/{attempt}")).unwrap()
    }

    pub(super) fn start(&mut self) -> (RunId, u32) {
        let (run, attempt) =
            self.board.runs.iter().map(|(id, run)| (id.clone(), run.attempt.number)).next_back().unwrap();
        self.decide(&Input::Started { run: run.clone(), attempt, task_arn: Self::arn(&run, attempt) });
        (run, attempt)
    }

    /// The stop of a task. Every planned node has the status that `status` returns. A node without one is left out.
    pub(super) fn stop_of(
        &self,
        run: &RunId,
        attempt: u32,
        outcome: Outcome,
        status: impl Fn(&NodeId) -> Option<NodeStatus>,
    ) -> StoppedTask {
        let plan = self.plans.iter().find(|plan| plan.run_id == *run).unwrap();
        let arn = Self::arn(run, attempt);
        let node = |id: &NodeId, status| NodeResult {
            id: id.clone(),
            status,
            seconds: 0.1,
            message: Some("dbt's message".to_owned()),
            failures: None,
        };
        let result = RunResult {
            version: RESULT_VERSION,
            run_id: run.clone(),
            attempt,
            task_arn: arn.clone(),
            started_at: self.now,
            finished_at: self.now,
            outcome,
            message: None,
            steps: vec![StepResult { step: "run_operation".into(), exit_code: Some(0), seconds: 1.0, message: None }],
            nodes: plan.nodes.iter().filter_map(|planned| Some(node(&planned.id, status(&planned.id)?))).collect(),
            unplanned_nodes: Vec::new(),
            unfinished_batches: std::collections::BTreeMap::new(),
            artifacts: vec!["catalog.json".to_owned()],
        };
        StoppedTask {
            run: run.clone(),
            attempt,
            task_arn: arn.clone(),
            reason: "exit code 0".to_owned(),
            class: StopClass::Exited,
            exit_code: Some(0),
            claim: Some(ClaimRecord { claim: Claim::Task { task_arn: arn }, written_at: self.now }),
            result: Some(result),
        }
    }

    pub(super) fn stop(&mut self, stop: StoppedTask) {
        self.decide(&Input::Stopped(Box::new(stop)));
    }

    /// Starts the last planned run and lets it succeed.
    pub(super) fn succeed(&mut self) -> Plan {
        let (run, attempt) = self.start();
        let stop = self.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
        self.stop(stop);
        self.plans.iter().find(|plan| plan.run_id == run).unwrap().clone()
    }

    /// Lands an object, waits for the quiet time, and lets the run succeed.
    pub(super) fn load(&mut self, key: &str) -> Plan {
        self.land(key);
        self.wait(2);
        self.succeed()
    }

    pub(super) fn backlog(&self, trigger: &str) -> usize {
        self.board.backlog.get(&trigger.parse().unwrap()).map_or(0, |entry| entry.nodes.len())
    }
}

/// The names of the models and seeds of a plan.
pub(super) fn models(plan: &Plan) -> Vec<&str> {
    let ids = plan.nodes.iter().map(|node| node.id.as_str());
    ids.filter_map(|id| id.strip_prefix("model.jaffle.").or_else(|| id.strip_prefix("seed.jaffle."))).collect()
}
