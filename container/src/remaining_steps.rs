//! The steps that an attempt still has to run: the plan without the nodes that earlier attempts built.

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{EventWindow, NodeId, Plan, PlannedNode, Selection, Step, UnfinishedBatches};

/// What remains of microbatch models.
pub type Unfinished = BTreeMap<NodeId, UnfinishedBatches>;

/// One invocation of dbt: a step, or one window of a microbatch model in a build step.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The step, or what remains of it.
    pub step: Step,
    /// The window of event time to build, if the invocation builds unfinished batches.
    pub window: Option<EventWindow>,
}

/// Returns the plan's steps without the nodes in `done`.
///
/// A step without remaining nodes is left out. A run operation usually loads the data that the build reads, so it is
/// repeated while any node remains. [`Step::Docs`] always stays, because it documents what all attempts built.
pub fn invocations(plan: &Plan, done: &BTreeSet<NodeId>, unfinished: &Unfinished) -> Vec<Invocation> {
    let expressions = expressions(plan);
    steps(plan, done).into_iter().flat_map(|step| with_windows(step, unfinished, &expressions)).collect()
}

/// Returns the step, and before it one invocation for each unfinished window of its nodes. A node is left out of the
/// step if its windows are all that remains of it. A full refresh builds all batches, so it needs no windows, except
/// those that an attempt of this run left of it.
fn with_windows(step: Step, unfinished: &Unfinished, expressions: &BTreeMap<&NodeId, &str>) -> Vec<Invocation> {
    let Step::Build(selection) = &step else { return vec![Invocation { step, window: None }] };
    let mut invocations = Vec::new();
    let mut only_windows = BTreeSet::new();
    for id in &selection.nodes {
        let Some(left) = unfinished.get(id) else { continue };
        if selection.full_refresh && !left.others_built {
            continue;
        }
        if left.others_built {
            only_windows.insert(id.clone());
        }
        let select = expressions.get(id).map(|text| (*text).to_owned());
        let selection =
            Selection { nodes: vec![id.clone()], select: select.into_iter().collect(), ..Selection::default() };
        invocations.extend(
            left.windows
                .iter()
                .map(|window| Invocation { step: Step::Build(selection.clone()), window: Some(*window) }),
        );
    }
    let rest =
        if only_windows.is_empty() { Some(selection.clone()) } else { narrow(selection, &only_windows, expressions) };
    invocations.extend(rest.map(|selection| Invocation { step: Step::Build(selection), window: None }));
    invocations
}

/// The expression of each node for which the plan has one. Plans for dbt 1.x have none, because dbt gets the ids.
fn expressions(plan: &Plan) -> BTreeMap<&NodeId, &str> {
    let named = plan.nodes.iter().filter(|node| !node.select.is_empty());
    named.map(|node| (&node.id, node.select.as_str())).collect()
}

fn steps(plan: &Plan, done: &BTreeSet<NodeId>) -> Vec<Step> {
    let expressions = expressions(plan);
    let narrowed = |selection: &Selection| narrow(selection, done, &expressions);
    let builds = plan.steps.iter().any(|step| matches!(step, Step::Build(_) | Step::Test(_)));
    let has_remaining = plan.steps.iter().any(|step| match step {
        Step::Build(selection) | Step::Test(selection) => narrowed(selection).is_some(),
        _ => false,
    });
    plan.steps
        .iter()
        .filter_map(|step| match step {
            Step::Build(selection) => narrowed(selection).map(Step::Build),
            Step::Test(selection) => narrowed(selection).map(Step::Test),
            Step::Freshness { sources, .. } => sources.iter().any(|id| !done.contains(id)).then(|| step.clone()),
            Step::RunOperation { .. } => (has_remaining || !builds).then(|| step.clone()),
            Step::Docs => Some(Step::Docs),
        })
        .collect()
}

/// Returns the selection without the nodes in `done`, or `None` if no node remains.
///
/// Plans for dbt 1.x may lack the nodes' expressions, because dbt gets the ids.
fn narrow(selection: &Selection, done: &BTreeSet<NodeId>, expressions: &BTreeMap<&NodeId, &str>) -> Option<Selection> {
    let remaining: Vec<NodeId> = selection.nodes.iter().filter(|id| !done.contains(*id)).cloned().collect();
    if remaining.is_empty() {
        return None;
    }
    if remaining.len() == selection.nodes.len() {
        return Some(selection.clone());
    }
    let select = remaining.iter().filter_map(|id| expressions.get(id)).map(|text| (*text).to_owned()).collect();
    Some(Selection { nodes: remaining, select, exclude: Vec::new(), full_refresh: selection.full_refresh })
}

/// The nodes that `dbt docs generate` documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocsScope {
    /// The run built nothing, so the docs step is left out.
    Nothing,
    /// The whole project, because the plan has a docs step only.
    Everything,
    /// The relations that the run built.
    Built {
        /// The nodes' unique ids.
        nodes: Vec<NodeId>,
        /// The nodes as dbt selectors, where the plan has them.
        select: Vec<String>,
    },
}

