//! Tests of docs/landfall-yml.md, the reference of landfall.yml: the page is complete, and its examples are valid.

use std::{fs, path::Path};

use landfall_manifest::Index;

use super::json_schema::schema;
use crate::{CompileInput, LandfallYml, ReleaseId, compile};

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/landfall-yml.md");
    fs::read_to_string(file).unwrap()
}

/// The YAML blocks of the page that are a file of their own, which each starts with `version: 1`.
fn whole_files(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("version: 1\n")).collect()
}

#[test]
fn the_page_has_a_heading_or_a_table_row_for_every_key() {
    let (page, schema) = (page(), schema());
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in objects.filter_map(|object| object["properties"].as_object()).flat_map(|keys| keys.keys()) {
        let named =
            |line: &str| (line.starts_with("| ") || line.starts_with('#')) && line.contains(&format!("`{key}`"));
        assert!(page.lines().any(named), "docs/landfall-yml.md does not name {key}");
    }
}

#[test]
fn the_page_names_every_value_of_a_choice() {
    let (page, schema) = (page(), schema());
    for (name, choice) in schema["$defs"].as_object().unwrap() {
        for value in choice["oneOf"].as_array().into_iter().flatten() {
            let Some(value) = value["const"].as_str() else { continue };
            assert!(page.contains(&format!("`{value}`")), "docs/landfall-yml.md does not name {name}'s {value}");
        }
    }
}

#[test]
fn the_examples_that_are_whole_files_compile_with_the_example_project() {
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/example-manifest.json.zst")).unwrap();
    let index = Index::from_slice(&zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let page = page();
    let files = whole_files(&page);
    assert!(files.len() >= 2, "the minimal and the complete file");
    for text in files {
        let project = LandfallYml::from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let compiled = compile(&CompileInput {
            id: &ReleaseId::parse("20261122t170500z-5f5f5f5f").unwrap(),
            index: &index,
            project: &project,
            landing_bucket: Some("landing-bucket"),
            base: None,
            existing: &[].into(),
            task_definition: None,
        });
        compiled.unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}
