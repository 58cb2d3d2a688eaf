//! The facts about a node that `state:` compares: most as digests, a few as values.

use serde_json::value::RawValue;

use crate::config_facts::Unrendered;
use crate::index_layout::DigestColumn;
use crate::json_text::Text;
use crate::python_equality::{self, NULL, digest, join, lean_digest};
use crate::raw_entries::{RawColumns, RawNode};
use crate::resource_type::ResourceType;
use crate::untyped_json::Untyped;

/// Returns the digests that `state:` compares for this resource type
/// (<https://docs.getdbt.com/reference/node-selection/state-selection>).
pub(crate) fn digests_of(
    kind: ResourceType,
    raw: &RawNode<'_>,
    code: u64,
    unrendered: &Unrendered,
) -> [u64; DigestColumn::COUNT] {
    let optional = |raw: Option<&RawValue>| raw.map_or(NULL, digest);
    let untyped = |value: &Untyped<'_>| python_equality::text(value.text());
    let text = |value: &Option<Text<'_>>| python_equality::text(value.as_ref().map(|value| value.0.as_ref()));
    let description = raw.description.map_or(NULL, |description| description.hash);
    let config = match kind {
        ResourceType::Test => unrendered.test,
        ResourceType::Source | ResourceType::Exposure => unrendered.every,
        ResourceType::Metric => unrendered.metric,
        ResourceType::SemanticModel | ResourceType::SavedQuery => python_equality::config_digest(raw.config),
        _ => unrendered.node,
    };
    let body = if kind == ResourceType::Seed { optional(raw.checksum) } else { code };
    let relation = if kind == ResourceType::Source {
        join(&[text(&raw.database), text(&raw.schema), text(&raw.identifier)])
    } else {
        unrendered.relation
    };
    let contents = match kind {
        ResourceType::Model => join(&[
            python_equality::text(version(raw.latest_version).as_deref()),
            python_equality::text(Some(access_of(raw))),
            text(&raw.deprecation_date),
        ]),
        ResourceType::Source => join(&[
            lean_digest(raw.quoting),
            python_equality::freshness_digest(raw.freshness),
            untyped(&raw.loaded_at_field),
            raw.external.filter(|external| external.get() != "null").map_or(NULL, |_| lean_digest(raw.external)),
        ]),
        ResourceType::Exposure => {
            let mut parents: Vec<&str> = raw
                .depends_on
                .as_ref()
                .and_then(|depends_on| depends_on.nodes.as_deref())
                .unwrap_or_default()
                .iter()
                .map(|node| node.0.as_ref())
                .collect();
            parents.sort_unstable();
            parents.dedup();
            let parents: Vec<u64> = parents.into_iter().map(|parent| python_equality::text(Some(parent))).collect();
            join(&[
                optional(raw.kind),
                lean_digest(raw.owner),
                optional(raw.maturity),
                optional(raw.url),
                description,
                optional(raw.label),
                join(&parents),
            ])
        }
        ResourceType::Metric => join(&[optional(raw.kind), description, optional(raw.label)]),
        ResourceType::SemanticModel => join(&[
            optional(raw.model),
            description,
            raw.defaults.filter(|defaults| defaults.get() != "null").map_or(NULL, |_| lean_digest(raw.defaults)),
            lean_digest(raw.entities),
            lean_digest(raw.dimensions),
            lean_digest(raw.measures),
            optional(raw.primary_entity),
            optional(raw.group),
        ]),
        ResourceType::SavedQuery => join(&[
            python_equality::query_digest(raw.query_params),
            description,
            optional(raw.label),
            optional(raw.group),
            python_equality::exports_digest(raw.exports),
            join(&raw.tags.texts().into_iter().map(|tag| python_equality::text(Some(tag))).collect::<Vec<_>>()),
        ]),
        ResourceType::UnitTest => optional(raw.checksum),
        ResourceType::Function => join(&[lean_digest(raw.arguments), lean_digest(raw.returns)]),
        _ => 0,
    };
    let unrendered_relation =
        join(&[untyped(&raw.unrendered_database), untyped(&raw.unrendered_schema), text(&raw.identifier)]);
    let mut digests = [0; DigestColumn::COUNT];
    for (which, value) in [
        (DigestColumn::Body, body),
        (DigestColumn::Config, config),
        (DigestColumn::Relation, relation),
        (DigestColumn::UnrenderedRelation, unrendered_relation),
        (DigestColumn::Description, description),
        (DigestColumn::ColumnDescriptions, column_descriptions(raw.columns.as_ref())),
        (DigestColumn::Contents, contents),
    ] {
        if let Some(slot) = digests.get_mut(which as usize) {
            *slot = value;
        }
    }
    digests
}

/// A version as JSON text, in which equal numbers have one form. None for null.
pub(crate) fn version(raw: Option<&RawValue>) -> Option<String> {
    let text = raw?.get();
    if text == "null" {
        return None;
    }
    match text.parse::<f64>() {
        Ok(number) => Some(number.to_string()),
        Err(_) => Some(text.to_owned()),
    }
}

/// The access of a model. Old manifests lack it where it is dbt's default.
pub(crate) fn access_of<'a>(raw: &'a RawNode<'_>) -> &'a str {
    raw.access.text().unwrap_or("protected")
}

fn column_descriptions(columns: Option<&RawColumns<'_>>) -> u64 {
    let Some(columns) = columns else { return 0 };
    columns
        .0
        .iter()
        .map(|(key, column)| python_equality::entry(&key.0, column.description.unwrap_or_default().hash))
        .fold(0, u64::wrapping_add)
}

/// The parts of an enforced contract that are compared with a later contract, as JSON text.
pub(crate) fn contract_json(raw: &RawNode<'_>) -> String {
    let columns: serde_json::Map<String, serde_json::Value> = raw
        .columns
        .iter()
        .flat_map(|columns| &columns.0)
        .map(|(key, column)| {
            let entry = serde_json::json!({
                "name": column.name.as_ref().map_or("", |name| name.0.as_ref()),
                "data_type": column.data_type.as_ref().map(|kind| kind.0.as_ref()),
                "constraints": column.constraints,
            });
            (key.0.to_string(), entry)
        })
        .collect();
    serde_json::json!({
        "checksum": raw.contract.as_ref().and_then(|contract| contract.checksum.text()),
        "columns": columns,
        "constraints": raw.constraints,
    })
    .to_string()
}
