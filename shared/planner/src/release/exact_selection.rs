//! Selecting exactly the planned nodes in dbt's syntax. Landfall's own selector evaluates each selection on the
//! release's index, and only a selection that yields the planned set goes into a plan.

use std::collections::BTreeSet;

use landfall_manifest::{Index, Node, NodeIx, ResourceType};
use landfall_select::{Command, IndirectSelection, Request, select};

use super::compile_selections::dialect;
use crate::{NodeId, OrdinalSet, Release, Selection};

/// Nodes that dbt's selection syntax cannot separate from others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dbt's selection syntax cannot separate {wanted} from {others}: rename one of them")]
pub(crate) struct ExactSelectionError {
    /// The nodes that were to be selected.
    pub(crate) wanted: String,
    /// The nodes that are selected with them.
    pub(crate) others: String,
}

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

/// Returns a selection of exactly these nodes. `written` is the `--select` and `--exclude` of landfall.yml. It is used
/// where it yields the same set, because it is easier to read than a list of nodes.
///
/// # Errors
///
/// Fails if the syntax cannot separate one of the nodes from another node of the release.
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
    let select = expressions(&mut wanted.iter());
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
