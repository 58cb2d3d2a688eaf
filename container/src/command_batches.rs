//! Steps whose names do not fit into one command line. Only dbt v2 gets names (see `node_selection`).
//!
//! Such a step runs as several dbt commands. Their nodes are in topological order, and a test precedes the nodes that
//! dbt builds after it. As in one command, what descends from a failure is skipped.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use landfall_planner::{EventWindow, NodeId, NodeResult, NodeStatus, Plan, Selection, Step};

use crate::remaining_steps::Invocation;

/// The bytes beside its text that Linux counts for an argument: the final NUL and the pointer.
const ARGUMENT_OVERHEAD: usize = 9;

/// An invocation of dbt, or the part of one that fits into one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandBatch {
    /// The step with the nodes of this batch.
    pub step: Step,
    /// The window of event time to build, if the invocation builds unfinished batches of a microbatch model.
    pub window: Option<EventWindow>,
    /// The position of the whole invocation. A failure in a batch does not end the other batches of its invocation.
    pub whole: usize,
}

/// Splits each invocation whose arguments take more than `budget` bytes.
pub fn split(plan: &Plan, invocations: Vec<Invocation>, budget: usize) -> Vec<CommandBatch> {
    let named: BTreeMap<&NodeId, &str> = plan.nodes.iter().map(|node| (&node.id, node.select.as_str())).collect();
    let name = |id: &NodeId| named.get(id).map(|text| (*text).to_owned()).unwrap_or_default();
    let part = |selection: &Selection, nodes: Vec<NodeId>| Selection {
        select: nodes.iter().map(name).filter(|text| !text.is_empty()).collect(),
        nodes,
        exclude: selection.exclude.clone(),
        full_refresh: selection.full_refresh,
    };
    let mut batches = Vec::new();
    for (whole, Invocation { step, window }) in invocations.into_iter().enumerate() {
        let parts: Vec<Step> = match &step {
            _ if plan.selects_by_id() => vec![step],
            Step::Build(selection) | Step::Test(selection)
                if bytes(&selection.select) + bytes(&selection.exclude) > budget =>
            {
                let left = budget.saturating_sub(bytes(&selection.exclude));
                let order = topological_order(plan, &selection.nodes);
                let parts = chunks(order, left, |id| named.get(id).map_or(0, |text| text.len()));
                let parts = parts.into_iter().map(|nodes| part(selection, nodes));
                let is_build = matches!(step, Step::Build(_));
                parts.map(|part| if is_build { Step::Build(part) } else { Step::Test(part) }).collect()
            }
            Step::Freshness { sources, .. } => {
                let parts = chunks(sources.clone(), budget, |id| named.get(id).map_or(0, |text| text.len()));
                let part =
                    |sources: Vec<NodeId>| Step::Freshness { select: sources.iter().map(name).collect(), sources };
                if parts.len() > 1 { parts.into_iter().map(part).collect() } else { vec![step] }
            }
            _ => vec![step],
        };
        batches.extend(parts.into_iter().map(|step| CommandBatch { step, window, whole }));
    }
    batches
}

/// Returns the bytes that Linux counts for these arguments.
pub fn bytes(arguments: &[String]) -> usize {
    arguments.iter().map(|argument| argument.len() + ARGUMENT_OVERHEAD).sum()
}

/// Divides the ids into runs of at most `budget` bytes. A longer single name has a run of its own.
fn chunks(ids: Vec<NodeId>, budget: usize, length: impl Fn(&NodeId) -> usize) -> Vec<Vec<NodeId>> {
    let mut chunks: Vec<Vec<NodeId>> = Vec::new();
    let mut used = usize::MAX;
    for id in ids {
        let size = length(&id) + ARGUMENT_OVERHEAD;
        used = used.saturating_add(size);
        match chunks.last_mut() {
            Some(chunk) if used <= budget => chunk.push(id),
            _ => {
                used = size;
                chunks.push(vec![id]);
            }
        }
    }
    chunks
}

fn is_test(id: &NodeId) -> bool {
    id.as_str().starts_with("test.") || id.as_str().starts_with("unit_test.")
}

