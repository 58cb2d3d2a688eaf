//! A node as `dbt ls` prints it (<https://docs.getdbt.com/reference/commands/list>).

use landfall_manifest::{Index, Node, ResourceType};
use serde_json::{Map, Value, json};

use super::NodeFormat;

/// The line of a node.
pub(super) fn line(index: &Index, node: Node<'_>, output: NodeFormat) -> String {
    match output {
        NodeFormat::Selector => selector(node),
        NodeFormat::Name => name(node),
        NodeFormat::Path => node.original_file_path().to_owned(),
        NodeFormat::Json => object(index, node).to_string(),
    }
}

fn selector(node: Node<'_>) -> String {
    let package = node.package_name();
    match node.resource_type() {
        ResourceType::Source => format!("source:{package}.{}.{}", node.source_name().unwrap_or_default(), node.name()),
        ResourceType::UnitTest => match node.version() {
            Some(version) => format!("unit_test:{package}.{}_v{version}", node.name()),
            None => format!("unit_test:{package}.{}", node.name()),
        },
        kind @ (ResourceType::Exposure
        | ResourceType::Metric
        | ResourceType::SavedQuery
        | ResourceType::SemanticModel) => {
            format!("{kind}:{package}.{}", node.name())
        }
        _ => node.fqn().collect::<Vec<_>>().join("."),
    }
}

fn name(node: Node<'_>) -> String {
    match (node.resource_type(), node.version()) {
        (ResourceType::Source, _) => format!("{}.{}", node.source_name().unwrap_or_default(), node.name()),
        (ResourceType::Model, Some(version)) => format!("{}.v{version}", node.name()),
        _ => node.name().to_owned(),
    }
}

fn object(index: &Index, node: Node<'_>) -> Value {
    let kind = node.resource_type();
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("name", node.name().into());
    set("resource_type", kind.as_str().into());
    set("package_name", node.package_name().into());
    set("original_file_path", node.original_file_path().into());
    set("unique_id", node.unique_id().into());
    if let Some(alias) = node.alias() {
        set("alias", alias.into());
    }
    if let Some(source) = node.source_name() {
        set("source_name", source.into());
    }
    if let Some(config) = node.config_json().and_then(|json| serde_json::from_str(json).ok()) {
        set("config", config);
    }
    if !matches!(kind, ResourceType::SemanticModel | ResourceType::UnitTest) {
        set("tags", node.tags().collect::<Vec<_>>().into());
    }
    let macros: Vec<&str> = node.macros().collect();
    let parents = || index.parents(node.ix).iter().filter_map(|ix| index.node(*ix)).map(Node::unique_id);
    match kind {
        ResourceType::Source => {}
        ResourceType::Seed => {
            set("depends_on", json!({ "macros": macros }));
        }
        _ => {
            set("depends_on", json!({ "macros": macros, "nodes": parents().collect::<Vec<_>>() }));
        }
    }
    Value::Object(object)
}
