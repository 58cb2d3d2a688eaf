//! A request answered.

use landfall_manifest::{Index, NodeIx};

use crate::error::SelectError;
use crate::evaluate::Evaluation;
use crate::graph::Graph;
use crate::parse;
use crate::request::{Command, Request};
use crate::spec::{Group, Spec};
use crate::yaml::Selectors;

/// What dbt looks for when nothing is selected.
const DEFAULT_SELECT: [&str; 5] = ["fqn:*", "source:*", "exposure:*", "metric:*", "semantic_model:*"];

/// What was selected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// The nodes, ascending, which is the order of their unique ids.
    pub nodes: Vec<NodeIx>,
    /// The expressions that matched nothing, as dbt warns about them.
    pub warnings: Vec<String>,
}

impl Selected {
    /// Whether the node is selected.
    pub fn contains(&self, ix: NodeIx) -> bool {
        self.nodes.binary_search(&ix).is_ok()
    }

    /// The unique ids, ascending.
    pub fn unique_ids<'i>(&self, index: &'i Index) -> Vec<&'i str> {
        self.nodes.iter().filter_map(|ix| index.node(*ix)).map(|node| node.unique_id()).collect()
    }
}

/// Selects what dbt would select.
///
/// # Errors
///
/// Those that dbt gives, by its own kinds; an expression that matches nothing is a warning.
pub fn select(index: &Index, request: &Request<'_>) -> Result<Selected, SelectError> {
    let types = request.types()?;
    let spec = spec_of(index, request)?;
    let mut evaluation = Evaluation::new(Graph::new(index), request);
    let found = evaluation.run(&spec)?;
    let nodes = found
        .ones()
        .filter_map(|position| index.node(NodeIx(position as u32)))
        .filter(|node| types.contains(&node.resource_type()))
        .filter(|node| request.command == Command::Ls || !node.has_blank_code())
        .map(|node| node.ix)
        .collect();
    Ok(Selected { nodes, warnings: evaluation.warnings })
}

/// The selection that the request asks for: a named selector, the default one, or what is selected and excluded.
fn spec_of(index: &Index, request: &Request<'_>) -> Result<Spec, SelectError> {
    let nothing_asked = request.select.is_empty() && request.exclude.is_empty();
    // selectors.yml must be sound even if it is not used; those of a manifest were checked by dbt when it wrote them.
    let selectors = match request.selectors_yml {
        Some(text) => Selectors::from_yaml(text, request.dialect)?,
        None if request.selector.is_some() || nothing_asked => {
            Selectors::from_manifest(index.selectors_json(), request.dialect)?
        }
        None => Selectors::default(),
    };
    if let Some(name) = &request.selector {
        return selectors.get(name).cloned();
    }
    if let Some(spec) = selectors.default_selector().filter(|_| nothing_asked) {
        return spec.cloned();
    }
    let selected = if request.select.is_empty() {
        parse::union(&DEFAULT_SELECT, false)?
    } else {
        parse::union(&request.select, true)?
    };
    // dbt warns about an exclusion that matches nothing only if one was given, and then as about any other.
    let excluded = parse::union(&request.exclude, true)?;
    Ok(Spec::Difference(Group { parts: vec![selected, excluded], indirect: None, warn: None }))
}
