//! One node of the index and its facts.

use crate::index::Index;
use crate::index_layout::{Column, DigestColumn, flag};
use crate::node_ix::NodeIx;
use crate::resource_type::ResourceType;

/// A view of one node, which is cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Node<'i> {
    /// The number of the node in the index. Numbers ascend with unique ids.
    pub ix: NodeIx,
    pub(crate) index: &'i Index,
}

/// The digests that `state:` compares. Two digests are equal exactly if dbt considers the two sides the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDigests {
    /// The digest of `raw_code`, or of the checksum of a seed.
    pub body: u64,
    /// The digest of the unrendered config without the keys that dbt does not compare for this resource type.
    pub config: u64,
    /// The digest of the unrendered database, schema and alias; of a source, the rendered database, schema and
    /// identifier.
    pub relation: u64,
    /// The digest of a source's unrendered database and schema and its identifier.
    pub unrendered_relation: u64,
    /// The digest of the description.
    pub description: u64,
    /// The digest of the descriptions of the columns.
    pub column_descriptions: u64,
    /// The digest of everything else that dbt compares for this resource type.
    pub contents: u64,
}

impl Index {
    /// All nodes, sorted by unique id.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> + Clone {
        (0..self.len() as u32).map(|ix| Node { ix: NodeIx(ix), index: self })
    }

    /// The node with that number, if there is one.
    pub fn node(&self, ix: NodeIx) -> Option<Node<'_>> {
        (ix.position() < self.len()).then_some(Node { ix, index: self })
    }

    /// The node with that unique id, if there is one.
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

    /// The `unique_id` of the node.
    pub fn unique_id(self) -> &'i str {
        self.text(Column::UniqueId).unwrap_or_default()
    }

    /// The resource type of the node.
    pub fn resource_type(self) -> ResourceType {
        self.index.kind(self.ix)
    }

    /// The name of the node; for a source, the name of the table.
    pub fn name(self) -> &'i str {
        self.text(Column::Name).unwrap_or_default()
    }

    /// The package that defines the node.
    pub fn package_name(self) -> &'i str {
        self.text(Column::Package).unwrap_or_default()
    }

    /// The segments of the fully qualified name, package first.
    pub fn fqn(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Fqn)
    }

    /// The tags of the node.
    pub fn tags(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Tags)
    }

    /// The relation as dbt writes it in SQL, quoted. None for nodes without a relation, such as exposures and tests
    /// that store no failures.
    pub fn relation_name(self) -> Option<&'i str> {
        self.text(Column::Relation)
    }

    /// The database, rendered for the target that dbt parsed the project for.
    pub fn database(self) -> Option<&'i str> {
        self.text(Column::Database)
    }

    /// The schema, rendered for the target that dbt parsed the project for.
    pub fn schema(self) -> Option<&'i str> {
        self.text(Column::Schema)
    }

    /// The name of the relation within the schema. Sources have an `identifier` instead.
    pub fn alias(self) -> Option<&'i str> {
        self.text(Column::Alias)
    }

    /// The name of a source's table in the database.
    pub fn identifier(self) -> Option<&'i str> {
        self.text(Column::Identifier)
    }

    /// The value of `config.materialized`.
    pub fn materialized(self) -> Option<&'i str> {
        self.text(Column::Materialized)
    }

    /// Whether dbt builds no relation for the node and inlines its code into other nodes.
    pub fn is_ephemeral(self) -> bool {
        self.materialized() == Some("ephemeral")
    }

    /// The value of `config.enabled`. A node that is not enabled is never selected, except that dbt 1.11 selects
    /// exposures in any case.
    pub fn enabled(self) -> bool {
        self.has(flag::ENABLED)
    }

    /// The value of `config.full_refresh`. False protects the relation from `--full-refresh`.
    pub fn full_refresh(self) -> Option<bool> {
        self.has(flag::FULL_REFRESH_SET).then(|| self.has(flag::FULL_REFRESH))
    }

    /// The path of the file that defines the node, relative to its project.
    pub fn original_file_path(self) -> &'i str {
        self.text(Column::Path).unwrap_or_default()
    }

    /// The path of the YAML file that describes the node, without the package before `://`.
    pub fn patch_path(self) -> Option<&'i str> {
        self.text(Column::PatchPath)
    }

    /// The `name:` of the source to which the table belongs.
    pub fn source_name(self) -> Option<&'i str> {
        self.text(Column::SourceName)
    }

    /// The version of a versioned model, as dbt prints it.
    pub fn version(self) -> Option<&'i str> {
        self.text(Column::Version).map(version_text)
    }

    /// The latest version of a versioned model, as dbt prints it.
    pub fn latest_version(self) -> Option<&'i str> {
        self.text(Column::LatestVersion).map(version_text)
    }

    /// The version and the latest version as JSON text, in which a number differs from a string.
    pub fn versions_json(self) -> (Option<&'i str>, Option<&'i str>) {
        (self.text(Column::Version), self.text(Column::LatestVersion))
    }

    /// Whether a test stores the rows that fail (`config.store_failures`).
    pub fn stores_failures(self) -> bool {
        self.has(flag::STORES_FAILURES)
    }

    /// The `loader` of a source.
    pub fn loader(self) -> Option<&'i str> {
        self.text(Column::Loader)
    }

    /// The locations of a source as written, in order of precedence: `config.meta.external_location`,
    /// `meta.external_location`, `source_meta.external_location`, `config.external_location`, `external.location`
    /// (<https://github.com/duckdb/dbt-duckdb#reading-from-external-files>). They may hold placeholders such as
    /// `{name}`.
    pub fn external_location(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Locations)
    }

    /// The JSON text of `config.meta.landfall`, else `meta.landfall`, else `source_meta.landfall`.
    pub fn landfall_meta(self) -> Option<&'i str> {
        self.text(Column::Landfall)
    }

    /// The locations to which a model writes files, as written in `config.location`, `location_root`, `external_root`
    /// and `s3_data_dir`.
    pub fn writes_to(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::WritesTo)
    }

    /// The whole `config` of the node as JSON text.
    pub fn config_json(self) -> Option<&'i str> {
        self.text(Column::Config)
    }

    /// A number that is equal for two nodes exactly if the JSON texts of their configs are equal.
    pub fn config_id(self) -> u32 {
        self.index.column(Column::Config, self.ix)
    }

    /// The value of `config.group`.
    pub fn group(self) -> Option<&'i str> {
        self.text(Column::Group)
    }

    /// The access of a model. dbt's default is `protected`.
    pub fn access(self) -> Option<&'i str> {
        self.text(Column::Access)
    }

    /// Whether the node is a data test that dbt made from a generic test.
    pub fn is_generic_test(self) -> bool {
        self.has(flag::GENERIC_TEST)
    }

    /// The name of the generic test from which dbt made the node.
    pub fn test_name(self) -> Option<&'i str> {
        self.text(Column::TestName)
    }

    /// Whether the code of the node is blank. Every dbt command but `ls` leaves such nodes out, except seeds.
    pub fn has_blank_code(self) -> bool {
        self.has(flag::BLANK_CODE)
    }

    /// Whether the node depends on a node that is not in the manifest.
    pub fn has_unknown_parent(self) -> bool {
        self.has(flag::DANGLING)
    }

    /// The unique ids of the macros that the node uses directly. The id of a missing macro is empty.
    pub fn macros(self) -> impl ExactSizeIterator<Item = &'i str> + DoubleEndedIterator + Clone + use<'i> {
        self.list(Column::Macros)
    }

    /// Whether dbt writes the description to the warehouse (`persist_docs.relation`).
    pub fn persists_description(self) -> bool {
        self.has(flag::PERSISTS_DESCRIPTION)
    }

    /// Whether dbt writes the descriptions of the columns to the warehouse (`persist_docs.columns`).
    pub fn persists_columns(self) -> bool {
        self.has(flag::PERSISTS_COLUMNS)
    }

    /// Whether the contract of the node is enforced.
    pub fn contract_enforced(self) -> bool {
        self.has(flag::CONTRACT_ENFORCED)
    }

    /// An enforced contract as JSON text: `checksum`, `columns` (each with `name`, `data_type` and `constraints`) and
    /// `constraints`.
    pub fn contract_json(self) -> Option<&'i str> {
        self.text(Column::Contract)
    }

    /// The deprecation date of a model, as written.
    pub fn deprecation_date(self) -> Option<&'i str> {
        self.text(Column::DeprecationDate)
    }

    /// Whether a seed is so large that dbt compares only its path.
    pub fn has_path_checksum(self) -> bool {
        self.has(flag::PATH_CHECKSUM)
    }

    /// The digests that `state:` compares.
    pub fn state_digests(self) -> StateDigests {
        let digest = |which| self.index.digest(which, self.ix);
        StateDigests {
            body: digest(DigestColumn::Body),
            config: digest(DigestColumn::Config),
            relation: digest(DigestColumn::Relation),
            unrendered_relation: digest(DigestColumn::UnrenderedRelation),
            description: digest(DigestColumn::Description),
            column_descriptions: digest(DigestColumn::ColumnDescriptions),
            contents: digest(DigestColumn::Contents),
        }
    }
}

fn version_text(json: &str) -> &str {
    json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json)
}
