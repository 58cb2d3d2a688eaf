//! landfall.schema.json: the JSON Schema of landfall.yml, for editors. A test generates it from the types that read
//! the file and from their doc comments. No shipped binary contains it.

use std::{borrow::Cow, fs, path::Path};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde_json::Value;

use crate::{ConfigDuration, DatasetName, JobName, LandfallYml, StringList};

impl JsonSchema for StringList {
    fn schema_name() -> Cow<'static, str> {
        "StringList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A string, or a list of strings.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        })
    }
}

impl JsonSchema for ConfigDuration {
    fn schema_name() -> Cow<'static, str> {
        "ConfigDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A duration in hours, minutes and seconds, 0s to 720h. Examples: 2s, 10m, 1h30m.", "pattern": "^[0-9]" })
    }
}

impl JsonSchema for DatasetName {
    fn schema_name() -> Cow<'static, str> {
        "DatasetName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 200 })
    }
}

impl JsonSchema for JobName {
    fn schema_name() -> Cow<'static, str> {
        "JobName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$" })
    }
}

pub(super) fn schema() -> Value {
    let mut schema = schema_for!(LandfallYml).to_value();
    schema["title"] = "landfall.yml".into();
    schema["$id"] = "landfall.schema.json".into();
    unwrap_descriptions(&mut schema);
    schema
}

/// Joins the lines of each description, because editors would show the line breaks of the doc comments.
fn unwrap_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(description)) = fields.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            fields.values_mut().for_each(unwrap_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}

#[test]
fn the_published_schema_is_generated_from_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("landfall.schema.json");
    let published: Value = serde_json::from_slice(&fs::read(&file).unwrap_or_default()).unwrap_or_default();
    let schema = schema();
    if published != schema {
        let new = file.with_extension("json.new");
        fs::write(&new, format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())).unwrap();
        panic!("{} is out of date: check {} and replace it with that file", file.display(), new.display());
    }
}

#[test]
fn every_key_is_described_and_unknown_keys_are_refused() {
    let schema = schema();
    let mut objects = vec![("landfall.yml", &schema)];
    objects.extend(schema["$defs"].as_object().unwrap().iter().map(|(name, schema)| (name.as_str(), schema)));
    let mut keys = 0;
    for (name, object) in objects {
        let Some(properties) = object["properties"].as_object() else { continue };
        assert_eq!(object["additionalProperties"], false, "{name}");
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{name}.{key} has no description");
            keys += 1;
        }
    }
    assert!(keys > 40, "{keys}");
}
