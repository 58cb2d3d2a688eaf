//! The task in ECS: the rules of the container (`container/src`), with dbt reduced to which relation is written when,
//! and from which data.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use landfall_planner::{
    Claim, NodeId, NodeResult, NodeStatus, Outcome, Plan, RESULT_VERSION, RunId, RunResult, Step, StepResult, TaskArn,
    invariants::Hold,
};

use crate::{
    exec::{Call, Fate, Shared, die, step, wait},
    mutants::Misbehaviour,
    project::{Kind, Node},
    scenario::{MINUTE, Ms, SECOND},
    world::{Happening, Seen, World, at},
};

/// Runs the task of an attempt to its end. Returns the exit code of its process.
pub async fn run(world: Shared, arn: TaskArn, run: RunId, attempt: u32) -> i32 {
    let Some(plan) = read(&world, |world| world.plans.get(&run).cloned()).await.flatten() else { return 3 };
    if !claims(&world, &arn, &run, attempt).await {
        world.borrow_mut().say(|| format!("{arn} has no claim and exits"));
        return 4;
    }
    let Some(done) = read(&world, |world| done_before(world, &run, attempt)).await else { return 3 };
    hold(&mut world.borrow_mut(), &arn, &plan, attempt);
    let mut dbt = Dbt { world: &world, arn: &arn, run: &run, attempt, plan: &plan, results: Vec::new() };
    let (steps, outcome) = dbt.steps(&done).await;
    let results = dbt.results;
    let artifacts =
        if results.iter().any(|node| node.status.is_success()) { vec!["catalog.json".to_owned()] } else { Vec::new() };
    let result = {
        let now = at(world.borrow().now);
        RunResult {
            version: RESULT_VERSION,
            run_id: run.clone(),
            attempt,
            task_arn: arn.clone(),
            started_at: now,
            finished_at: now,
            outcome,
            message: None,
            steps,
            nodes: results,
            unplanned_nodes: Vec::new(),
            unfinished_batches: std::collections::BTreeMap::new(),
            artifacts,
        }
    };
    for _ in 0..5 {
        let fate = step(&world, Call::Write).await;
        if matches!(fate, Fate::Done | Fate::ReplyLost | Fate::Dies) {
            let mut world = world.borrow_mut();
            // The docs files are written before the result, which is last.
            if !result.artifacts.is_empty() && !world.results.contains_key(&(run.clone(), attempt)) {
                let version = world.version(&plan.release);
                let scenario = Rc::clone(&world.scenario);
                if let Some(project) = scenario.versions.get(version) {
                    world.leave_docs(&result, project);
                }
            }
            world.results.entry((run.clone(), attempt)).or_insert_with(|| result.clone());
        }
        match fate {
            Fate::Done => break,
            Fate::Dies => die().await,
            Fate::ReplyLost | Fate::Refused | Fate::Late(_) | Fate::Conflict => {}
        }
        wait(&world, SECOND).await;
    }
    i32::from(outcome != Outcome::Succeeded)
}

/// Reads, with some retries.
async fn read<T>(world: &Shared, look: impl Fn(&World) -> T) -> Option<T> {
    for _ in 0..8 {
        match step(world, Call::Read).await {
            Fate::Done => return Some(look(&world.borrow())),
            Fate::Dies => die().await,
            _ => wait(world, SECOND).await,
        }
    }
    None
}

/// Whether the attempt belongs to this task: it wrote the claim, or finds its own claim after a lost reply.
async fn claims(world: &Shared, arn: &TaskArn, run: &RunId, attempt: u32) -> bool {
    let (key, claim) = ((run.clone(), attempt), Claim::Task { task_arn: arn.clone() });
    if world.borrow().misbehaves(Misbehaviour::ClaimIgnored) {
        world.borrow_mut().claim(&key, &claim);
        return true;
    }
    for _ in 0..7 {
        let fate = step(world, Call::Conditional).await;
        if matches!(fate, Fate::Done | Fate::ReplyLost | Fate::Dies) {
            world.borrow_mut().claim(&key, &claim);
        }
        match fate {
            Fate::Done => return world.borrow().claims.get(&key).is_some_and(|(there, _)| *there == claim),
            Fate::Late(after) => {
                let (key, claim) = (key.clone(), claim.clone());
                let effect = move |world: &mut World| {
                    world.claim(&key, &claim);
                };
                world.borrow_mut().later(after, Happening::Effect(Box::new(effect)));
            }
            Fate::Dies => die().await,
            Fate::ReplyLost | Fate::Refused | Fate::Conflict => {}
        }
        wait(world, SECOND).await;
        if let Some(Some(there)) = read(world, |world| world.claims.get(&key).map(|(there, _)| there.clone())).await {
            return there == claim;
        }
    }
    false
}

