//! The index: the facts about nodes, edges and macros that planning needs.

use std::io::Read;
use std::ops::Range;

use crate::edges::Edges;
use crate::error::{IndexError, ManifestError};
use crate::index_builder::Builder;
use crate::index_layout::{self, Column, DigestColumn, NONE, Section, u32_at, u64_at};
use crate::manifest_sections::read_manifest;
use crate::manifest_stream::{ManifestStream, ReadInput, SliceInput};
use crate::metadata::{Disabled, Document, Metadata};
use crate::node_ix::NodeIx;
use crate::resource_type::ResourceType;

/// A compiled manifest: every node, the edges between nodes, and the facts that selection and S3 mapping use.
pub struct Index {
    bytes: Vec<u8>,
    text: Range<usize>,
    text_offsets: Range<usize>,
    lists: Range<usize>,
    columns: Range<usize>,
    digests: Range<usize>,
    macros: Range<usize>,
    nodes: usize,
    kinds: Vec<ResourceType>,
    parents: Edges,
    children: Edges,
    document: Document,
}

/// The facts about a macro that `state:modified` compares.
#[derive(Debug, Clone)]
pub struct Macro<'i> {
    /// The macro's `unique_id`.
    pub unique_id: &'i str,
    /// The digest of its code.
    pub code: u64,
    /// The unique ids of the macros that it uses directly. The id of a missing macro is empty.
    pub macros: Vec<&'i str>,
}

impl Index {
    /// Reads a `manifest.json` from a reader. Beside the index, memory holds one entry of the manifest at a time.
    ///
    /// # Errors
    ///
    /// If the reader fails, or the bytes are no complete manifest of schema v9 to v12.
    pub fn from_manifest(reader: impl Read) -> Result<Self, ManifestError> {
        let mut builder = Builder::new();
        read_manifest(&mut ManifestStream::new(ReadInput::new(reader)), &mut builder)?;
        Self::finish(builder)
    }

