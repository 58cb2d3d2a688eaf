//! The `config.<key>:` method, for nodes and sources
//! (<https://docs.getdbt.com/reference/node-selection/methods#config>).

use landfall_manifest::{Node, ResourceType};
use serde_json::Value;

use crate::graph::NodeSet;
use crate::methods::search::{Memo, Search};

/// The attributes of a Python dictionary, which Python finds before a key with the same name.
const DICT_ATTRIBUTES: [&str; 11] =
    ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

/// The members whose config has the value `wanted` at the path.
pub(crate) fn search(search: &Search<'_>, path: &[String], wanted: &Value) -> NodeSet {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    // dbt compares only the severity without regard to case, and always as text.
    let ignore_case = path == ["severity"];
    let as_text = Value::String(match wanted {
        Value::String(text) => text.clone(),
        Value::Null => "None".to_owned(),
        other => other.to_string(),
    });
    let wanted = if ignore_case { &as_text } else { wanted };
    let mut memo: Memo<(u32, ResourceType), bool> = Memo::new();
    let mut found = search.none();
    for node in search.index.nodes().filter(|node| search.members.contains(node.ix.position())) {
        let kind = node.resource_type();
        if !kind.is_parsed_node() && kind != ResourceType::Source {
            continue;
        }
        let matches = memo.get((node.config_id(), kind), || {
            value_at(node, &path).is_some_and(|value| matches(&value, wanted, ignore_case))
        });
        if matches {
            found.insert(node.ix.position());
        }
    }
    found
}

/// The value at the path, or the default of dbt if the manifest lacks it. None if there is neither.
fn value_at(node: Node<'_>, path: &[&str]) -> Option<Value> {
    let config: Value = node.config_json().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut value = &config;
    for (depth, key) in path.iter().enumerate() {
        // The config, and its values under these keys, are objects in dbt and not dictionaries.
        let is_object = depth == 0 || (depth == 1 && matches!(path.first(), Some(&"docs" | &"contract")));
        if !is_object && DICT_ATTRIBUTES.contains(key) {
            return None;
        }
        let hidden = key.starts_with("__") || (depth == 0 && matches!(*key, "pre-hook" | "post-hook"));
        match value.get(key).filter(|_| value.is_object() && !hidden) {
            Some(inner) => value = inner,
            // For a key that it lacks, the config object of dbt returns None.
            None => return default(node.resource_type(), path).or((path.len() == 1).then_some(Value::Null)),
        }
    }
    // dbt drops the freshness of a model without build_after when it reads the manifest.
    if path == ["freshness"] && node.resource_type() == ResourceType::Model && value.get("build_after").is_none() {
        return None;
    }
    Some(value.clone())
}

/// The defaults in the classes of dbt. Older versions wrote fewer fields into the manifest.
fn default(kind: ResourceType, path: &[&str]) -> Option<Value> {
    use ResourceType as R;
    let node = kind.is_parsed_node() && kind != R::Test;
    Some(match path {
        ["enabled"] => true.into(),
        ["materialized"] => match kind {
            R::Test => "test",
            R::Seed => "seed",
            R::Snapshot => "snapshot",
            R::Source => return None,
            _ => "view",
        }
        .into(),
        ["access"] if kind == R::Model => "protected".into(),
        ["schema"] if kind == R::Test => "dbt_test__audit".into(),
        ["severity"] if kind == R::Test => "ERROR".into(),
        ["fail_calc"] if kind == R::Test => "count(*)".into(),
        ["warn_if" | "error_if"] if kind == R::Test => "!= 0".into(),
        ["delimiter"] if kind == R::Seed => ",".into(),
        ["lookback"] if node => 1.into(),
        ["on_schema_change"] if node => "ignore".into(),
        ["on_configuration_change"] if node => "apply".into(),
        ["docs", "show"] | ["contract", "alias_types"] if node => true.into(),
        ["contract", "enforced"] if node => false.into(),
        _ => return None,
    })
}

/// Whether the value equals `wanted` or is a list that contains it. The texts `true` and `false`, in upper or lower
/// case, also match booleans.
fn matches(value: &Value, wanted: &Value, ignore_case: bool) -> bool {
    let same = |value: &Value| match (value, wanted) {
        (Value::String(value), Value::String(wanted)) if ignore_case => value.to_uppercase() == wanted.to_uppercase(),
        _ => equal(value, wanted),
    };
    let as_bool = match wanted {
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Bool(value) => Some(*value),
        _ => None,
    };
    match value {
        // In Python, `True in [1]` is true.
        Value::Array(items) => {
            items.iter().any(|item| same(item) || as_bool.is_some_and(|wanted| equal(item, &Value::Bool(wanted))))
        }
        Value::Bool(value) if as_bool == Some(*value) => true,
        value => same(value),
    }
}

/// Whether two values are equal in Python, where true equals 1 and false equals 0.
fn equal(left: &Value, right: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(value) => value.as_f64(),
        _ => None,
    };
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| equal(left, right)))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.total_cmp(&right).is_eq() || (left == 0.0 && right == 0.0),
            (None, None) => left == right,
            _ => false,
        },
    }
}
