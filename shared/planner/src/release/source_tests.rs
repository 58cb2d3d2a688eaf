//! Sources whose names or locations are unusual, on manifests that dbt wrote.

use std::collections::BTreeSet;

use landfall_manifest::Index;

use crate::{
    CompileError, CompileInput, Compiled, KeyPlacement, LandfallYml, ObjectAddress, Release, ReleaseId, compile,
};

fn manifest(name: &str) -> Vec<u8> {
    let file = format!("{}/fixtures/sources/{name}.json.zst", env!("CARGO_MANIFEST_DIR"));
    zstd::decode_all(&*std::fs::read(file).unwrap()).unwrap()
}

fn index(name: &str) -> Index {
    Index::from_slice(&manifest(name)).unwrap()
}

fn compile_index(index: &Index, yaml: &str) -> Result<Compiled, CompileError> {
    compile(&CompileInput {
        id: &ReleaseId::parse("r1").unwrap(),
        index,
        project: &LandfallYml::from_yaml(yaml).unwrap(),
        landing_bucket: Some("land"),
        base: None,
        existing: &BTreeSet::new(),
        task_definition: None,
    })
}

fn compiled(name: &str, yaml: &str) -> Compiled {
    compile_index(&index(name), yaml).unwrap()
}

fn release(name: &str) -> Release {
    Release::new(compiled(name, "version: 1"), index(name))
}

/// The datasets of which an object is a load, and the models that they run.
fn loads(release: &Release, bucket: &str, key: &str) -> Vec<(String, Vec<String>)> {
    let KeyPlacement::Datasets(found) = release.place(ObjectAddress { bucket, key }, Some(1)) else {
        return Vec::new();
    };
    let models = |name| release.ids(&release.dataset(name).unwrap().nodes).iter().map(ToString::to_string).collect();
    found.into_iter().map(|(name, _)| (name.to_string(), models(name))).collect()
}

fn load(dataset: &str, models: &[&str]) -> (String, Vec<String>) {
    (dataset.to_owned(), models.iter().map(|&model| model.to_owned()).collect())
}

#[test]
fn two_sources_in_one_folder_each_load_their_own_files() {
    let release = release("two-sources-one-folder");
    assert_eq!(loads(&release, "b", "data/glue_1.csv"), [load("s_glue.glue", &["model.duck.m_glue"])]);
    assert_eq!(loads(&release, "b", "data/space_1.csv"), [load("s_space.space", &["model.duck.m_space"])]);
    assert_eq!(loads(&release, "b", "data/other.csv"), []);
    let group = "version: 1\ndatasets: { both: { location: 's3://b/data/', select: 'm_glue m_space' } }";
    assert_eq!(compiled("two-sources-one-folder", group).datasets.len(), 3, "a group in the same folder is taken too");
}

#[test]
fn an_object_that_two_patterns_match_is_a_load_of_both_sources() {
    let release = release("nested-recursive-glob");
    let both = [load("s_glob_rec.glob_rec", &["model.duck.m_glob_rec"]), load("s_glue.glue", &["model.duck.m_glue"])];
    assert_eq!(loads(&release, "b", "rec/sub/1.parquet"), both);
    assert_eq!(loads(&release, "b", "rec/1.parquet"), both[..1]);
}

#[test]
fn every_source_name_that_dbt_takes_is_a_dataset_that_loads_its_own_models() {
    let release = release("source-names");
    for (key, dataset, model) in [
        ("n0/a.csv", "s0.raw orders", "m0"),
        ("n1/a.csv", "s1.orders$v1", "m1"),
        ("n2/a.csv", "s2.größe", "m2"),
        ("n3/a.csv", "s3.orders#1", "m3"),
        ("n4/a.csv", "s4.2024_orders", "m4"),
        ("n5/a.csv", "s5.orders/2024", "m5"),
        ("n6/a.csv", "s6.-x", "m6"),
        ("n7/a.csv", "s7.Orders.V2", "m7"),
        ("shop/a.csv", "my shop.t", "mshop"),
    ] {
        assert_eq!(loads(&release, "b", key), [load(dataset, &[&format!("model.duck.{model}")])], "{key}");
    }
    let omop = self::release("omop");
    let models = ["model.shop.daily_orders", "model.shop.stg_orders"];
    assert_eq!(loads(&omop, "land", "orders/a.csv"), [load("Shop Export.order lines", &models)]);
    assert_eq!(omop.compiled.datasets.values().next().unwrap().select, ["source:Shop?Export.order?lines+"]);
    let dotted = self::release("dotted");
    assert_eq!(loads(&dotted, "land", "orders/a.csv"), [load("raw.shop.orders", &models)]);
    assert_eq!(dotted.compiled.datasets.values().next().unwrap().select, ["source:raw?shop.orders+"]);
}

#[test]
fn sources_of_one_name_in_two_packages_are_two_datasets() {
    let release = release("twopackages");
    assert_eq!(loads(&release, "land", "erp_orders/a.csv"), [load("erp.shop.orders", &["model.erp.erp_orders"])]);
    assert_eq!(loads(&release, "land", "web_orders/a.csv"), [load("web.shop.orders", &["model.web.web_orders"])]);
    let yaml = "version: 1\ndatasets: { shop.orders: { location: x/ } }";
    let ambiguous = compile_index(&index("twopackages"), yaml);
    assert_eq!(
        ambiguous.unwrap_err().problems,
        ["datasets.shop.orders: 2 packages have a source of this name: write erp.shop.orders or web.shop.orders"]
    );
}

#[test]
fn landfall_yml_overrides_the_location_that_the_manifest_states_and_a_note_says_so() {
    let other = compiled("omop", "version: 1\ndatasets: { Shop Export.order lines: { location: 'in/*.csv' } }");
    let locations: Vec<String> = other.datasets.values().flat_map(|d| &d.locations).map(ToString::to_string).collect();
    assert_eq!(locations, ["s3://land/in/*.csv"]);
    assert_eq!(
        other.notes,
        [
            "datasets.Shop Export.order lines.location: s3://land/in/*.csv of landfall.yml counts, and not s3://land/orders/*.csv, which the source states"
        ]
    );
}

#[test]
fn two_datasets_at_one_place_are_noted() {
    let both = "version: 1\ndatasets: { a5: { location: same/, select: stg_orders }, a6: { location: same, select: stg_orders } }";
    let notes = compiled("omop", both).notes;
    assert!(notes.iter().any(|note| note.contains("datasets a5 and a6 both land in s3://land/same")), "{notes:?}");
}

#[test]
fn a_source_whose_full_name_another_source_has_is_noted_and_not_lost_silently() {
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest("twopackages")).unwrap();
    let mut dotted = manifest["sources"]["source.erp.shop.orders"].clone();
    for (key, value) in [
        ("unique_id", "source.shop.erp.shop.orders"),
        ("package_name", "shop"),
        ("source_name", "erp.shop"),
        ("relation_name", "'s3://land/third/*.csv'"),
    ] {
        dotted[key] = value.into();
    }
    manifest["sources"]["source.shop.erp.shop.orders"] = dotted;
    let index = Index::from_slice(&serde_json::to_vec(&manifest).unwrap()).unwrap();
    let compiled = compile_index(&index, "version: 1").unwrap();
    let named = |note: &&String| note.contains("another source has the same dataset name");
    assert_eq!(compiled.notes.iter().filter(named).count(), 1, "{:?}", compiled.notes);
}
