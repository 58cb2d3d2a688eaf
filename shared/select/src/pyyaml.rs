//! Reads YAML as `PyYAML` does, with which dbt reads selectors.yml.

use serde_json::Value;

use crate::error::SelectError;

/// Reads YAML as `PyYAML` does: of the booleans of YAML 1.1, it accepts yes, no, on, off, true and false, but not y
/// and n.
///
/// The parser accepts either all of them or only true and false, and does not report whether a scalar was quoted. So
/// the text is read twice. Where the results differ, the scalar was not quoted.
pub(crate) fn load(text: &str) -> Result<Value, SelectError> {
    use serde_saphyr::DuplicateKeyPolicy::LastWins;
    let read = |options| -> Result<Value, SelectError> {
        serde_saphyr::from_str_with_options(text, options).map_err(|error| SelectError::Validation(error.to_string()))
    };
    let strict = read(serde_saphyr::options! { duplicate_keys: LastWins, strict_booleans: true })?;
    let lax = read(serde_saphyr::options! { duplicate_keys: LastWins, strict_booleans: false })?;
    Ok(merge(strict, lax))
}

fn merge(strict: Value, lax: Value) -> Value {
    match (strict, lax) {
        (Value::String(text), Value::Bool(_)) if text.len() == 1 => Value::String(text),
        (Value::Array(strict), Value::Array(lax)) => {
            strict.into_iter().zip(lax).map(|(strict, lax)| merge(strict, lax)).collect()
        }
        (Value::Object(strict), Value::Object(mut lax)) => strict
            .into_iter()
            .map(|(key, strict)| {
                let lax = lax.remove(&key).unwrap_or_else(|| strict.clone());
                (key, merge(strict, lax))
            })
            .collect(),
        (_, lax) => lax,
    }
}
