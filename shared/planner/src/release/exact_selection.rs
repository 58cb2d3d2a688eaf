//! Selecting exactly the planned nodes in dbt's syntax. Landfall's own selector evaluates each selection on the
//! release's index, and only a selection that yields the planned set goes into a plan.

use std::collections::{BTreeMap, BTreeSet};

use landfall_manifest::{Index, Node, NodeIx, ResourceType};
use landfall_select::{Command, IndirectSelection, Request, select};

use super::compile_selections::dialect;
use crate::{NodeId, OrdinalSet, Release, Selection, protocol};

/// Nodes that dbt's selection syntax cannot separate from others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dbt's selection syntax cannot separate {wanted} from {others}: rename one of them")]
pub(crate) struct ExactSelectionError {
    /// The nodes that were to be selected.
    pub(crate) wanted: String,
    /// The nodes that are selected with them.
    pub(crate) others: String,
}

/// From this many nodes on, a plan for dbt v2 has the parents of each node: the names may not fit into one command.
const NODES_IN_BATCHES: usize = 5_000;
/// The most nodes that a selection for dbt 1.x names for the operator. dbt itself gets the ids.
const NODES_SHOWN: usize = 100;

/// Resource types that `dbt build` and `dbt test` execute or report although no plan names them.
const ALWAYS_EXCLUDED: [&str; 3] = ["resource_type:unit_test", "resource_type:exposure", "resource_type:saved_query"];

/// Returns an expression that selects the node: its full fqn and its type, or for a source its full name.
pub(crate) fn node_expression(node: &Node<'_>) -> String {
    let fqn: Vec<String> = node.fqn().map(mask_syntax_characters).collect();
    match node.resource_type() {
        ResourceType::Source => format!(
            "source:{}.{}.{}",
            mask_syntax_characters(node.package_name()),
            mask_syntax_characters(node.source_name().unwrap_or_default()),
            mask_syntax_characters(node.name())
        ),
        other => format!("fqn:{},resource_type:{}", fqn.join("."), other.as_str()),
    }
}

/// Replaces the characters that dbt's syntax reserves by `?`, which matches any one character, because dbt has no
/// escape. [`exact_selection`] notices if another node matches too.
fn mask_syntax_characters(part: &str) -> String {
    part.chars()
        .map(|c| if c.is_whitespace() || matches!(c, ',' | '+' | '@' | '*' | '[' | ']' | ':' | '/') { '?' } else { c })
        .collect()
}

/// Returns whether dbt gets the ids of a release's nodes, not their names.
pub(crate) fn selects_by_id(release: &Release) -> bool {
    protocol::selects_by_id(release.index.metadata().dbt_version.as_deref())
}

/// Returns whether a plan of this many nodes has the expression of each.
pub(crate) fn names_nodes(release: &Release, nodes: usize) -> bool {
    !selects_by_id(release) || nodes <= NODES_SHOWN
}

/// Returns the nearest ancestors in the set of each of its nodes, in ascending order. Empty unless dbt may need several
/// commands for the set. The names of 80,000 nodes fit into one, where Linux allows the most.
pub(crate) fn parents_for_batches(release: &Release, set: &OrdinalSet) -> BTreeMap<u32, Vec<u32>> {
    if selects_by_id(release) || set.iter().count() < NODES_IN_BATCHES {
        return BTreeMap::new();
    }
    let graph = release.graph();
    let nearest = |ordinal: u32| {
        let mut seen = BTreeSet::new();
        let mut found = BTreeSet::new();
        let mut stack = graph.parents(ordinal).to_vec();
        while let Some(at) = stack.pop() {
            if set.contains(at) {
                found.insert(at);
            } else if seen.insert(at) {
                stack.extend(graph.parents(at));
            }
        }
        found.into_iter().collect()
    };
    set.iter().map(|ordinal| (ordinal, nearest(ordinal))).collect()
}

/// Returns a selection of exactly these nodes. `written` is the `--select` and `--exclude` of landfall.yml. It is used
/// where it yields the same set, because it is easier to read than a list of nodes.
///
/// # Errors
///
/// Fails if dbt v2 needs names and the syntax cannot separate one of the nodes from another node of the release.
pub(crate) fn exact_selection(
    release: &Release,
    nodes: &OrdinalSet,
    command: Command,
    written: Option<(&[String], &[String])>,
) -> Result<Selection, ExactSelectionError> {
    let index = &release.index;
    let ids = release.ids(nodes);
    let wanted: BTreeSet<NodeIx> = nodes.iter().filter_map(|ordinal| release.vertex(ordinal)).map(|v| v.ix).collect();
    if let Some((select, exclude)) = written {
        let always = ALWAYS_EXCLUDED.iter().map(|&expression| expression.to_owned());
        let exclude: Vec<String> = exclude.iter().cloned().chain(always).collect();
        if evaluate(index, select, &exclude, command).is_some_and(|selected| selected == wanted) {
            return Ok(Selection { nodes: ids, select: select.to_vec(), exclude, full_refresh: false });
        }
    }
    let expressions = |set: &mut dyn Iterator<Item = &NodeIx>| -> Vec<String> {
        set.filter_map(|ix| index.node(*ix)).map(|node| node_expression(&node)).collect()
    };
    if !names_nodes(release, ids.len()) {
        return Ok(Selection { nodes: ids, ..Selection::default() });
    }
    let select = expressions(&mut wanted.iter());
    if selects_by_id(release) {
        return Ok(Selection { nodes: ids, select, ..Selection::default() });
    }
    let mut exclude = Vec::new();
    let mut selected = evaluate(index, &select, &exclude, command).unwrap_or_default();
    if selected != wanted {
        exclude = expressions(&mut selected.difference(&wanted));
        selected = evaluate(index, &select, &exclude, command).unwrap_or_default();
    }
    if selected == wanted {
        return Ok(Selection { nodes: ids, select, exclude, full_refresh: false });
    }
    let names = |set: &mut dyn Iterator<Item = &NodeIx>| {
        let ids: Vec<&str> = set.filter_map(|ix| index.node(*ix)).map(Node::unique_id).take(3).collect();
        ids.join(", ")
    };
    let missing = names(&mut wanted.difference(&selected));
    let others = names(&mut selected.difference(&wanted));
    let first = || ids.first().map(NodeId::to_string).unwrap_or_default();
    Err(ExactSelectionError { wanted: if missing.is_empty() { first() } else { missing }, others })
}

fn evaluate(index: &Index, select_args: &[String], exclude: &[String], command: Command) -> Option<BTreeSet<NodeIx>> {
    let request = Request {
        select: select_args.to_vec(),
        exclude: exclude.to_vec(),
        indirect: IndirectSelection::Empty,
        command,
        dialect: dialect(index),
        ..Request::default()
    };
    select(index, &request).ok().map(|selected| selected.nodes.into_iter().collect())
}
