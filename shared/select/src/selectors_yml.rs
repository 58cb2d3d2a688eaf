//! Reads selectors.yml, and the selectors in a manifest
//! (<https://docs.getdbt.com/reference/node-selection/yaml-selectors>).

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::error::SelectError;
use crate::glob::Glob;
use crate::method::Method;
use crate::parse::{criteria, named_method};
use crate::pyyaml;
use crate::spec::{Combination, Criteria, IndirectSelection, MAX_SIZE, Reach, Spec};

/// The selectors of a project, by name.
#[derive(Debug, Clone, Default)]
pub struct Selectors {
    /// An invalid definition in a manifest is an error only if the selector is used.
    named: HashMap<String, Result<Spec, SelectError>>,
    default: Option<String>,
}

/// One entry of selectors.yml.
struct Definition {
    name: String,
    body: Value,
    default: bool,
}

impl Selectors {
    /// Reads the text of selectors.yml. Jinja in it is not rendered.
    ///
    /// # Errors
    ///
    /// If the text is no YAML or a definition is invalid.
    pub fn from_yaml(text: &str, dialect: Dialect) -> Result<Self, SelectError> {
        let value = pyyaml::load(text)?;
        if !truthy(&value) {
            return Ok(Self::default());
        }
        known_keys(&value, &["selectors", "version"])?;
        if value.get("version").is_some_and(|version| version.as_f64().is_none_or(|number| number.fract() != 0.0)) {
            return Err(malformed("\"version\" must be a whole number"));
        }
        let Some(selectors) = value.get("selectors").and_then(Value::as_array) else {
            return Err(malformed("the list \"selectors\" is missing"));
        };
        for entry in selectors {
            known_keys(entry, &["name", "definition", "description", "default"])?;
            if entry.get("description").is_some_and(|description| !description.is_string()) {
                return Err(malformed("every description must be text"));
            }
        }
        let (read, first_error) = Self::read(selectors.iter().map(definition).collect::<Result<_, _>>()?, dialect)?;
        first_error.map_or(Ok(read), Err)
    }

    /// Reads the `selectors` of a manifest, in which inheritance is resolved. An invalid definition is an error only
    /// if the selector is used, because dbt writes the definitions unchecked.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or a definition has no name or is no text or mapping.
    pub fn from_manifest(json: Option<&str>, dialect: Dialect) -> Result<Self, SelectError> {
        let Some(json) = json else { return Ok(Self::default()) };
        let named: Map<String, Value> =
            serde_json::from_str(json).map_err(|error| SelectError::Selectors(error.to_string()))?;
        Ok(Self::read(named.values().map(definition).collect::<Result<_, _>>()?, dialect)?.0)
    }

    /// The selector with that name.
    ///
    /// # Errors
    ///
    /// If there is no such selector, or its definition is invalid.
    pub fn get(&self, name: &str) -> Result<&Spec, SelectError> {
        let found = self.named.get(name).ok_or_else(|| {
            let mut known: Vec<&str> = self.named.keys().map(String::as_str).collect();
            known.sort_unstable();
            SelectError::Runtime(format!("could not find a selector named {name}; selectors are {}", known.join(", ")))
        })?;
        found.as_ref().map_err(Clone::clone)
    }

    /// The selectors whose names match the pattern, sorted by name.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<(&str, &Result<Spec, SelectError>)> {
        let glob = Glob::new(pattern);
        let mut found: Vec<_> = self
            .named
            .iter()
            .filter(|(name, _)| glob.matches(name))
            .map(|(name, spec)| (name.as_str(), spec))
            .collect();
        found.sort_unstable_by_key(|(name, _)| *name);
        found
    }

    /// The selector with `default: true`, which applies if the request has no `--select` and no `--exclude`.
    pub fn default_selector(&self) -> Option<Result<&Spec, SelectError>> {
        self.default.as_deref().map(|name| self.get(name))
    }

    /// The names of the selectors, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.named.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Reads all definitions. Also returns the first error among them.
    fn read(definitions: Vec<Definition>, dialect: Dialect) -> Result<(Self, Option<SelectError>), SelectError> {
        let mut defaults = definitions.iter().filter(|definition| definition.default);
        let default = defaults.next().map(|definition| definition.name.clone());
        if let (Some(first), Some(second)) = (&default, defaults.next()) {
            return Err(malformed(&format!("both {first} and {} have default: true", second.name)));
        }
        let mut reader = Reader { known: HashMap::new(), copied: Cell::new(0), dialect };
        let mut first_error = None;
        for entry in definitions {
            let spec = reader.root(&entry.body).map_err(|error| match error {
                error if error.is_runtime() => SelectError::Selectors(format!("selector {}: {error}", entry.name)),
                other => other,
            });
            first_error = first_error.or_else(|| spec.as_ref().err().cloned());
            reader.known.insert(entry.name, spec);
        }
        Ok((Self { named: reader.known, default }, first_error))
    }
}