/// Orders the nodes so that parents come first, and a test comes before all that can only run after its parents.
fn topological_order(plan: &Plan, ids: &[NodeId]) -> Vec<NodeId> {
    let children = children(plan);
    let ids: BTreeSet<&NodeId> = ids.iter().collect();
    let wanted: BTreeSet<usize> = positions(plan).filter(|(_, id)| ids.contains(id)).map(|(at, _)| at).collect();
    let parents = |at: usize| plan.nodes.get(at).map(|node| node.parents.as_slice()).unwrap_or_default();
    let mut waits_for: BTreeMap<usize, usize> = wanted
        .iter()
        .map(|at| (*at, parents(*at).iter().filter(|parent| wanted.contains(&(**parent as usize))).count()))
        .collect();
    let mut ready = VecDeque::new();
    let add = |ready: &mut VecDeque<usize>, at: usize| match plan.nodes.get(at) {
        Some(node) if is_test(&node.id) => ready.push_front(at),
        _ => ready.push_back(at),
    };
    for (at, _) in waits_for.iter().filter(|(_, parents)| **parents == 0) {
        add(&mut ready, *at);
    }
    let mut order = Vec::new();
    while let Some(at) = ready.pop_front() {
        order.extend(plan.nodes.get(at).map(|node| node.id.clone()));
        for child in children.get(&at).into_iter().flatten() {
            if let Some(left) = waits_for.get_mut(child) {
                *left -= 1;
                if *left == 0 {
                    add(&mut ready, *child);
                }
            }
        }
    }
    order
}

fn positions(plan: &Plan) -> impl Iterator<Item = (usize, &NodeId)> {
    plan.nodes.iter().map(|node| &node.id).enumerate()
}

fn children(plan: &Plan) -> BTreeMap<usize, Vec<usize>> {
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        for parent in &node.parents {
            children.entry(*parent as usize).or_default().push(at);
        }
    }
    children
}

/// Removes from a batch what descends from a failure in earlier batches. Returns the rest, if there is any, and the
/// skipped nodes. `earlier` are the nodes of the earlier batches, and a node without a result counts as failed.
pub fn skip_descendants(
    plan: &Plan,
    step: &Step,
    earlier: &BTreeSet<NodeId>,
    results: &BTreeMap<NodeId, NodeResult>,
) -> (Option<Step>, Vec<NodeId>) {
    let (Step::Build(selection) | Step::Test(selection)) = step else { return (Some(step.clone()), Vec::new()) };
    let children = children(plan);
    let descendants = |from: &mut dyn Iterator<Item = usize>| {
        let mut found = BTreeSet::new();
        let mut stack: Vec<usize> = from.collect();
        while let Some(at) = stack.pop() {
            stack.extend(children.get(&at).into_iter().flatten().filter(|child| found.insert(**child)));
        }
        found
    };
    let failed = |id: &NodeId| {
        earlier.contains(id)
            && results.get(id).is_none_or(|node| node.status.is_failure() || node.status == NodeStatus::Skipped)
    };
    let (tests, others): (Vec<usize>, Vec<usize>) = positions(plan)
        .filter(|(_, id)| failed(id))
        .map(|(at, _)| at)
        .partition(|at| plan.nodes.get(*at).is_some_and(|node| is_test(&node.id)));
    let mut skipped = descendants(&mut others.into_iter());
    for test in tests {
        // dbt runs after a test what descends from all of its parents.
        let parents = plan.nodes.get(test).map(|node| node.parents.as_slice()).unwrap_or_default();
        let below = parents.iter().map(|parent| descendants(&mut std::iter::once(*parent as usize)));
        let below = below.reduce(|all, next| all.intersection(&next).copied().collect()).unwrap_or_default();
        let is_other_test = |at: &usize| {
            plan.nodes.get(*at).is_some_and(|node| {
                is_test(&node.id) && { node.parents.iter().all(|parent| !below.contains(&(*parent as usize))) }
            })
        };
        skipped.extend(below.iter().filter(|at| !is_other_test(at)));
    }
    let skipped: BTreeSet<&NodeId> = skipped.iter().filter_map(|at| plan.nodes.get(*at)).map(|node| &node.id).collect();
    let (left_out, nodes): (Vec<NodeId>, Vec<NodeId>) =
        selection.nodes.iter().cloned().partition(|id| skipped.contains(id));
    if left_out.is_empty() {
        return (Some(step.clone()), left_out);
    }
    if nodes.is_empty() {
        return (None, left_out);
    }
    let kept: BTreeSet<&NodeId> = nodes.iter().collect();
    let select = plan.nodes.iter().filter(|node| kept.contains(&node.id)).map(|node| node.select.clone()).collect();
    let rest = Selection { nodes, select, ..selection.clone() };
    (Some(if matches!(step, Step::Build(_)) { Step::Build(rest) } else { Step::Test(rest) }), left_out)
}

#[cfg(test)]
mod tests;
