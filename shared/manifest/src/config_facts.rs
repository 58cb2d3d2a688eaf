//! Facts from the `config` and `unrendered_config` of nodes. Both repeat from node to node, so each distinct text is
//! parsed once.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use xxhash_rust::xxh3::xxh3_128;

use crate::index_layout::flag;
use crate::interner::{Lists, Strings};
use crate::python_equality::{self, NULL, PythonDigest};
use crate::raw_entries::{RawConfig, RawMeta, RawPersistDocs, lenient};

/// The facts that the index keeps of a config: bits, and ids of strings and lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigFacts {
    pub(crate) flags: u32,
    pub(crate) materialized: u32,
    pub(crate) group: u32,
    /// The list of `config.tags`. Only unit tests take their tags from it.
    pub(crate) tags: u32,
    /// The list of `config.meta.external_location`.
    pub(crate) meta_locations: u32,
    /// The list of `config.external_location`.
    pub(crate) locations: u32,
    pub(crate) landfall: u32,
    pub(crate) writes_to: u32,
}

impl ConfigFacts {
    /// Reads the facts of the config with that JSON text, or of an empty config.
    pub(crate) fn read(text: Option<&str>, strings: &mut Strings, lists: &mut Lists) -> Self {
        let config: RawConfig<'_> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let meta: RawMeta<'_> = lenient(config.meta);
        let persist: RawPersistDocs<'_> = lenient(config.persist_docs);
        let mut flags = 0;
        let mut set = |bit: u32, on: bool| flags |= if on { bit } else { 0 };
        set(flag::ENABLED, config.enabled.bool().unwrap_or(true));
        set(flag::STORES_FAILURES, config.store_failures.truthy());
        set(flag::FULL_REFRESH_SET, config.full_refresh.bool().is_some());
        set(flag::FULL_REFRESH, config.full_refresh.bool() == Some(true));
        set(flag::PERSISTS_DESCRIPTION, persist.relation.truthy());
        set(flag::PERSISTS_COLUMNS, persist.columns.truthy());
        let mut list = |texts: Vec<&str>| {
            let ids: Vec<u32> = texts.into_iter().map(|text| strings.id(text)).collect();
            lists.id(&ids)
        };
        let tags = list(config.tags.texts());
        let meta_locations = list(meta.external_location.texts());
        let locations = list(config.external_location.texts());
        let writes_to = list(
            [&config.location, &config.location_root, &config.external_root, &config.s3_data_dir]
                .into_iter()
                .filter_map(|value| value.text())
                .collect(),
        );
        Self {
            flags,
            materialized: strings.optional(config.materialized.text()),
            group: strings.optional(config.group.text().filter(|group| !group.is_empty())),
            tags,
            meta_locations,
            locations,
            landfall: strings.optional(meta.landfall.map(serde_json::value::RawValue::get)),
            writes_to,
        }
    }
}

/// The facts of each distinct config, by the id of its text.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    seen: HashMap<u32, ConfigFacts>,
}

impl Configs {
    /// Returns the id of the config's text, and its facts.
    pub(crate) fn get(&mut self, text: Option<&str>, strings: &mut Strings, lists: &mut Lists) -> (u32, ConfigFacts) {
        let id = strings.optional(text);
        if let Some(facts) = self.seen.get(&id) {
            return (id, *facts);
        }
        let facts = ConfigFacts::read(text, strings, lists);
        self.seen.insert(id, facts);
        (id, facts)
    }
}

/// The digests of an unrendered config, one for each set of keys that dbt compares
/// (<https://docs.getdbt.com/reference/node-selection/state-selection>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unrendered {
    /// For models, seeds, snapshots, analyses, functions and hooks: all keys but alias, schema, database, tags and
    /// group.
    pub(crate) node: u64,
    /// For tests: the keys that change what the test means.
    pub(crate) test: u64,
    /// For sources and exposures: all keys.
    pub(crate) every: u64,
    /// For metrics: all keys but group.
    pub(crate) metric: u64,
    /// Database, schema and alias. An absent key equals null.
    pub(crate) relation: u64,
}

const TEST_KEYS: [&str; 8] =
    ["severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as"];
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

impl<'de> Deserialize<'de> for Unrendered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UnrenderedVisitor)
    }
}

impl Default for Unrendered {
    fn default() -> Self {
        Self { node: 0, test: 0, every: 0, metric: 0, relation: python_equality::join(&[NULL, NULL, NULL]) }
    }
}

struct UnrenderedVisitor;

impl<'de> Visitor<'de> for UnrenderedVisitor {
    type Value = Unrendered;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Unrendered::default();
        let mut relation = [NULL; 3];
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let value = map.next_value::<PythonDigest<false>>()?.hash;
            let entry = python_equality::entry(&key, value);
            let add = |sum: &mut u64, on: bool| *sum = sum.wrapping_add(if on { entry } else { 0 });
            add(&mut found.every, true);
            add(&mut found.metric, key != "group");
            add(&mut found.node, !NOT_COMPARED.contains(&key.as_ref()));
            add(&mut found.test, TEST_KEYS.contains(&key.as_ref()));
            let slot = match key.as_ref() {
                "database" => relation.first_mut(),
                "schema" => relation.get_mut(1),
                "alias" => relation.get_mut(2),
                _ => None,
            };
            if let Some(slot) = slot {
                *slot = value;
            }
        }
        found.relation = python_equality::join(&relation);
        Ok(found)
    }
}

/// The digests of each distinct unrendered config, by a 128-bit digest of its text.
#[derive(Debug, Default)]
pub(crate) struct Unrendereds {
    seen: HashMap<u128, Unrendered>,
}

impl Unrendereds {
    pub(crate) fn get(&mut self, text: Option<&str>) -> Unrendered {
        let Some(text) = text else { return Unrendered::default() };
        *self.seen.entry(xxh3_128(text.as_bytes())).or_insert_with(|| serde_json::from_str(text).unwrap_or_default())
    }
}
