//! Generates a manifest of any size, the same in every run: a layered project with sources, tests, columns, code and macros
//! in the proportions of large real projects (about 4 KB per node).

use std::io::{self, Write};

/// The number of resources of each type for a number of models.
const TESTS_PER_MODEL: usize = 2;
const MODELS_PER_SOURCE: usize = 10;
const MACROS: usize = 600;
/// The number of families. Every model belongs to one, and a selection by the tag of a family selects its share.
pub(crate) const FAMILIES: usize = 20;

/// A generator of pseudo-random numbers that is the same in every run and version.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Writes a manifest of schema v12 with that many models.
pub(crate) fn manifest(models: usize, out: &mut impl Write) -> io::Result<()> {
    let mut numbers = Numbers(models as u64);
    write!(
        out,
        r#"{{"metadata":{{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v12.json","dbt_version":"1.11.16","generated_at":"2026-01-01T00:00:00Z","invocation_id":"00000000-0000-0000-0000-000000000000","project_name":"shop","adapter_type":"duckdb"}},"nodes":{{"#
    )?;
    let sources = models.div_ceil(MODELS_PER_SOURCE);
    for model in 0..models {
        if model > 0 {
            out.write_all(b",")?;
        }
        node(model, sources, &mut numbers, out)?;
        for test in 0..TESTS_PER_MODEL {
            out.write_all(b",")?;
            write_test(model, test, out)?;
        }
    }
    out.write_all(br#"},"sources":{"#)?;
    for source in 0..sources {
        if source > 0 {
            out.write_all(b",")?;
        }
        write!(
            out,
            r#""source.shop.raw{system}.table_{source}":{{"database":"db","schema":"raw{system}","name":"table_{source}","resource_type":"source","package_name":"shop","path":"models/sources.yml","original_file_path":"models/sources.yml","unique_id":"source.shop.raw{system}.table_{source}","fqn":["shop","raw{system}","table_{source}"],"source_name":"raw{system}","source_description":"","loader":"","identifier":"table_{source}","quoting":{{"database":null,"schema":null,"identifier":null,"column":null}},"loaded_at_field":null,"freshness":null,"external":null,"description":"","columns":{{}},"meta":{{}},"source_meta":{{}},"tags":["hourly"],"config":{{"enabled":true}},"patch_path":null,"unrendered_config":{{}},"relation_name":"\"db\".\"raw{system}\".\"table_{source}\"","created_at":1.0}}"#,
            system = source % 50
        )?;
    }
    out.write_all(br#"},"macros":{"#)?;
    for number in 0..MACROS {
        if number > 0 {
            out.write_all(b",")?;
        }
        let uses = if number > 0 { format!("\"macro.shop.helper_{}\"", number / 2) } else { String::new() };
        write!(
            out,
            r#""macro.shop.helper_{number}":{{"name":"helper_{number}","resource_type":"macro","package_name":"shop","path":"macros/m.sql","original_file_path":"macros/m.sql","unique_id":"macro.shop.helper_{number}","macro_sql":"{{% macro helper_{number}() %}}\n  select {number}\n{{% endmacro %}}","depends_on":{{"macros":[{uses}]}},"description":"","meta":{{}},"arguments":[]}}"#
        )?;
    }
    out.write_all(
        br#"},"docs":{},"exposures":{},"metrics":{},"groups":{},"selectors":{},"disabled":{},"parent_map":{"#,
    )?;
    for model in 0..models {
        let comma = if model > 0 { "," } else { "" };
        write!(
            out,
            r#"{comma}"model.shop.model_{model:06}":["model.shop.model_{:06}","macro.shop.helper_1"]"#,
            model / 2
        )?;
    }
    out.write_all(
        br#"},"child_map":{},"group_map":{},"saved_queries":{},"semantic_models":{},"unit_tests":{},"functions":{}}"#,
    )
}

fn node(model: usize, sources: usize, numbers: &mut Numbers, out: &mut impl Write) -> io::Result<()> {
    let family = model % FAMILIES;
    // The first tenth reads sources. The others read earlier models of their own family, so that families stay
    // separate.
    let parents: Vec<String> = if model < FAMILIES * 4 || model.is_multiple_of(10) {
        let source = numbers.below(sources);
        vec![format!("source.shop.raw{}.table_{source}", source % 50)]
    } else {
        let earlier = model / FAMILIES;
        let mut of = || format!("model.shop.model_{:06}", numbers.below(earlier) * FAMILIES + family);
        vec![of(), of()]
    };
    let parents = parents.iter().map(|parent| format!("\"{parent}\"")).collect::<Vec<_>>().join(",");
    let layer = ["staging", "intermediate", "marts"].get(model % 3).unwrap_or(&"marts");
    write!(
        out,
        r#""model.shop.model_{model:06}":{{"database":"db","schema":"{layer}","name":"model_{model:06}","resource_type":"model","package_name":"shop","path":"{layer}/family_{family}/model_{model:06}.sql","original_file_path":"models/{layer}/family_{family}/model_{model:06}.sql","unique_id":"model.shop.model_{model:06}","fqn":["shop","{layer}","family_{family}","model_{model:06}"],"alias":"model_{model:06}","checksum":{{"name":"sha256","checksum":"{model:064x}"}},"config":{CONFIG},"tags":["family_{family}","{layer}"],"description":"Model {model}: what it holds, for whom, and since when.\nOwned by the family {family} team.","columns":{{"#
    )?;
    for column in 0..8 {
        let comma = if column > 0 { "," } else { "" };
        write!(
            out,
            r#"{comma}"column_{column}":{{"name":"column_{column}","description":"The column {column} of the model {model}, in words that \"someone\" once wrote.","meta":{{}},"data_type":null,"constraints":[],"quote":null,"config":{{"meta":{{}},"tags":[]}},"tags":[],"granularity":null,"doc_blocks":[]}}"#
        )?;
    }
    write!(
        out,
        r#"}},"meta":{{}},"group":null,"docs":{{"show":true,"node_color":null}},"patch_path":"shop://models/{layer}/family_{family}/_models.yml","build_path":null,"unrendered_config":{{"materialized":"table","tags":["family_{family}"]}},"created_at":1.0,"relation_name":"\"db\".\"{layer}\".\"model_{model:06}\"","raw_code":""#
    )?;
    for line in 0..40 {
        write!(
            out,
            r#"select\n    column_{line},\n    coalesce(amount_{line}, 0) as \"amount {line} of {model}\",\n"#
        )?;
    }
    write!(
        out,
        r#"","doc_blocks":[],"language":"sql","refs":[],"sources":[],"metrics":[],"functions":[],"depends_on":{{"macros":["macro.shop.helper_{}"],"nodes":[{parents}]}},"compiled_path":null,"contract":{{"enforced":false,"alias_types":true,"checksum":null}},"access":"protected","constraints":[],"version":null,"latest_version":null,"deprecation_date":null,"primary_key":[],"time_spine":null}}"#,
        model % MACROS
    )
}

fn write_test(model: usize, test: usize, out: &mut impl Write) -> io::Result<()> {
    let kind = if test == 0 { "unique" } else { "not_null" };
    let family = model % FAMILIES;
    write!(
        out,
        r#""test.shop.{kind}_model_{model:06}_column_0.{model:010x}":{{"database":"db","schema":"dbt_test__audit","name":"{kind}_model_{model:06}_column_0","resource_type":"test","package_name":"shop","path":"{kind}_model_{model:06}_column_0.sql","original_file_path":"models/family_{family}/_models.yml","unique_id":"test.shop.{kind}_model_{model:06}_column_0.{model:010x}","fqn":["shop","family_{family}","{kind}_model_{model:06}_column_0"],"alias":"{kind}_model_{model:06}_column_0","checksum":{{"name":"none","checksum":""}},"config":{TEST_CONFIG},"tags":[],"description":"","columns":{{}},"meta":{{}},"group":null,"docs":{{"show":true,"node_color":null}},"patch_path":null,"build_path":null,"unrendered_config":{{}},"created_at":1.0,"relation_name":null,"raw_code":"{{{{ test_{kind}(**_dbt_generic_test_kwargs) }}}}","doc_blocks":[],"language":"sql","refs":[{{"name":"model_{model:06}","package":null,"version":null}}],"sources":[],"metrics":[],"functions":[],"depends_on":{{"macros":["macro.shop.helper_{test}"],"nodes":["model.shop.model_{model:06}"]}},"compiled_path":null,"contract":{{"enforced":false,"alias_types":true,"checksum":null}},"column_name":"column_0","file_key_name":"models.model_{model:06}","attached_node":"model.shop.model_{model:06}","test_metadata":{{"name":"{kind}","kwargs":{{"column_name":"column_0","model":"{{{{ get_where_subquery(ref('model_{model:06}')) }}}}"}},"namespace":null}}}}"#
    )
}

const CONFIG: &str = r#"{"enabled":true,"alias":null,"schema":null,"database":null,"tags":[],"meta":{},"group":null,"static_analysis":null,"materialized":"table","incremental_strategy":null,"batch_size":null,"lookback":1,"begin":null,"persist_docs":{},"post-hook":[],"pre-hook":[],"quoting":{},"column_types":{},"full_refresh":null,"unique_key":null,"on_schema_change":"ignore","on_configuration_change":"apply","grants":{},"packages":[],"docs":{"show":true,"node_color":null},"contract":{"enforced":false,"alias_types":true},"event_time":null,"concurrent_batches":null,"access":"protected","freshness":null}"#;
const TEST_CONFIG: &str = r#"{"enabled":true,"alias":null,"schema":"dbt_test__audit","database":null,"tags":[],"meta":{},"group":null,"static_analysis":null,"materialized":"test","severity":"ERROR","store_failures":null,"store_failures_as":null,"where":null,"limit":null,"fail_calc":"count(*)","warn_if":"!= 0","error_if":"!= 0"}"#;
