//! A request answered.

use landfall_manifest::{Index, NodeIx};

use crate::error::SelectError;
use crate::evaluate::Evaluation;
use crate::graph::Graph;
use crate::parse;
use crate::request::Request;
use crate::selectors_yml::Selectors;
use crate::spec::{Group, Spec};

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
        self.nodes.iter().filter_map(|ix| index.node(*ix)).map(landfall_manifest::Node::unique_id).collect()
    }
}

/// Selects what dbt would select.
///
/// # Errors
///
/// Those that dbt gives, by its own kinds; an expression that matches nothing is a warning.
pub fn select(index: &Index, request: &Request<'_>) -> Result<Selected, SelectError> {
    let types = request.types()?;
    let (spec, selectors) = spec_of(index, request)?;
    let mut evaluation = Evaluation::new(Graph::new(index), request, &types, &selectors);
    evaluation.look_ahead(&spec);
    let found = evaluation.run(&spec)?;
    let nodes = found.ones().map(|position| NodeIx(position as u32)).collect();
    Ok(Selected { nodes, warnings: evaluation.warnings })
}

/// The selection that the request asks for: a named selector, the default one, or what is selected and excluded.
fn spec_of(index: &Index, request: &Request<'_>) -> Result<(Spec, Selectors), SelectError> {
    let nothing_asked = request.select.is_empty() && request.exclude.is_empty();
    // selectors.yml must be sound even if it is not used; those of a manifest were checked by dbt when it wrote them.
    let selectors = match request.selectors_yml {
        Some(text) => Selectors::from_yaml(text, request.dialect)?,
        None if request.selector.is_some() || nothing_asked || request.dialect.selector_method => {
            Selectors::from_manifest(index.selectors_json(), request.dialect)?
        }
        None => Selectors::default(),
    };
    if let Some(name) = &request.selector {
        return Ok((selectors.get(name)?.clone(), selectors));
    }
    if let Some(spec) = selectors.default_selector().filter(|_| nothing_asked) {
        return Ok((spec?.clone(), selectors));
    }
    let selected = if request.select.is_empty() {
        parse::union(&DEFAULT_SELECT, false, request.dialect)?
    } else {
        parse::union(&request.select, true, request.dialect)?
    };
    // dbt warns about an exclusion that matches nothing only if one was given, and then as about any other.
    let excluded = parse::union(&request.exclude, true, request.dialect)?;
    Ok((Spec::Difference(Group { parts: vec![selected, excluded], indirect: None, warn: None }), selectors))
}
