//! Compares the contracts of a model at two times and finds breaking changes
//! (<https://docs.getdbt.com/reference/resource-configs/contract#detecting-breaking-changes>).

use std::collections::BTreeMap;

use landfall_manifest::Node;
use serde::Deserialize;
use serde_json::Value;

/// The result of comparing two contracts.
#[derive(Debug, PartialEq)]
pub(crate) enum ContractChange {
    None,
    /// The contract changed, and no reader can break.
    Compatible,
    /// The contract has breaking changes. Each is described by a sentence.
    Breaking(Vec<String>),
}

#[derive(Default, Deserialize)]
struct Contract {
    checksum: Option<String>,
    #[serde(default)]
    columns: BTreeMap<String, Column>,
    #[serde(default)]
    constraints: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct Column {
    data_type: Option<String>,
    constraints: Option<Vec<Value>>,
}

impl Contract {
    fn of(node: Node<'_>) -> Self {
        node.contract_json().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

/// Compares two contracts of one model. `adapter` determines which constraints the platform enforces.
pub(crate) fn compare(old: Node<'_>, new: Node<'_>, adapter: &str) -> ContractChange {
    match (old.contract_enforced(), new.contract_enforced()) {
        (false, false) => return ContractChange::None,
        (false, true) => return ContractChange::Compatible,
        (true, false) => return ContractChange::Breaking(vec!["it is no longer enforced".to_owned()]),
        (true, true) => {}
    }
    let (before, now) = (Contract::of(old), Contract::of(new));
    if before.checksum == now.checksum {
        return ContractChange::None;
    }
    let was_table = is_table(old);
    let mut breaking = Vec::new();
    let mut column_constraints = false;
    for (name, column) in &before.columns {
        column_constraints |= column.constraints.as_ref().is_some_and(|constraints| !constraints.is_empty());
        let Some(other) = now.columns.get(name) else {
            breaking.push(format!("column {name} was removed"));
            continue;
        };
        let (from, to) = (column.data_type.as_deref(), other.data_type.as_deref());
        if base_type(from) != base_type(to) {
            breaking.push(format!(
                "column {name} changed from {} to {}",
                from.unwrap_or("no type"),
                to.unwrap_or("no type")
            ));
        }
        if was_table && lost_constraint(column.constraints.as_deref(), other.constraints.as_deref(), adapter) {
            breaking.push(format!("column {name} lost an enforced constraint"));
        }
    }
    if was_table && lost_constraint(before.constraints.as_deref(), now.constraints.as_deref(), adapter) {
        breaking.push("an enforced constraint was removed".to_owned());
    }
    let constraints = column_constraints || before.constraints.is_some_and(|constraints| !constraints.is_empty());
    if was_table && !is_table(new) && constraints {
        breaking.push("its materialization no longer enforces constraints".to_owned());
    }
    if breaking.is_empty() { ContractChange::Compatible } else { ContractChange::Breaking(breaking) }
}

/// Whether the node is a table. Only tables enforce constraints.
fn is_table(node: Node<'_>) -> bool {
    matches!(node.materialized(), Some("table" | "incremental"))
}

/// A type in lower case without size and precision, which are not compared.
fn base_type(data_type: Option<&str>) -> Option<String> {
    data_type.map(|text| text.split('(').next().unwrap_or_default().trim().to_lowercase())
}

fn lost_constraint(old: Option<&[Value]>, new: Option<&[Value]>, adapter: &str) -> bool {
    let new: Vec<Value> = new.unwrap_or_default().iter().map(essential).collect();
    old.unwrap_or_default().iter().any(|constraint| {
        let kind = constraint.get("type").and_then(Value::as_str).unwrap_or_default();
        is_enforced(adapter, kind) && !new.contains(&essential(constraint))
    })
}

/// A constraint without the entries that equal the defaults, which older versions of dbt do not write.
fn essential(constraint: &Value) -> Value {
    let Some(entries) = constraint.as_object() else { return constraint.clone() };
    let kept = entries.iter().filter(|(key, value)| match value {
        Value::Null => false,
        Value::Bool(true) => !matches!(key.as_str(), "warn_unenforced" | "warn_unsupported"),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    });
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Whether the platform enforces constraints of that type, according to the adapters of dbt
/// (<https://docs.getdbt.com/reference/resource-properties/constraints>).
fn is_enforced(adapter: &str, kind: &str) -> bool {
    match adapter {
        "postgres" | "duckdb" | "materialize" => {
            matches!(kind, "check" | "not_null" | "unique" | "primary_key" | "foreign_key")
        }
        "databricks" => matches!(kind, "check" | "not_null"),
        "redshift" | "snowflake" | "bigquery" | "trino" => kind == "not_null",
        "athena" | "spark" => false,
        _ => matches!(kind, "not_null" | "foreign_key"),
    }
}