/// Refuses unknown keys. dbt checks them everywhere but within definitions.
fn known_keys(value: &Value, known: &[&str]) -> Result<(), SelectError> {
    match value.as_object().and_then(|entries| entries.keys().find(|key| !known.contains(&key.as_str()))) {
        Some(key) => Err(malformed(&format!("the key {key} is unknown; keys are {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn malformed(what: &str) -> SelectError {
    SelectError::Selectors(what.to_owned())
}

fn definition(entry: &Value) -> Result<Definition, SelectError> {
    let Some(name) = entry.get("name").and_then(Value::as_str) else {
        return Err(malformed("every selector needs a name that is text"));
    };
    let body = entry.get("definition").cloned().unwrap_or_default();
    if !body.is_string() && !body.is_object() {
        return Err(malformed(&format!("the definition of {name} must be text or a mapping, not a list")));
    }
    let default = match entry.get("default") {
        None => false,
        Some(Value::Bool(default)) => *default,
        Some(other) => {
            return Err(malformed(&format!("the \"default\" of {name} must be true or false, found {other}")));
        }
    };
    Ok(Definition { name: name.to_owned(), body, default })
}

/// Reads definitions in order. Each may refer to the definitions before it.
struct Reader {
    known: HashMap<String, Result<Spec, SelectError>>,
    /// The number of expressions that were copied from other selectors so far.
    copied: Cell<usize>,
    dialect: Dialect,
}

impl Reader {
    fn root(&self, definition: &Value) -> Result<Spec, SelectError> {
        if let Value::Object(entries) = definition {
            let is_set = entries.contains_key("union") || entries.contains_key("intersection");
            if is_set && entries.len() > 1 {
                let keys: Vec<&str> = entries.keys().map(String::as_str).collect();
                return Err(SelectError::Runtime(format!(
                    "a union or intersection must be the only key at the root of a definition, found {}",
                    keys.join(", ")
                )));
            }
        }
        self.any(definition)
    }

    fn any(&self, definition: &Value) -> Result<Spec, SelectError> {
        match definition {
            // Unlike on the command line, spaces and commas do not separate expressions.
            Value::String(text) => criteria(text, self.dialect).map(Spec::Criteria),
            Value::Object(entries) => {
                if let Some(parts) = entries.get("union") {
                    self.set(parts, "union", Spec::Union)
                } else if let Some(parts) = entries.get("intersection") {
                    self.set(parts, "intersection", Spec::Intersection)
                } else {
                    self.method(entries)
                }
            }
            other => Err(SelectError::Runtime(format!(
                "expected a union, an intersection, text or a mapping, found {other}"
            ))),
        }
    }

    fn set(&self, parts: &Value, key: &str, kind: fn(Combination) -> Spec) -> Result<Spec, SelectError> {
        let mut included = Vec::new();
        let mut excluded = None;
        for part in items(parts, key)? {
            match part.get("exclude") {
                None => included.push(self.any(part)?),
                Some(_) if excluded.is_some() => {
                    return Err(SelectError::Runtime(format!(
                        "a {key} may have only one exclude; move its items into one list"
                    )));
                }
                Some(list) => excluded = self.exclusions(list)?,
            }
        }
        Ok(without(kind(eager(included)), excluded))
    }

    fn exclusions(&self, list: &Value) -> Result<Option<Spec>, SelectError> {
        let mut parts =
            items(list, "exclude")?.iter().map(|part| self.any(part)).collect::<Result<Vec<_>, SelectError>>()?;
        Ok(match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(Spec::Union(eager(parts))),
        })
    }

    /// Copies the definition of another selector. The total size is limited, because a few selectors that inherit
    /// from each other can multiply to more than memory holds.
    fn inherited(&self, name: &Value) -> Result<Spec, SelectError> {
        let known = name.as_str().and_then(|name| self.known.get(name)?.as_ref().ok());
        let Some(spec) = known else {
            return Err(SelectError::Runtime(format!(
                "selector {name} is unknown here; define it before the selector that refers to it"
            )));
        };
        self.copied.set(self.copied.get().saturating_add(spec.size()));
        if self.copied.get() > MAX_SIZE {
            return Err(SelectError::Runtime(format!(
                "the selectors inherit more than {MAX_SIZE} expressions from each other; inherit from fewer selectors"
            )));
        }
        Ok(spec.clone())
    }

    fn method(&self, entries: &Map<String, Value>) -> Result<Spec, SelectError> {
        let mut single = entries.iter();
        if let (Some((method, value)), None) = (single.next(), single.next()) {
            return criterion(Some(method), value, &Map::new(), self.dialect).map(Spec::Criteria);
        }
        let (Some(method), Some(value)) = (entries.get("method"), entries.get("value")) else {
            let keys: Vec<&str> = entries.keys().map(String::as_str).collect();
            return Err(SelectError::Runtime(format!(
                "expected either one key or \"method\" and \"value\", found {}",
                keys.join(", ")
            )));
        };
        if method == "selector" && !self.dialect.selector_method {
            if matches!(value, Value::Array(_) | Value::Object(_)) {
                return Err(SelectError::Type(format!("the name of a selector must be text, found {value}")));
            }
            // dbt 1.11 copies the other selector and ignores all other keys.
            return self.inherited(value);
        }
        let excluded = entries.get("exclude").map(|list| self.exclusions(list)).transpose()?.flatten();
        let method = match method {
            Value::String(method) => Some(method.as_str()),
            Value::Null => None,
            other => return Err(SelectError::Attribute(format!("a method must be text, found {other}"))),
        };
        Ok(without(Spec::Criteria(criterion(method, value, entries, self.dialect)?), excluded))
    }
}

fn without(included: Spec, excluded: Option<Spec>) -> Spec {
    match excluded {
        None => included,
        Some(excluded) => Spec::Difference(eager(vec![included, excluded])),
    }
}

/// The parts of a set in selectors.yml, which are combined eagerly even if the command has another mode.
fn eager(parts: Vec<Spec>) -> Combination {
    Combination { parts, indirect: Some(IndirectSelection::Eager), warn: None }
}

fn items<'v>(value: &'v Value, key: &str) -> Result<&'v Vec<Value>, SelectError> {
    let Some(items) = value.as_array() else {
        return Err(SelectError::Runtime(format!("invalid value for key \"{key}\": expected a list")));
    };
    match items.iter().find(|item| !item.is_string() && !item.is_object()) {
        None => Ok(items),
        Some(item) => {
            Err(SelectError::Runtime(format!("invalid value in key \"{key}\", expected a mapping or text: {item}")))
        }
    }
}

fn criterion(
    method: Option<&str>,
    value: &Value,
    entries: &Map<String, Value>,
    dialect: Dialect,
) -> Result<Criteria, SelectError> {
    let shown = || Value::Object(entries.clone()).to_string();
    let (method, arguments) = match method {
        Some(name) => named_method(name, name, dialect)?,
        None => (Method::default_for(value.as_str().unwrap_or_default()), Vec::new()),
    };
    let truthy = |key: &str| entries.get(key).is_some_and(truthy);
    let reach = |on: &str, depth: &str| -> Result<Option<Reach>, SelectError> {
        let depth = layers(entries.get(depth))?;
        Ok(truthy(on).then_some(depth))
    };
    let (parents, children) = (reach("parents", "parents_depth")?, reach("children", "children_depth")?);
    let indirect = match entries.get("indirect_selection") {
        None => None,
        Some(mode) => Some(mode.as_str().and_then(IndirectSelection::from_name).ok_or_else(|| {
            SelectError::Value(format!(
                "{mode} is not a mode of indirect selection; modes are eager, cautious, buildable and empty"
            ))
        })?),
    };
    Criteria {
        method,
        arguments,
        value: value.clone(),
        childrens_parents: truthy("childrens_parents"),
        parents,
        children,
        indirect,
    }
    .check(&shown())
}

/// Reads a depth. Unlike on the command line, 0 means no limit.
fn layers(depth: Option<&Value>) -> Result<Reach, SelectError> {
    let Some(depth) = depth.filter(|depth| truthy(depth)) else { return Ok(Reach::All) };
    let number = match depth {
        Value::Bool(true) => Some(1.0),
        Value::Number(number) => number.as_f64(),
        #[expect(clippy::cast_precision_loss, reason = "no graph has that many layers")]
        Value::String(text) => text.trim().parse::<i64>().ok().map(|layers| layers as f64),
        _ => None,
    };
    if matches!(depth, Value::Array(_) | Value::Object(_)) {
        return Err(SelectError::Type(format!("a depth must be a number, found {depth}")));
    }
    match number {
        // Fractions are cut off, and a negative depth reaches no layer.
        Some(number) => {
            #[expect(clippy::cast_sign_loss, reason = "max(0.0) removes the sign")]
            let layers = number.max(0.0) as u64;
            Ok(Reach::Layers(layers))
        }
        None => Err(SelectError::Runtime(format!("invalid node spec: the depth {depth} is not a whole number"))),
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}
