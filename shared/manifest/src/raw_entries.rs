//! The entries of a manifest as dbt writes them, with only the fields that the index uses.
//!
//! One struct serves every resource type; fields that a type lacks are absent. The fields are described at
//! <https://schemas.getdbt.com/dbt/manifest/v12/index.html>. In the fields used here, v9 to v11 differ only where
//! noted.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json_text::{HashedText, Text};
use crate::untyped_json::Untyped;

#[derive(Debug, Deserialize)]
pub(crate) struct RawMetadata {
    pub(crate) dbt_schema_version: Option<String>,
    pub(crate) dbt_version: Option<String>,
    pub(crate) generated_at: Option<String>,
    pub(crate) invocation_id: Option<String>,
    pub(crate) project_name: Option<String>,
    pub(crate) project_id: Option<String>,
    pub(crate) adapter_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawDependsOn<'a> {
    #[serde(borrow, default)]
    pub(crate) macros: Option<Vec<Option<Text<'a>>>>,
    #[serde(borrow, default)]
    pub(crate) nodes: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawTestMetadata<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawContract<'a> {
    #[serde(default, borrow)]
    pub(crate) enforced: Untyped<'a>,
    #[serde(default, borrow)]
    pub(crate) checksum: Untyped<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawColumn<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) description: Option<HashedText>,
    #[serde(borrow)]
    pub(crate) data_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) constraints: Option<&'a RawValue>,
}

/// The columns of a node, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct RawColumns<'a>(pub(crate) Vec<(Text<'a>, RawColumn<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawColumns<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnsVisitor;
        impl<'de> Visitor<'de> for ColumnsVisitor {
            type Value = RawColumns<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a mapping of columns")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut columns = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(RawColumns(columns))
            }
        }
        deserializer.deserialize_map(ColumnsVisitor)
    }
}

/// One entry of `nodes`, `sources`, `exposures`, `metrics`, `semantic_models`, `saved_queries`, `unit_tests` or
/// `functions`.
#[derive(Debug, Deserialize)]
pub(crate) struct RawNode<'a> {
    #[serde(borrow)]
    pub(crate) resource_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) package_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) original_file_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) patch_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) fqn: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(crate) tags: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) config: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) unrendered_config: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) depends_on: Option<RawDependsOn<'a>>,

    // Relations.
    #[serde(borrow)]
    pub(crate) database: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) schema: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) alias: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) identifier: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) relation_name: Option<Text<'a>>,

    // Code and other fields that `state:` compares. Before dbt 1.3, the code was named raw_sql.
    #[serde(alias = "raw_sql")]
    pub(crate) raw_code: Option<HashedText>,
    #[serde(borrow)]
    pub(crate) checksum: Option<&'a RawValue>,
    pub(crate) description: Option<HashedText>,
    #[serde(borrow)]
    pub(crate) columns: Option<RawColumns<'a>>,
    #[serde(borrow)]
    pub(crate) contract: Option<RawContract<'a>>,
    #[serde(borrow)]
    pub(crate) constraints: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) access: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) version: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) latest_version: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) deprecation_date: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) test_metadata: Option<RawTestMetadata<'a>>,

    // Sources.
    #[serde(borrow)]
    pub(crate) source_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) loader: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) quoting: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) freshness: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) loaded_at_field: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) external: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) meta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) source_meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) unrendered_database: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) unrendered_schema: Untyped<'a>,

    // Exposures, metrics, semantic models, saved queries, functions.
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) owner: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) maturity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) url: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) label: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) defaults: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) entities: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) dimensions: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) measures: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) primary_entity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) group: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) query_params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) exports: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) returns: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawMacro<'a> {
    pub(crate) macro_sql: Option<HashedText>,
    #[serde(borrow)]
    pub(crate) depends_on: Option<RawDependsOn<'a>>,
}

/// The `config` of a node.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawConfig<'a> {
    #[serde(borrow, default)]
    pub(crate) enabled: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) materialized: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) group: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) tags: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) full_refresh: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) store_failures: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) location: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) location_root: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) external_root: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) s3_data_dir: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) external_location: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) persist_docs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) meta: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawPersistDocs<'a> {
    #[serde(borrow, default)]
    pub(crate) relation: Untyped<'a>,
    #[serde(borrow, default)]
    pub(crate) columns: Untyped<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawMeta<'a> {
    #[serde(borrow, default)]
    pub(crate) external_location: Untyped<'a>,
    #[serde(borrow)]
    pub(crate) landfall: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawExternal<'a> {
    #[serde(borrow, default)]
    pub(crate) location: Untyped<'a>,
}

/// Reads an optional mapping whose content dbt does not check. Any other value counts as absent.
pub(crate) fn lenient<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}