fn done_before(world: &World, run: &RunId, attempt: u32) -> BTreeSet<NodeId> {
    let before = (1..attempt).filter_map(|attempt| world.results.get(&(run.clone(), attempt)));
    before
        .flat_map(|result| &result.nodes)
        .filter(|node| node.status.is_success())
        .map(|node| node.id.clone())
        .collect()
}

/// Records the relations that the process may write from here to its end.
fn hold(world: &mut World, arn: &TaskArn, plan: &Plan, attempt: u32) {
    let exclusive = world.releases.get(&plan.release).is_some_and(|release| release.compiled.exclusive);
    let project = world.scenario.versions.get(world.version(&plan.release));
    let by_node = world.misbehaves(Misbehaviour::RelationsByNode);
    let table = |relation: &str| match project.filter(|_| by_node) {
        Some(project) => project.table_named_after_node(relation),
        None => relation.to_owned(),
    };
    let hold = Hold {
        run: plan.run_id.clone(),
        attempt,
        task_arn: arn.clone(),
        // The tables themselves, whatever names the leases go by.
        writes: plan.nodes.iter().filter_map(|node| node.relation.as_deref()).map(table).collect(),
        reads: plan.reads.iter().map(|relation| table(relation)).collect(),
        exclusive,
        from: world.now,
        to: None,
    };
    let number = world.holds.len();
    world.holds.push(hold);
    if let Some(task) = world.tasks.get_mut(arn) {
        task.hold = Some(number);
    }
    let ran = world.ran.entry((plan.run_id.clone(), attempt)).or_default();
    ran.push(arn.clone());
    if ran.len() > 1 {
        let what = format!(
            "attempt {attempt} of {} was run by {}",
            plan.run_id,
            ran.iter().map(TaskArn::as_str).collect::<Vec<_>>().join(" and ")
        );
        world.violated("L7", what);
    }
    if let Some((there, _)) = world.claims.get(&(plan.run_id.clone(), attempt)).cloned()
        && !matches!(&there, Claim::Task { task_arn } if task_arn == arn)
    {
        world.violated("L7", format!("{arn} runs dbt, and the claim is {there:?}"));
    }
    world.say(|| format!("{arn} runs dbt for attempt {attempt} of {}", plan.run_id));
}

/// A running dbt.
struct Dbt<'a> {
    world: &'a Shared,
    arn: &'a TaskArn,
    run: &'a RunId,
    attempt: u32,
    plan: &'a Plan,
    results: Vec<NodeResult>,
}

