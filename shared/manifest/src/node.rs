//! One node of the index.

use crate::index::Index;
use crate::index_layout::{Column, Digest, flag};
use crate::node_ix::NodeIx;
use crate::resource_type::ResourceType;

/// A view of one node; cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Node<'i> {
    /// Its number in the index. Numbers ascend with unique ids.
    pub ix: NodeIx,
    pub(crate) index: &'i Index,
}

/// The digests that `state:` compares, each equal exactly when dbt finds the two sides the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDigests {
    /// `raw_code`, or the checksum of a seed.
    pub body: u64,
    /// The unrendered config without the keys that dbt leaves out of the comparison for this kind of node.
    pub config: u64,
    /// The unrendered database, schema and alias; the rendered database, schema and identifier of a source.
    pub relation: u64,
    /// The unrendered database and schema and the identifier of a source.
    pub unrendered_relation: u64,
    /// The description.
    pub description: u64,
    /// The columns' descriptions.
    pub column_descriptions: u64,
    /// All else that dbt compares for this kind of node.
    pub contents: u64,
}

impl Index {
    /// Every node, in the order of their unique ids.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> + Clone {
        (0..self.len() as u32).map(|ix| Node { ix: NodeIx(ix), index: self })
    }

    /// The node of that number.
    pub fn node(&self, ix: NodeIx) -> Option<Node<'_>> {
        (ix.position() < self.len()).then_some(Node { ix, index: self })
    }

    /// The node of that unique id.
    pub fn get(&self, unique_id: &str) -> Option<Node<'_>> {
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            let node = self.node(NodeIx(middle))?;
            match node.unique_id().cmp(unique_id) {
                std::cmp::Ordering::Equal => return Some(node),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl<'i> Node<'i> {
    fn text(self, column: Column) -> Option<&'i str> {
        self.index.text(self.index.column(column, self.ix))
    }

    fn list(self, column: Column) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        let index = self.index;
        index.list(index.column(column, self.ix)).map(move |id| index.text(id).unwrap_or_default())
    }

    fn has(self, bits: u32) -> bool {
        self.index.column(Column::Flags, self.ix) & bits != 0
    }

    /// dbt's `unique_id`.
    pub fn unique_id(self) -> &'i str {
        self.text(Column::UniqueId).unwrap_or_default()
    }

    /// What kind of thing it is.
    pub fn resource_type(self) -> ResourceType {
        self.index.kind(self.ix)
    }

    /// Its name; of a source the table's.
    pub fn name(self) -> &'i str {
        self.text(Column::Name).unwrap_or_default()
    }

    /// The package that defines it.
    pub fn package_name(self) -> &'i str {
        self.text(Column::Package).unwrap_or_default()
    }

    /// Its fully qualified name, package first.
    pub fn fqn(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Fqn)
    }

    /// Its tags.
    pub fn tags(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Tags)
    }

    /// The relation as dbt writes it in SQL, quoted; none for tests that store nothing, exposures and the like.
    pub fn relation_name(self) -> Option<&'i str> {
        self.text(Column::Relation)
    }

    /// The database, rendered for the target of the parse.
    pub fn database(self) -> Option<&'i str> {
        self.text(Column::Database)
    }

    /// The schema, rendered for the target of the parse.
    pub fn schema(self) -> Option<&'i str> {
        self.text(Column::Schema)
    }

    /// The relation's name within the schema; sources have `identifier` instead.
    pub fn alias(self) -> Option<&'i str> {
        self.text(Column::Alias)
    }

    /// A source's table name in the database.
    pub fn identifier(self) -> Option<&'i str> {
        self.text(Column::Identifier)
    }

    /// `config.materialized`.
    pub fn materialized(self) -> Option<&'i str> {
        self.text(Column::Materialized)
    }

    /// Whether dbt runs nothing for it but inlines it.
    pub fn is_ephemeral(self) -> bool {
        self.materialized() == Some("ephemeral")
    }

    /// `config.enabled`; what is not enabled is never selected. dbt 1.11 takes exposures in any case.
    pub fn enabled(self) -> bool {
        self.has(flag::ENABLED)
    }

    /// `config.full_refresh`: false protects the relation from `--full-refresh`.
    pub fn full_refresh(self) -> Option<bool> {
        self.has(flag::FULL_REFRESH_SET).then(|| self.has(flag::FULL_REFRESH))
    }

    /// Where it is defined, relative to its project.
    pub fn original_file_path(self) -> &'i str {
        self.text(Column::Path).unwrap_or_default()
    }

    /// The YAML file that describes it, without the package before `://`.
    pub fn patch_path(self) -> Option<&'i str> {
        self.text(Column::PatchPath)
    }

    /// The `name:` of the source that the table belongs to.
    pub fn source_name(self) -> Option<&'i str> {
        self.text(Column::SourceName)
    }

    /// A versioned model's version, as dbt prints it.
    pub fn version(self) -> Option<&'i str> {
        self.text(Column::Version).map(version_text)
    }

    /// The latest version of a versioned model, as dbt prints it.
    pub fn latest_version(self) -> Option<&'i str> {
        self.text(Column::LatestVersion).map(version_text)
    }

    /// The versions as JSON, so that a number differs from a string.
    pub fn versions_json(self) -> (Option<&'i str>, Option<&'i str>) {
        (self.text(Column::Version), self.text(Column::LatestVersion))
    }

    /// Whether a test stores the rows that fail (`store_failures`).
    pub fn stores_failures(self) -> bool {
        self.has(flag::STORES_FAILURES)
    }

    /// A source's `loader`, as its owners call it.
    pub fn loader(self) -> Option<&'i str> {
        self.text(Column::Loader)
    }

    /// A source's locations as written, the binding one first: `config.meta.external_location`, `meta.external_location`,
    /// `source_meta.external_location`, `config.external_location`, `external.location`
    /// (<https://github.com/duckdb/dbt-duckdb#reading-from-external-files>). They may hold `{name}` and the like.
    pub fn external_location(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Locations)
    }

    /// `config.meta.landfall`, else `meta.landfall`, else `source_meta.landfall`: JSON text.
    pub fn landfall_meta(self) -> Option<&'i str> {
        self.text(Column::Landfall)
    }

    /// Where a model writes files, as written: `config.location`, `location_root`, `external_root`, `s3_data_dir`.
    pub fn writes_to(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::WritesTo)
    }

    /// The node's whole `config` as JSON text.
    pub fn config_json(self) -> Option<&'i str> {
        self.text(Column::Config)
    }

    /// A number that two nodes share exactly when their configs are the same text.
    pub fn config_id(self) -> u32 {
        self.index.column(Column::Config, self.ix)
    }

    /// `config.group`.
    pub fn group(self) -> Option<&'i str> {
        self.text(Column::Group)
    }

    /// A model's access; `protected` unless said.
    pub fn access(self) -> Option<&'i str> {
        self.text(Column::Access)
    }

    /// Whether it is a data test made from a generic one.
    pub fn is_generic_test(self) -> bool {
        self.has(flag::GENERIC_TEST)
    }

    /// The name of the generic test that it was made from.
    pub fn test_name(self) -> Option<&'i str> {
        self.text(Column::TestName)
    }

    /// Whether its code is blank: every command but `ls` leaves such nodes out, seeds excepted.
    pub fn has_blank_code(self) -> bool {
        self.has(flag::BLANK_CODE)
    }

    /// Whether it depends on something that the manifest does not hold.
    pub fn has_unknown_parent(self) -> bool {
        self.has(flag::DANGLING)
    }

    /// The unique ids of the macros that it uses directly; a missing one is empty.
    pub fn macros(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Macros)
    }

    /// Whether its description is written to the warehouse (`persist_docs.relation`).
    pub fn persists_description(self) -> bool {
        self.has(flag::PERSISTS_DESCRIPTION)
    }

    /// Whether its columns' descriptions are (`persist_docs.columns`).
    pub fn persists_columns(self) -> bool {
        self.has(flag::PERSISTS_COLUMNS)
    }

    /// Whether its contract is enforced.
    pub fn contract_enforced(self) -> bool {
        self.has(flag::CONTRACT_ENFORCED)
    }

    /// An enforced contract as JSON: `checksum`, `columns` (key to name, `data_type`, constraints), `constraints`.
    pub fn contract_json(self) -> Option<&'i str> {
        self.text(Column::Contract)
    }

    /// The deprecation date, as written.
    pub fn deprecation_date(self) -> Option<&'i str> {
        self.text(Column::DeprecationDate)
    }

    /// Whether a seed is so large that only its path is compared.
    pub fn has_path_checksum(self) -> bool {
        self.has(flag::PATH_CHECKSUM)
    }

    /// What `state:` compares.
    pub fn state_digests(self) -> StateDigests {
        let digest = |which| self.index.digest(which, self.ix);
        StateDigests {
            body: digest(Digest::Body),
            config: digest(Digest::Config),
            relation: digest(Digest::Relation),
            unrendered_relation: digest(Digest::UnrenderedRelation),
            description: digest(Digest::Description),
            column_descriptions: digest(Digest::ColumnDescriptions),
            contents: digest(Digest::Contents),
        }
    }
}

fn version_text(json: &str) -> &str {
    json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json)
}