/// Returns the nodes to document, from the nodes that succeeded in this attempt and earlier ones. Tests are left out:
/// the catalog does not contain them, and to compile them can cost warehouse queries.
pub fn docs_scope(plan: &Plan, succeeded: &BTreeSet<NodeId>) -> DocsScope {
    if plan.nodes.is_empty() {
        return DocsScope::Everything;
    }
    let is_test = |id: &NodeId| id.as_str().starts_with("test.") || id.as_str().starts_with("unit_test.");
    let built = |node: &&PlannedNode| node.relation.is_some() && !is_test(&node.id) && succeeded.contains(&node.id);
    let nodes: Vec<NodeId> = plan.nodes.iter().filter(built).map(|node| node.id.clone()).collect();
    if nodes.is_empty() {
        return DocsScope::Nothing;
    }
    let select = plan.nodes.iter().filter(built).map(|node| node.select.clone()).filter(|text| !text.is_empty());
    DocsScope::Built { nodes, select: select.collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let node = |text: &str, relation: Option<&str>| PlannedNode {
            id: id(text),
            select: format!("fqn:{text}"),
            parents: Vec::new(),
            relation: relation.map(str::to_owned),
        };
        let mut plan: Plan = serde_json::from_value(json!({
            "version": 3, "run_id": "r", "release": "v", "created_at": "2026-11-22T17:14:17Z", "triggers": [], "steps": [], "nodes": [],
            "writes": [], "reads": [], "timeout_seconds": 60,
            "task": {"cluster": "", "task_definition": "", "container": "", "subnets": [], "security_groups": [],
                     "assign_public_ip": false, "state_bucket": ""},
        }))
        .unwrap();
        plan.nodes = vec![node("model.s.a", Some("a")), node("model.s.b", Some("b")), node("test.s.t", None)];
        plan.steps = steps;
        plan
    }

    fn build() -> Step {
        Step::Build(Selection {
            nodes: vec![id("model.s.a"), id("model.s.b"), id("test.s.t")],
            select: vec!["tag:x+".to_owned()],
            exclude: vec!["tag:y".to_owned()],
            full_refresh: true,
        })
    }

    fn load() -> Step {
        Step::RunOperation { operation: "load".to_owned(), args: BTreeMap::new() }
    }

    #[test]
    fn the_first_attempt_runs_the_steps_of_the_plan_unchanged() {
        let plan = plan(vec![load(), build(), Step::Docs]);
        assert_eq!(steps(&plan, &BTreeSet::new()), plan.steps);
    }

    #[test]
    fn a_later_attempt_selects_the_remaining_nodes_and_repeats_the_run_operation() {
        let plan = plan(vec![load(), build(), Step::Docs]);
        let left = steps(&plan, &BTreeSet::from([id("model.s.a")]));
        let selection = Selection {
            nodes: vec![id("model.s.b"), id("test.s.t")],
            select: vec!["fqn:model.s.b".to_owned(), "fqn:test.s.t".to_owned()],
            exclude: Vec::new(),
            full_refresh: true,
        };
        assert_eq!(left, [load(), Step::Build(selection), Step::Docs]);
    }

    #[test]
    fn after_all_nodes_are_built_only_the_docs_step_remains() {
        let done = BTreeSet::from([id("model.s.a"), id("model.s.b"), id("test.s.t")]);
        assert_eq!(steps(&plan(vec![load(), build(), Step::Docs]), &done), [Step::Docs]);
        assert_eq!(steps(&plan(vec![load()]), &done), [load()], "a plan with a run operation only repeats it");
    }

    fn window(year: i16) -> EventWindow {
        let at = |year: i16| format!("{year}-01-01T00:00:00Z").parse().unwrap();
        EventWindow { start: at(year), end: at(year + 1) }
    }

    fn left(others_built: bool) -> Unfinished {
        BTreeMap::from([(
            id("model.s.a"),
            UnfinishedBatches { windows: vec![window(2022), window(2024)], others_built },
        )])
    }

    fn shown(plan: &Plan, unfinished: &Unfinished) -> Vec<(Vec<String>, Option<EventWindow>)> {
        let of = |invocation: Invocation| match invocation.step {
            Step::Build(selection) => (selection.nodes.iter().map(ToString::to_string).collect(), invocation.window),
            _ => (Vec::new(), invocation.window),
        };
        invocations(plan, &BTreeSet::new(), unfinished).into_iter().map(of).collect()
    }

    #[test]
    fn each_unfinished_window_is_built_before_the_step_with_its_model() {
        let mut plan = plan(vec![build(), Step::Docs]);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let all = names(&["model.s.a", "model.s.b", "test.s.t"]);
        assert_eq!(
            shown(&plan, &left(true)),
            [
                (names(&["model.s.a"]), Some(window(2022))),
                (names(&["model.s.a"]), Some(window(2024))),
                (names(&["model.s.b", "test.s.t"]), None),
                (vec![], None)
            ],
            "the run has built the other batches already"
        );
        assert_eq!(shown(&plan, &left(false)), [(all.clone(), None), (vec![], None)], "a full refresh builds all");
        if let Some(Step::Build(selection)) = plan.steps.first_mut() {
            selection.full_refresh = false;
        }
        let shown = shown(&plan, &left(false));
        assert_eq!(
            shown[2],
            (all, None),
            "an earlier run left the windows, and this one builds the newest batches too"
        );
        assert_eq!(shown.len(), 4);
    }

    #[test]
    fn the_docs_step_documents_the_relations_that_were_built() {
        let plan = plan(vec![build(), Step::Docs]);
        assert_eq!(docs_scope(&plan, &BTreeSet::from([id("test.s.t")])), DocsScope::Nothing);
        let succeeded = BTreeSet::from([id("model.s.b"), id("test.s.t")]);
        let built = DocsScope::Built { nodes: vec![id("model.s.b")], select: vec!["fqn:model.s.b".to_owned()] };
        assert_eq!(docs_scope(&plan, &succeeded), built);
    }
}
