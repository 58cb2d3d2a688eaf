//! The remaining steps of an attempt: the plan without the nodes that earlier attempts finished.

use std::collections::{BTreeMap, BTreeSet};

use landfall_planner::{NodeId, Plan, Selection, Step};

/// Returns the plan's steps without the nodes that are `done`. A step without nodes is left out. An operation, which usually loads what the build reads,
/// is repeated as long as a node is left. [`Step::Docs`] always stays, because it shows what all attempts built.
pub fn steps(plan: &Plan, done: &BTreeSet<NodeId>) -> Vec<Step> {
    let expressions: BTreeMap<&NodeId, &str> = plan.nodes.iter().map(|node| (&node.id, node.select.as_str())).collect();
    let narrowed = |selection: &Selection| narrow(selection, done, &expressions);
    let builds = plan.steps.iter().any(|step| matches!(step, Step::Build(_) | Step::Test(_)));
    let left = plan.steps.iter().any(|step| match step {
        Step::Build(selection) | Step::Test(selection) => narrowed(selection).is_some(),
        _ => false,
    });
    plan.steps
        .iter()
        .filter_map(|step| match step {
            Step::Build(selection) => narrowed(selection).map(Step::Build),
            Step::Test(selection) => narrowed(selection).map(Step::Test),
            Step::Freshness { sources, .. } => sources.iter().any(|id| !done.contains(id)).then(|| step.clone()),
            Step::RunOperation { .. } => (left || !builds).then(|| step.clone()),
            Step::Docs => Some(Step::Docs),
        })
        .collect()
}

/// Returns the selection without the nodes that are done. If the plan has no expression for a node, which the planner never writes, the selection stays
/// as it is: building a node twice is safe, skipping one loses it.
fn narrow(selection: &Selection, done: &BTreeSet<NodeId>, expressions: &BTreeMap<&NodeId, &str>) -> Option<Selection> {
    let left: Vec<NodeId> = selection.nodes.iter().filter(|id| !done.contains(*id)).cloned().collect();
    if left.is_empty() {
        return None;
    }
    let select: Option<Vec<String>> =
        left.iter().map(|id| expressions.get(id).map(|text| (*text).to_owned())).collect();
    match select {
        Some(select) if left.len() < selection.nodes.len() => {
            Some(Selection { nodes: left, select, exclude: Vec::new(), full_refresh: selection.full_refresh })
        }
        _ => Some(selection.clone()),
    }
}

/// The selection of `dbt docs generate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Docs {
    /// Nothing was built, so there are no docs.
    Nothing,
    /// The plan has only docs.
    Everything,
    /// The relations that the run built, as expressions.
    Built(Vec<String>),
}

/// Returns the docs of this run, from all nodes that succeeded in this attempt and earlier ones. Tests are not in the catalog, and compiling them may
/// query the warehouse without need.
pub fn docs(plan: &Plan, succeeded: &BTreeSet<NodeId>) -> Docs {
    if plan.nodes.is_empty() {
        return Docs::Everything;
    }
    let is_test = |id: &NodeId| id.as_str().starts_with("test.") || id.as_str().starts_with("unit_test.");
    let built: Vec<String> = plan
        .nodes
        .iter()
        .filter(|node| node.relation.is_some() && !is_test(&node.id) && succeeded.contains(&node.id))
        .map(|node| node.select.clone())
        .collect();
    if built.is_empty() { Docs::Nothing } else { Docs::Built(built) }
}

#[cfg(test)]
mod tests {
    use landfall_planner::PlannedNode;
    use serde_json::json;

    use super::*;

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let node = |text: &str, relation: Option<&str>| PlannedNode {
            id: id(text),
            select: format!("fqn:{text}"),
            relation: relation.map(str::to_owned),
        };
        let mut plan: Plan = serde_json::from_value(json!({
            "version": 2, "run_id": "r", "release": "v", "created_at": "2026-11-22T17:14:17Z", "triggers": [], "steps": [], "nodes": [],
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
    fn the_first_attempt_runs_the_plan_as_it_stands() {
        let plan = plan(vec![load(), build(), Step::Docs]);
        assert_eq!(steps(&plan, &BTreeSet::new()), plan.steps);
    }

    #[test]
    fn a_later_attempt_selects_what_is_left_node_by_node_and_loads_again() {
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
    fn when_all_is_built_only_the_docs_are_left() {
        let done = BTreeSet::from([id("model.s.a"), id("model.s.b"), id("test.s.t")]);
        assert_eq!(steps(&plan(vec![load(), build(), Step::Docs]), &done), [Step::Docs]);
        assert_eq!(steps(&plan(vec![load()]), &done), [load()], "an operation alone is all that its run is about");
    }

    #[test]
    fn docs_show_the_relations_that_were_built() {
        let plan = plan(vec![build(), Step::Docs]);
        assert_eq!(docs(&plan, &BTreeSet::from([id("test.s.t")])), Docs::Nothing);
        let succeeded = BTreeSet::from([id("model.s.b"), id("test.s.t")]);
        assert_eq!(docs(&plan, &succeeded), Docs::Built(vec!["fqn:model.s.b".to_owned()]));
    }
}