    /// Reads a `manifest.json` that is in memory.
    ///
    /// ```
    /// let manifest = br#"{
    ///     "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
    ///     "sources": {"source.shop.raw.orders": {"source_name": "raw", "name": "orders"}}
    /// }"#;
    /// let index = landfall_manifest::Index::from_slice(manifest)?;
    /// assert_eq!(index.get("source.shop.raw.orders").and_then(|source| source.source_name()), Some("raw"));
    /// # Ok::<(), landfall_manifest::ManifestError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are no complete manifest of schema v9 to v12.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut builder = Builder::new();
        read_manifest(&mut ManifestStream::new(SliceInput::new(bytes)), &mut builder)?;
        Self::finish(builder)
    }

    fn finish(builder: Builder) -> Result<Self, ManifestError> {
        let bytes = builder.finish()?;
        Self::from_vec(bytes).map_err(|error| ManifestError::TooLarge { what: error.to_string() })
    }

    /// Returns the bytes of the index. [`Self::from_bytes`] of the same version reads them.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Reads an index from borrowed bytes, which it copies.
    ///
    /// # Errors
    ///
    /// If the bytes are no index, were written by another version, or were changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Reads an index from bytes that it takes over without a copy.
    ///
    /// # Errors
    ///
    /// As [`Self::from_bytes`].
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, IndexError> {
        let damaged = |what: &str| IndexError::Damaged { what: what.to_owned() };
        let ranges = index_layout::open(&bytes)?;
        let range = |section: Section| ranges.get(section as usize).cloned().unwrap_or(0..0);
        let (columns, digests) = (range(Section::Columns), range(Section::Digests));
        let nodes = columns.len() / (Column::COUNT * 4);
        if columns.len() != nodes * Column::COUNT * 4 || digests.len() != nodes * DigestColumn::COUNT * 8 {
            return Err(damaged("its columns differ in length"));
        }
        let part = |section| bytes.get(range(section)).unwrap_or_default();
        let edges = |section| {
            Edges::decode(part(section), nodes).ok_or_else(|| damaged("an edge leads to a node that does not exist"))
        };
        let document = serde_json::from_slice(part(Section::Document))
            .map_err(|error| IndexError::Damaged { what: error.to_string() })?;
        let mut index = Self {
            text: range(Section::Text),
            text_offsets: range(Section::TextOffsets),
            lists: range(Section::Lists),
            macros: range(Section::Macros),
            parents: edges(Section::Parents)?,
            children: edges(Section::Children)?,
            columns,
            digests,
            nodes,
            kinds: Vec::new(),
            document,
            bytes,
        };
        index.kinds = (0..nodes as u32)
            .map(|ix| ResourceType::from_code(index.column(Column::Kind, NodeIx(ix)).try_into().unwrap_or(u8::MAX)))
            .collect();
        Ok(index)
    }

    /// The number of nodes, including sources and nodes whose `config.enabled` is false.
    pub fn len(&self) -> usize {
        self.nodes
    }

    /// Whether the manifest has no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }

    /// The direct parents of a node, ascending.
    pub fn parents(&self, ix: NodeIx) -> &[NodeIx] {
        self.parents.of(ix)
    }

    /// The direct children of a node, ascending.
    pub fn children(&self, ix: NodeIx) -> &[NodeIx] {
        self.children.of(ix)
    }

    /// The `metadata` of the manifest.
    pub fn metadata(&self) -> &Metadata {
        &self.document.metadata
    }

    /// The `selectors` of the manifest as JSON text: the project's selectors.yml as dbt wrote it.
    pub fn selectors_json(&self) -> Option<&str> {
        self.document.selectors.as_deref()
    }

    /// The nodes under `disabled` in the manifest, in the order of the file.
    pub fn disabled(&self) -> &[Disabled] {
        &self.document.disabled
    }

    /// All macros, sorted by unique id.
    pub fn macros(&self) -> impl Iterator<Item = Macro<'_>> {
        let bytes = self.bytes.get(self.macros.clone()).unwrap_or_default();
        bytes.chunks_exact(16).map(|chunk| {
            let number = |at| u32_at(chunk, at).unwrap_or(NONE);
            Macro {
                unique_id: self.text(number(0)).unwrap_or_default(),
                macros: self.list(number(4)).map(|id| self.text(id).unwrap_or_default()).collect(),
                code: u64_at(chunk, 8).unwrap_or(0),
            }
        })
    }

    /// The resource type of a node. It is decoded at loading, so that walks along edges stay fast.
    pub fn kind(&self, ix: NodeIx) -> ResourceType {
        self.kinds.get(ix.position()).copied().unwrap_or(ResourceType::Unknown)
    }

    /// A number that is equal for two nodes exactly if their lists of tags are equal.
    pub fn tags_id(&self, ix: NodeIx) -> u32 {
        self.column(Column::Tags, ix)
    }

    pub(crate) fn column(&self, column: Column, ix: NodeIx) -> u32 {
        let at = self.columns.start + (column as usize * self.nodes + ix.position()) * 4;
        u32_at(&self.bytes, at).unwrap_or(NONE)
    }

    pub(crate) fn digest(&self, digest: DigestColumn, ix: NodeIx) -> u64 {
        let at = self.digests.start + (digest as usize * self.nodes + ix.position()) * 8;
        u64_at(&self.bytes, at).unwrap_or(0)
    }

    pub(crate) fn text(&self, id: u32) -> Option<&str> {
        if id == NONE {
            return None;
        }
        let at = self.text_offsets.start + id as usize * 4;
        let start = self.text.start + u32_at(&self.bytes, at)? as usize;
        let end = self.text.start + u32_at(&self.bytes, at + 4)? as usize;
        // The index was written as UTF-8, which its digest confirms. Checking again here costs less than copying all
        // text into a `String` at loading.
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    pub(crate) fn list(&self, id: u32) -> impl ExactSizeIterator<Item = u32> + DoubleEndedIterator + Clone + '_ {
        let bytes = self.bytes.get(self.lists.clone()).unwrap_or_default();
        let at = (id as usize).saturating_mul(4);
        let count = if id == NONE { 0 } else { u32_at(bytes, at).unwrap_or(0) as usize };
        let items =
            bytes.get(at.saturating_add(4)..).and_then(|rest| rest.get(..count.saturating_mul(4))).unwrap_or_default();
        items.chunks_exact(4).map(|chunk| u32_at(chunk, 0).unwrap_or(NONE))
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Index")
            .field("nodes", &self.nodes)
            .field("metadata", self.metadata())
            .finish_non_exhaustive()
    }
}
