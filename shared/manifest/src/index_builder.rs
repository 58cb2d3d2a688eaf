//! Collects the entries of a manifest as they are read and stores them as an index.

use hashbrown::HashSet;
use md5::{Digest as _, Md5};
use serde_json::value::RawValue;

use crate::config_facts::{Configs, Unrendereds};
use crate::error::ManifestError;
use crate::index_layout::{self, Column, DigestColumn, NONE, flag};
use crate::interner::{Lists, Strings};
use crate::json_text::HashedText;
use crate::metadata::{Disabled, Document, Metadata};
use crate::raw_entries::{RawDependsOn, RawExternal, RawMacro, RawMeta, RawMetadata, RawNode, lenient};
use crate::resource_type::ResourceType;
use crate::state_digests::{access_of, contract_json, digests_of, version};

const SCHEMA_PREFIX: &str = "https://schemas.getdbt.com/dbt/manifest/v";
const OLDEST_SCHEMA: u32 = 9;
const NEWEST_SCHEMA: u32 = 12;

/// One node, before the nodes are sorted and stored by column.
struct Row {
    columns: [u32; Column::COUNT],
    digests: [u64; DigestColumn::COUNT],
    /// The string ids of the nodes that it depends on.
    depends_on: Vec<u32>,
}

impl Row {
    fn set(&mut self, column: Column, value: u32) {
        if let Some(slot) = self.columns.get_mut(column as usize) {
            *slot = value;
        }
    }

    fn get(&self, column: Column) -> u32 {
        self.columns.get(column as usize).copied().unwrap_or(NONE)
    }
}