impl Dbt<'_> {
    async fn steps(&mut self, done: &BTreeSet<NodeId>) -> (Vec<StepResult>, Outcome) {
        let mut steps = Vec::new();
        for planned in &self.plan.steps {
            let (name, nodes) = match planned {
                Step::RunOperation { .. } => ("run_operation", Vec::new()),
                Step::Freshness { .. } => ("freshness", Vec::new()),
                Step::Build(selection) => ("build", selection.nodes.clone()),
                Step::Test(selection) => ("test", selection.nodes.clone()),
                Step::Docs => ("docs", Vec::new()),
            };
            let outcome = self.nodes(&nodes, done).await;
            let exit_code = Some(i32::from(outcome != Outcome::Succeeded));
            steps.push(StepResult { step: name.to_owned(), exit_code, seconds: 1.0, message: None });
            if outcome != Outcome::Succeeded {
                return (steps, outcome);
            }
        }
        (steps, Outcome::Succeeded)
    }

    /// Builds and tests these nodes in dbt's order. A node is skipped if a parent failed.
    async fn nodes(&mut self, wanted: &[NodeId], done: &BTreeSet<NodeId>) -> Outcome {
        let project = {
            let world = self.world.borrow();
            let version = world.version(&self.plan.release);
            world.scenario.versions.get(version).cloned()
        };
        let Some(project) = project else { return Outcome::Broken };
        let names: HashMap<&str, &Node> = project.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
        let mut failed: BTreeSet<String> = BTreeSet::new();
        let begun = self.world.borrow().now;
        for node in &project.nodes {
            let Ok(id) = NodeId::parse(node.id()) else { continue };
            if !wanted.contains(&id) || done.contains(&id) {
                continue;
            }
            let (interrupted, timeout) = {
                let world = self.world.borrow();
                (world.tasks.get(self.arn).is_some_and(|task| task.told_to_stop), world.scenario.timeout)
            };
            if interrupted {
                return Outcome::Interrupted;
            }
            if self.world.borrow().now - begun > timeout {
                return Outcome::TimedOut;
            }
            let skipped = node.parents.iter().any(|parent| failed.contains(parent));
            let status = if skipped { NodeStatus::Skipped } else { self.node(node, &names).await };
            if !status.is_success() {
                failed.insert(node.name.clone());
                if node.kind == Kind::Test {
                    failed.extend(node.parents.iter().cloned());
                }
            }
            self.results.push(NodeResult { id, status, seconds: 1.0, message: None, failures: None });
        }
        if failed.is_empty() { Outcome::Succeeded } else { Outcome::Failed }
    }

    async fn node(&self, node: &Node, names: &HashMap<&str, &Node>) -> NodeStatus {
        let (seen, time) = {
            let mut world = self.world.borrow_mut();
            (self.reads(&mut world, node, names), world.rng.i64(SECOND..20 * SECOND))
        };
        wait(self.world, time).await;
        let hangs = {
            let mut world = self.world.borrow_mut();
            let rate = world.scenario.rates.task_hangs;
            world.strikes(rate / 4, "a task hangs")
        };
        if hangs {
            wait(self.world, HANGS).await;
        }
        let mut world = self.world.borrow_mut();
        let rate = world.scenario.rates.node_fails;
        if world.strikes(rate, "a node fails") {
            return if node.kind == Kind::Test { NodeStatus::Fail } else { NodeStatus::Error };
        }
        world.say(|| format!("{}: {} of {} has read {seen:?}", self.arn, node.name, self.run));
        world.content.insert(content_key(node), seen);
        if node.kind != Kind::Test {
            world.codes.insert(content_key(node), node.code);
        }
        NodeStatus::Success
    }

    /// Until when the node's parents have read each dataset now.
    fn reads(&self, world: &mut World, node: &Node, names: &HashMap<&str, &Node>) -> Seen {
        let mut seen = Seen::new();
        for parent in &node.parents {
            if let Some(source) = parent.strip_prefix("raw.") {
                let now = world.now;
                seen.entry(source.to_owned()).and_modify(|until| *until = (*until).min(now)).or_insert(now);
                continue;
            }
            let Some(parent) = names.get(parent.as_str()) else { continue };
            let Some(theirs) = world.content.get(&content_key(parent)).cloned() else {
                let what = format!(
                    "{} of attempt {} of {} reads {}, which was never built",
                    node.name, self.attempt, self.run, parent.name
                );
                world.violated("L2", what);
                continue;
            };
            for (dataset, until) in theirs {
                seen.entry(dataset).and_modify(|known| *known = (*known).min(until)).or_insert(until);
            }
        }
        seen
    }
}

/// The key of a node's content: its table, or the name of a test.
pub fn content_key(node: &Node) -> String {
    if node.kind == Kind::Test { format!("test {}", node.name) } else { node.alias.clone() }
}

/// How long a task hangs.
pub const HANGS: Ms = 40 * MINUTE;
