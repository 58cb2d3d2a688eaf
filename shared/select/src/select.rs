//! Selects the nodes that a request asks for.

use landfall_manifest::{Index, NodeIx};

use crate::error::SelectError;
use crate::evaluate::Evaluation;
use crate::graph::SelectableGraph;
use crate::parse;
use crate::request::Request;
use crate::selectors_yml::Selectors;
use crate::spec::{Combination, Spec};

/// The expressions that dbt uses if `--select` is absent.
const DEFAULT_SELECT: [&str; 5] = ["fqn:*", "source:*", "exposure:*", "metric:*", "semantic_model:*"];

/// The result of a selection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// The selected nodes, sorted by unique id.
    pub nodes: Vec<NodeIx>,
    /// The expressions that matched nothing, as dbt names them in its warnings.
    pub warnings: Vec<String>,
}

impl Selected {
    /// Whether the node is selected.
    pub fn contains(&self, ix: NodeIx) -> bool {
        self.nodes.binary_search(&ix).is_ok()
    }

    /// The unique ids of the selected nodes, sorted.
    pub fn unique_ids<'i>(&self, index: &'i Index) -> Vec<&'i str> {
        self.nodes.iter().filter_map(|ix| index.node(*ix)).map(landfall_manifest::Node::unique_id).collect()
    }
}

/// Selects the nodes that dbt would select.
///
/// ```
/// use landfall_manifest::Index;
/// use landfall_select::{Request, select};
///
/// let index = Index::from_slice(br#"{
///     "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
///     "sources": {"source.shop.raw.orders": {"source_name": "raw", "name": "orders", "package_name": "shop"}}
/// }"#)?;
/// let selected = select(&index, &Request::select("source:raw"))?;
/// assert_eq!(selected.unique_ids(&index), ["source.shop.raw.orders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If dbt would refuse the selection. An expression that matches nothing is only a warning.
pub fn select(index: &Index, request: &Request<'_>) -> Result<Selected, SelectError> {
    let types = request.types()?;
    let (spec, selectors) = spec_of(index, request)?;
    let mut evaluation = Evaluation::new(SelectableGraph::new(index), request, &types, &selectors);
    evaluation.find_names(&spec);
    let found = evaluation.run(&spec)?;
    let nodes = found.ones().map(|position| NodeIx(position as u32)).collect();
    Ok(Selected { nodes, warnings: evaluation.warnings })
}

/// The selection of the request: the named selector, the default selector, or `--select` without `--exclude`.
fn spec_of(index: &Index, request: &Request<'_>) -> Result<(Spec, Selectors), SelectError> {
    let nothing_named = request.select.is_empty() && request.exclude.is_empty();
    // As in dbt, selectors.yml must be valid even if it is not used. The selectors of a manifest were checked by dbt
    // when it wrote them.
    let selectors = match request.selectors_yml {
        Some(text) => Selectors::from_yaml(text, request.dialect)?,
        None if request.selector.is_some() || nothing_named || request.dialect.selector_method => {
            Selectors::from_manifest(index.selectors_json(), request.dialect)?
        }
        None => Selectors::default(),
    };
    if let Some(name) = &request.selector {
        return Ok((selectors.get(name)?.clone(), selectors));
    }
    if let Some(spec) = selectors.default_selector().filter(|_| nothing_named) {
        return Ok((spec?.clone(), selectors));
    }
    let selected = if request.select.is_empty() {
        parse::union(&DEFAULT_SELECT, false, request.dialect)?
    } else {
        parse::union(&request.select, true, request.dialect)?
    };
    // dbt warns about an exclusion that matches nothing as about any other expression.
    let excluded = parse::union(&request.exclude, true, request.dialect)?;
    Ok((Spec::Difference(Combination { parts: vec![selected, excluded], indirect: None, warn: None }), selectors))
}