/// The entries of a manifest that have been read so far.
pub(crate) struct Builder {
    strings: Strings,
    lists: Lists,
    configs: Configs,
    unrendereds: Unrendereds,
    rows: Vec<Row>,
    macros: Vec<(u32, u32, u64)>,
    document: Document,
    schema: u32,
    project_id: Option<String>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            strings: Strings::new(),
            lists: Lists::new(),
            configs: Configs::default(),
            unrendereds: Unrendereds::default(),
            rows: Vec::new(),
            macros: Vec::new(),
            document: Document::default(),
            schema: NEWEST_SCHEMA,
            project_id: None,
        }
    }

    pub(crate) fn metadata(&mut self, raw: RawMetadata) -> Result<(), ManifestError> {
        let Some(schema) = raw.dbt_schema_version else {
            return Err(ManifestError::NotAManifest {
                found: "a file whose \"metadata\" has no \"dbt_schema_version\"".to_owned(),
            });
        };
        let Some(version) = schema.strip_prefix(SCHEMA_PREFIX) else {
            return Err(ManifestError::NotAManifest { found: format!("an artifact of schema \"{schema}\"") });
        };
        // A minor version may follow a dot; v12.1 counts as v12.
        let major = version.trim_end_matches(".json").split('.').next().and_then(|major| major.parse().ok());
        self.schema = match major {
            Some(major @ OLDEST_SCHEMA..=NEWEST_SCHEMA) => major,
            _ => return Err(ManifestError::UnknownSchema { found: schema }),
        };
        self.project_id = raw.project_id;
        self.document.metadata = Metadata {
            root_package: raw.project_name.clone(),
            project_name: raw.project_name,
            adapter_type: raw.adapter_type,
            dbt_version: raw.dbt_version,
            dbt_schema_version: schema,
            generated_at: raw.generated_at,
            invocation_id: raw.invocation_id,
        };
        Ok(())
    }

    pub(crate) fn selectors(&mut self, json: Option<&str>) {
        self.document.selectors = json.map(str::to_owned);
    }

    pub(crate) fn disabled(&mut self, id: &str, raw: &[RawNode<'_>]) {
        let Some(first) = raw.first() else { return };
        let (_, config) = self.configs.get(first.config.map(RawValue::get), &mut self.strings, &mut self.lists);
        let kind = first.resource_type.as_ref().map(|kind| kind.0.as_ref());
        self.document.disabled.push(Disabled {
            unique_id: id.to_owned(),
            model: kind == Some("model"),
            versioned: version(first.version).is_some(),
            contract_enforced: first.contract.as_ref().is_some_and(|contract| contract.enforced.truthy()),
            enabled: config.flags & flag::ENABLED != 0,
            deprecation_date: first.deprecation_date.as_ref().map(|date| date.0.to_string()),
        });
    }

    pub(crate) fn add_macro(&mut self, id: &str, raw: &RawMacro<'_>) {
        let uses = self.macro_list(raw.depends_on.as_ref());
        let id = self.strings.id(id);
        self.macros.push((id, uses, raw.macro_sql.unwrap_or_default().hash));
    }

    fn macro_list(&mut self, depends_on: Option<&RawDependsOn<'_>>) -> u32 {
        let macros = depends_on.and_then(|depends_on| depends_on.macros.as_deref()).unwrap_or_default();
        let ids: Vec<u32> =
            macros.iter().map(|id| self.strings.id(id.as_ref().map_or("", |id| id.0.as_ref()))).collect();
        self.lists.id(&ids)
    }

    pub(crate) fn add_node(&mut self, id: &str, section: Option<ResourceType>, raw: &RawNode<'_>) {
        let named = raw.resource_type.as_ref().map_or("", |kind| kind.0.as_ref());
        let kind = section.or_else(|| ResourceType::from_name(named)).unwrap_or(ResourceType::Unknown);
        let (config_id, config) = self.configs.get(raw.config.map(RawValue::get), &mut self.strings, &mut self.lists);
        let mut row = Row { columns: [NONE; Column::COUNT], digests: [0; DigestColumn::COUNT], depends_on: Vec::new() };

        let mut flags = config.flags;
        let generic = raw.test_metadata.is_some();
        let code = raw.raw_code.unwrap_or(HashedText { hash: 0, blank: true });
        let mut set = |bit: u32, on: bool| flags |= if on { bit } else { 0 };
        set(flag::GENERIC_TEST, kind == ResourceType::Test && generic);
        set(flag::BLANK_CODE, code.blank && kind.is_parsed_node() && kind != ResourceType::Seed);
        set(flag::CONTRACT_ENFORCED, raw.contract.as_ref().is_some_and(|contract| contract.enforced.truthy()));
        row.set(Column::Kind, u32::from(kind as u8));
        row.set(Column::Config, config_id);
        row.set(Column::Materialized, config.materialized);
        row.set(Column::Group, config.group);
        row.set(Column::WritesTo, config.writes_to);

        let strings = &mut self.strings;
        row.set(Column::UniqueId, strings.id(id));
        row.set(Column::Name, strings.id(raw.name.as_ref().map_or("", |name| name.0.as_ref())));
        row.set(Column::Package, strings.id(raw.package_name.as_ref().map_or("", |name| name.0.as_ref())));
        row.set(Column::Path, strings.id(raw.original_file_path.as_ref().map_or("", |path| path.0.as_ref())));
        let patch = raw.patch_path.as_ref().map(|path| path.0.as_ref()).filter(|path| !path.is_empty());
        row.set(Column::PatchPath, strings.optional(patch.map(|path| path.split("://").nth(1).unwrap_or(path))));
        for (column, value) in [
            (Column::Database, &raw.database),
            (Column::Schema, &raw.schema),
            (Column::Alias, &raw.alias),
            (Column::Identifier, &raw.identifier),
            (Column::Relation, &raw.relation_name),
            (Column::SourceName, &raw.source_name),
            (Column::DeprecationDate, &raw.deprecation_date),
        ] {
            row.set(column, strings.optional(value.as_ref().map(|value| value.0.as_ref())));
        }
        row.set(Column::Loader, strings.optional(raw.loader.text()));
        row.set(Column::Version, strings.optional(version(raw.version).as_deref()));
        row.set(Column::LatestVersion, strings.optional(version(raw.latest_version).as_deref()));
        if kind == ResourceType::Model {
            row.set(Column::Access, strings.id(access_of(raw)));
        }
        if let Some(test) = &raw.test_metadata {
            row.set(Column::TestName, strings.id(test.name.as_ref().map_or("test", |name| name.0.as_ref())));
        }

        let fqn: Vec<u32> = raw.fqn.iter().flatten().map(|part| strings.id(&part.0)).collect();
        row.set(Column::Fqn, self.lists.id(&fqn));
        let tags = match kind {
            ResourceType::UnitTest => config.tags,
            // The class of dbt for semantic models has no tags.
            ResourceType::SemanticModel => self.lists.id(&[]),
            _ => {
                let tags: Vec<u32> = raw.tags.texts().into_iter().map(|tag| self.strings.id(tag)).collect();
                self.lists.id(&tags)
            }
        };
        row.set(Column::Tags, tags);
        row.set(Column::Macros, self.macro_list(raw.depends_on.as_ref()));

        if !matches!(kind, ResourceType::Source | ResourceType::Seed) {
            let nodes = raw.depends_on.as_ref().and_then(|depends_on| depends_on.nodes.as_deref()).unwrap_or_default();
            row.depends_on = nodes.iter().map(|node| self.strings.id(&node.0)).collect();
        }
        if kind == ResourceType::Source {
            self.source_locations(&mut row, raw, config.meta_locations, config.locations, config.landfall);
        } else {
            row.set(Column::Landfall, config.landfall);
        }
        if kind == ResourceType::Seed {
            let checksum = raw.checksum.map(RawValue::get).unwrap_or_default();
            if checksum.contains("\"path\"") {
                flags |= flag::PATH_CHECKSUM;
            }
        }
        if flags & flag::CONTRACT_ENFORCED != 0 {
            let contract = contract_json(raw);
            row.set(Column::Contract, self.strings.id(&contract));
        }
        row.set(Column::Flags, flags);
        let unrendered = self.unrendereds.get(raw.unrendered_config.map(RawValue::get));
        row.digests = digests_of(kind, raw, code.hash, &unrendered);
        self.rows.push(row);
    }

    fn source_locations(&mut self, row: &mut Row, raw: &RawNode<'_>, config_meta: u32, config: u32, landfall: u32) {
        let meta: RawMeta<'_> = lenient(raw.meta);
        let source_meta: RawMeta<'_> = lenient(raw.source_meta);
        let external: RawExternal<'_> = lenient(raw.external);
        let mut all: Vec<u32> = self.lists.get(config_meta).to_vec();
        let more = meta.external_location.texts().into_iter().chain(source_meta.external_location.texts());
        all.extend(more.map(|text| self.strings.id(text)));
        all.extend_from_slice(self.lists.get(config));
        all.extend(external.location.texts().into_iter().map(|text| self.strings.id(text)));
        let mut seen = Vec::with_capacity(all.len());
        all.retain(|id| {
            !seen.contains(id) && {
                seen.push(*id);
                true
            }
        });
        row.set(Column::Locations, self.lists.id(&all));
        let own = meta.landfall.or(source_meta.landfall).map(RawValue::get);
        row.set(Column::Landfall, if landfall == NONE { self.strings.optional(own) } else { landfall });
    }

    /// The package whose name has the MD5 digest that dbt wrote as `project_id`.
    fn package_of_project_id(&self) -> Option<String> {
        let wanted = self.project_id.as_deref()?;
        let packages: HashSet<u32> = self.rows.iter().map(|row| row.get(Column::Package)).collect();
        packages
            .into_iter()
            .map(|package| self.strings.get(package))
            .find(|name| md5_hex(name) == wanted)
            .map(str::to_owned)
    }

    /// Sorts the nodes and macros, links the edges and returns the bytes of the index.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ManifestError> {
        if self.schema <= 9 {
            // dbt ignores the metrics of v9 since it redesigned metrics in 1.6.
            self.rows.retain(|row| row.get(Column::Kind) != u32::from(ResourceType::Metric as u8));
            self.document.disabled.retain(|node| !node.unique_id.starts_with("metric."));
        }
        if self.document.metadata.root_package.is_none() {
            self.document.metadata.root_package = self.package_of_project_id();
        }
        let strings = &self.strings;
        self.rows.sort_by(|a, b| strings.get(a.get(Column::UniqueId)).cmp(strings.get(b.get(Column::UniqueId))));
        self.rows.dedup_by(|later, earlier| later.get(Column::UniqueId) == earlier.get(Column::UniqueId));
        self.macros.sort_by(|a, b| strings.get(a.0).cmp(strings.get(b.0)));
        let links = crate::edges::link(self.rows.iter_mut().map(|row| {
            let kind = ResourceType::from_code(row.get(Column::Kind).try_into().unwrap_or(u8::MAX));
            (row.get(Column::UniqueId), kind, std::mem::take(&mut row.depends_on))
        }));
        for number in links.dangling {
            if let Some(row) = self.rows.get_mut(number) {
                row.set(Column::Flags, row.get(Column::Flags) | flag::DANGLING);
            }
        }
        let mut columns = Vec::with_capacity(self.rows.len() * Column::COUNT * 4);
        for column in 0..Column::COUNT {
            columns.extend(
                self.rows.iter().flat_map(|row| row.columns.get(column).copied().unwrap_or(NONE).to_le_bytes()),
            );
        }
        let mut digests = Vec::with_capacity(self.rows.len() * DigestColumn::COUNT * 8);
        for digest in 0..DigestColumn::COUNT {
            digests
                .extend(self.rows.iter().flat_map(|row| row.digests.get(digest).copied().unwrap_or(0).to_le_bytes()));
        }
        self.rows = Vec::new();
        let macros = self
            .macros
            .iter()
            .flat_map(|(id, uses, code)| [u64::from(*id) | u64::from(*uses) << 32, *code])
            .collect::<Vec<_>>();
        let document =
            serde_json::to_vec(&self.document).map_err(|error| ManifestError::TooLarge { what: error.to_string() })?;
        let (text, offsets) = self.strings.finish()?;
        let lists = self.lists.finish()?;
        Ok(index_layout::assemble([
            text,
            offsets,
            lists,
            columns,
            digests,
            links.parents,
            links.children,
            index_layout::u64s(macros),
            document,
        ]))
    }
}

fn md5_hex(text: &str) -> String {
    use std::fmt::Write as _;
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
