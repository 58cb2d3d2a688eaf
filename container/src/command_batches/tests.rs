use landfall_planner::PlannedNode;
use serde_json::json;

use super::*;

fn id(text: &str) -> NodeId {
    NodeId::parse(text).unwrap()
}

/// Returns a plan for dbt v2 of these nodes, each with its name and the positions of its parents.
fn plan(nodes: &[(&str, &[u32])]) -> Plan {
    let mut plan: Plan = serde_json::from_value(json!({
        "version": 3, "run_id": "r", "release": "v", "created_at": "2026-11-22T17:14:17Z", "dbt_version": "2.0.9",
        "triggers": [], "steps": [], "nodes": [], "writes": [], "reads": [], "timeout_seconds": 60,
        "task": {"cluster": "", "task_definition": "", "container": "", "subnets": [], "security_groups": [],
                 "assign_public_ip": false, "state_bucket": ""},
    }))
    .unwrap();
    let node = |(text, parents): &(&str, &[u32])| PlannedNode {
        id: id(text),
        select: format!("fqn:{text}"),
        parents: parents.to_vec(),
        relation: None,
    };
    plan.nodes = nodes.iter().map(node).collect();
    plan
}

/// a, then its test, then b; c depends on nothing. Positions: a 0, b 1, c 2, test 3.
fn chain() -> Plan {
    plan(&[("model.s.a", &[]), ("model.s.b", &[0]), ("model.s.c", &[]), ("test.s.t", &[0])])
}

fn build(plan: &Plan) -> Step {
    Step::Build(Selection {
        nodes: plan.nodes.iter().map(|node| node.id.clone()).collect(),
        select: plan.nodes.iter().map(|node| node.select.clone()).collect(),
        exclude: Vec::new(),
        full_refresh: false,
    })
}

fn nodes(step: &Step) -> Vec<&str> {
    let (Step::Build(selection) | Step::Test(selection)) = step else { panic!("{step:?}") };
    assert_eq!(selection.nodes.len(), selection.select.len());
    selection.nodes.iter().map(NodeId::as_str).collect()
}

fn results(of: &[(&str, NodeStatus)]) -> BTreeMap<NodeId, NodeResult> {
    let result = |(text, status): &(&str, NodeStatus)| NodeResult {
        id: id(text),
        status: *status,
        seconds: 0.0,
        message: None,
        failures: None,
    };
    of.iter().map(result).map(|node| (node.id.clone(), node)).collect()
}

#[test]
fn names_that_fit_run_in_one_command_and_others_in_topological_order() {
    let plan = chain();
    let invocation = |step: Step| Invocation { step, window: None };
    let whole = CommandBatch { step: build(&plan), window: None, whole: 0 };
    assert_eq!(split(&plan, vec![invocation(build(&plan))], 1000), [whole]);
    let batches = split(&plan, vec![invocation(build(&plan)), invocation(Step::Docs)], 30);
    let ids: Vec<Vec<&str>> = batches.iter().take(4).map(|batch| nodes(&batch.step)).collect();
    assert_eq!(ids, [["model.s.a"], ["test.s.t"], ["model.s.c"], ["model.s.b"]]);
    assert_eq!(batches.iter().map(|batch| batch.whole).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
    let by_id = Plan { dbt_version: Some("1.11.16".to_owned()), ..plan };
    assert_eq!(split(&by_id, vec![invocation(build(&by_id))], 30).len(), 1, "dbt 1.x gets ids");
}

#[test]
fn what_descends_from_a_failed_model_is_skipped_and_the_rest_runs() {
    let plan = plan(&[
        ("model.s.a", &[]),
        ("model.s.b", &[0]),
        ("model.s.c", &[]),
        ("model.s.d", &[1, 2]),
        ("test.s.of_b", &[1]),
    ]);
    let rest = build(&plan);
    let Step::Build(all) = &rest else { panic!() };
    let step = Step::Build(Selection { nodes: all.nodes[1..].to_vec(), ..all.clone() });
    let earlier = BTreeSet::from([id("model.s.a")]);
    let (left, skipped) = skip_descendants(&plan, &step, &earlier, &results(&[("model.s.a", NodeStatus::Error)]));
    assert_eq!(nodes(&left.unwrap()), ["model.s.c"]);
    assert_eq!(skipped, [id("model.s.b"), id("model.s.d"), id("test.s.of_b")]);
    let (_, none) = skip_descendants(&plan, &step, &earlier, &results(&[("model.s.a", NodeStatus::Success)]));
    assert!(none.is_empty());
    let (_, unknown) = skip_descendants(&plan, &step, &earlier, &BTreeMap::new());
    assert_eq!(unknown, skipped, "a node without a result may have failed");
}

#[test]
fn a_failed_test_skips_what_descends_from_its_model_but_no_other_test_of_it() {
    let plan = plan(&[("model.s.a", &[]), ("model.s.b", &[0]), ("test.s.t", &[0]), ("test.s.u", &[0])]);
    let Step::Build(all) = build(&plan) else { panic!() };
    let step = Step::Build(Selection { nodes: vec![id("model.s.b"), id("test.s.u")], ..all });
    let earlier = BTreeSet::from([id("model.s.a"), id("test.s.t")]);
    let of = results(&[("model.s.a", NodeStatus::Success), ("test.s.t", NodeStatus::Fail)]);
    let (left, skipped) = skip_descendants(&plan, &step, &earlier, &of);
    assert_eq!(skipped, [id("model.s.b")]);
    assert_eq!(nodes(&left.unwrap()), ["test.s.u"]);
}

#[test]
fn a_failed_test_of_two_models_skips_only_what_descends_from_both() {
    let plan = plan(&[
        ("model.s.a", &[]),
        ("model.s.b", &[]),
        ("model.s.of_a", &[0]),
        ("model.s.of_both", &[0, 1]),
        ("test.s.t", &[0, 1]),
    ]);
    let earlier = BTreeSet::from([id("model.s.a"), id("model.s.b"), id("test.s.t")]);
    let of = results(&[
        ("model.s.a", NodeStatus::Success),
        ("model.s.b", NodeStatus::Success),
        ("test.s.t", NodeStatus::Fail),
    ]);
    let Step::Build(all) = build(&plan) else { panic!() };
    let step = Step::Build(Selection { nodes: vec![id("model.s.of_a"), id("model.s.of_both")], ..all });
    let (left, skipped) = skip_descendants(&plan, &step, &earlier, &of);
    assert_eq!((nodes(&left.unwrap()), skipped), (vec!["model.s.of_a"], vec![id("model.s.of_both")]));
}
