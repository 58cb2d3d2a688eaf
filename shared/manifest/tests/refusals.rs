//! Files that are no manifest or no index are refused with an error that names what was found.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use landfall_manifest::{Index, IndexError, ManifestError};

const V12: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

fn manifest(schema: &str) -> String {
    serde_json::json!({
        "metadata": {"dbt_schema_version": schema, "project_name": "p", "unknown_field": [1]},
        "nodes": {"model.p.a": {
            "resource_type": "model", "name": "a", "package_name": "p", "fqn": ["p", "a"], "tags": ["t\u{e9}"],
            "original_file_path": "models/a.sql", "raw_code": "select 1\n", "config": {"enabled": true},
            "depends_on": {"macros": [], "nodes": ["source.p.s.t", "model.p.gone"]}, "new_field": {"x": "}"}
        }},
        "sources": {"source.p.s.t": {
            "resource_type": "source", "name": "t", "source_name": "s", "package_name": "p", "fqn": ["p", "s", "t"],
            "original_file_path": "models/s.yml", "config": {"enabled": true, "meta": {"external_location": "s3://config/"}},
            "meta": {"external_location": ["s3://meta/a", "s3://meta/b"], "landfall": {"dataset": "d"}},
            "external": {"location": "s3://external/"}
        }},
        "exposures": null, "something_new": {"a": [{}]}
    })
    .to_string()
}

fn refused(text: &str) -> ManifestError {
    let whole = Index::from_slice(text.as_bytes()).unwrap_err();
    let streamed = Index::from_manifest(text.as_bytes()).unwrap_err();
    assert_eq!(whole.to_string(), streamed.to_string());
    whole
}

#[test]
fn unknown_fields_are_ignored() {
    for schema in
        [V12, "https://schemas.getdbt.com/dbt/manifest/v9.json", "https://schemas.getdbt.com/dbt/manifest/v12.3.json"]
    {
        let index = Index::from_manifest(manifest(schema).as_bytes()).unwrap();
        assert_eq!(index.len(), 2);
        let model = index.get("model.p.a").unwrap();
        assert!(model.has_unknown_parent() && !model.has_blank_code());
        assert_eq!(model.tags().collect::<Vec<_>>(), ["t\u{e9}"]);
        assert_eq!(index.parents(model.ix), [index.get("source.p.s.t").unwrap().ix]);
    }
}

#[test]
fn locations_come_in_the_order_of_precedence() {
    let index = Index::from_slice(manifest(V12).as_bytes()).unwrap();
    let source = index.get("source.p.s.t").unwrap();
    let expected = ["s3://config/", "s3://meta/a", "s3://meta/b", "s3://external/"];
    assert_eq!(source.external_location().collect::<Vec<_>>(), expected);
    assert_eq!(source.landfall_meta(), Some(r#"{"dataset":"d"}"#));
}

#[test]
fn a_manifest_of_another_schema_is_refused_with_its_name() {
    let error = refused(&manifest("https://schemas.getdbt.com/dbt/manifest/v13.json"));
    assert!(matches!(&error, ManifestError::UnknownSchema { found } if found.ends_with("v13.json")), "{error}");
    let error = refused(&manifest("https://schemas.getdbt.com/dbt/catalog/v1.json"));
    assert!(error.to_string().contains("catalog/v1"), "{error}");
}

#[test]
fn a_file_that_is_no_manifest_is_refused_with_what_it_is() {
    for (text, found) in [
        ("", "empty file"),
        ("  \n", "3 blanks"),
        ("[]", "JSON list"),
        ("{}", "without \"metadata\""),
        ("{\"metadata\": {}}", "dbt_schema_version"),
        ("\u{1f}\u{8b}", "gzip"),
        ("hello", "0x68"),
    ] {
        let error = refused(text);
        assert!(
            matches!(error, ManifestError::NotAManifest { .. }) && error.to_string().contains(found),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn a_manifest_that_is_cut_short_is_refused() {
    let text = manifest(V12);
    for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let error = refused(&text[..end]);
        assert!(matches!(error, ManifestError::Truncated { .. }), "cut at {end}: {error}");
    }
}

#[test]
fn a_malformed_entry_is_refused_with_its_unique_id() {
    let error = refused(&manifest(V12).replace("\"raw_code\":\"", "\"raw_code\":3,\"x\":\""));
    assert!(error.to_string().contains("\"nodes\" entry \"model.p.a\""), "{error}");
    let error = refused(&format!("{} x", manifest(V12)));
    assert!(matches!(error, ManifestError::Malformed { .. }), "{error}");
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let skipped = manifest(V12).replace("[{}]", &deep);
    assert!(Index::from_slice(skipped.as_bytes()).is_ok());
    let read = manifest(V12).replace("\"new_field\":{", &format!("\"columns\":{deep},\"new_field\":{{"));
    assert!(Index::from_slice(read.as_bytes()).is_err());
}

#[test]
fn an_index_with_any_byte_changed_or_missing_is_refused() {
    let bytes = Index::from_slice(manifest(V12).as_bytes()).unwrap().to_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        assert!(Index::from_bytes(&damaged).is_err(), "byte {at}");
        assert!(Index::from_vec(bytes[..at].to_vec()).is_err(), "cut at {at}");
    }
    assert!(matches!(Index::from_bytes(b"{}"), Err(IndexError::NotAnIndex { .. })));
}
