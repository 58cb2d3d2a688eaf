//! Telling dbt exactly which nodes to run: a selection that our own selector, on the release's index, evaluates to that set and no other.

use std::collections::BTreeSet;

use landfall_manifest::{Index, Node, NodeIx, ResourceType};
use landfall_select::{Command, IndirectSelection, Request, select};

use crate::{NodeId, OrdinalSet, Release, Selection};

/// A node that dbt's syntax cannot name apart from others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dbt's selection syntax cannot tell {wanted} from {others}: rename one of them")]
pub(crate) struct ExactSelectionError {
    /// What was to be selected.
    pub(crate) wanted: String,
    /// What comes with it.
    pub(crate) others: String,
}

/// Types that `dbt build` and `dbt test` would run or report besides what is planned.
const ALWAYS_EXCLUDED: [&str; 3] = ["resource_type:unit_test", "resource_type:exposure", "resource_type:saved_query"];

/// An expression that selects the node: its full fqn and its type. Characters that the syntax takes for itself are written as `?`, which
/// matches any one character; whether another node then matches too is checked on the whole selection.
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

fn mask_syntax_characters(part: &str) -> String {
    part.chars()
        .map(|c| if c.is_whitespace() || matches!(c, ',' | '+' | '@' | '*' | '[' | ']' | ':' | '/') { '?' } else { c })
        .collect()
}

/// The selection of exactly these nodes. `shorter` is what people wrote; where it already means the same set it is used, because it reads better.
pub(crate) fn exact_selection(
    release: &Release,
    nodes: &OrdinalSet,
    command: Command,
    shorter: Option<(&[String], &[String])>,
) -> Result<Selection, ExactSelectionError> {
    let index = &release.index;
    let ids = release.ids(nodes);
    let wanted: BTreeSet<NodeIx> = nodes.iter().filter_map(|ordinal| release.vertex(ordinal)).map(|v| v.ix).collect();
    let never = || ALWAYS_EXCLUDED.iter().map(|&word| word.to_owned());
    if let Some((words, exclude)) = shorter {
        let exclude: Vec<String> = exclude.iter().cloned().chain(never()).collect();
        if evaluate(index, words, &exclude, command).is_some_and(|got| got == wanted) {
            return Ok(Selection { nodes: ids, select: words.to_vec(), exclude, full_refresh: false });
        }
    }
    let words: Vec<String> =
        wanted.iter().filter_map(|ix| index.node(*ix)).map(|node| node_expression(&node)).collect();
    let mut exclude = Vec::new();
    let mut got = evaluate(index, &words, &exclude, command).unwrap_or_default();
    if got != wanted {
        exclude = got.difference(&wanted).filter_map(|ix| index.node(*ix)).map(|node| node_expression(&node)).collect();
        got = evaluate(index, &words, &exclude, command).unwrap_or_default();
    }
    if got == wanted {
        return Ok(Selection { nodes: ids, select: words, exclude, full_refresh: false });
    }
    let names = |set: Vec<&NodeIx>| {
        let ids: Vec<&str> =
            set.into_iter().filter_map(|ix| index.node(*ix)).map(landfall_manifest::Node::unique_id).take(3).collect();
        ids.join(", ")
    };
    let lost = names(wanted.difference(&got).collect());
    let more = names(got.difference(&wanted).collect());
    Err(ExactSelectionError {
        wanted: if lost.is_empty() { ids.first().map(NodeId::to_string).unwrap_or_default() } else { lost },
        others: more,
    })
}

fn evaluate(index: &Index, words: &[String], exclude: &[String], command: Command) -> Option<BTreeSet<NodeIx>> {
    let request = Request {
        select: words.to_vec(),
        exclude: exclude.to_vec(),
        indirect: IndirectSelection::Empty,
        command,
        dialect: super::compile::dialect(index),
        ..Request::default()
    };
    select(index, &request).ok().map(|selected| selected.nodes.into_iter().collect())
}
