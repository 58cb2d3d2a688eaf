//! The index: what planning needs of a manifest.

use std::io::Read;
use std::ops::Range;

use crate::edges::Edges;
use crate::error::{IndexError, ManifestError};
use crate::index_builder::Builder;
use crate::index_layout::{self, Column, Digest, NONE, Section, u32_at, u64_at};
use crate::manifest_sections::read_manifest;
use crate::manifest_stream::{ManifestStream, ReadInput, SliceInput};
use crate::metadata::{Disabled, Document, Metadata};
use crate::node_ix::NodeIx;
use crate::resource_type::ResourceType;

/// A compiled manifest: every node, the edges between them, and what selection and S3 mapping ask of each.
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

/// A macro, as far as `state:modified` asks for it.
#[derive(Debug, Clone)]
pub struct Macro<'i> {
    /// dbt's unique id.
    pub unique_id: &'i str,
    /// A digest of its code.
    pub code: u64,
    /// The unique ids of the macros that it uses directly; a missing one is empty.
    pub macros: Vec<&'i str>,
}

impl Index {
    /// Reads a `manifest.json`, holding one of its entries at a time beside the index itself.
    pub fn from_manifest(reader: impl Read) -> Result<Self, ManifestError> {
        let mut builder = Builder::new();
        read_manifest(&mut ManifestStream::new(ReadInput::new(reader)), &mut builder)?;
        Self::finish(builder)
    }

    /// Reads a `manifest.json` that is in memory.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut builder = Builder::new();
        read_manifest(&mut ManifestStream::new(SliceInput::new(bytes)), &mut builder)?;
        Self::finish(builder)
    }

    fn finish(builder: Builder) -> Result<Self, ManifestError> {
        let bytes = builder.finish()?;
        Self::from_vec(bytes).map_err(|error| ManifestError::TooLarge { what: error.to_string() })
    }

    /// The index as bytes, for `from_bytes` of the same version.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Reads an index from bytes that stay with the caller.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Reads an index from bytes that it keeps, without copying them.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, IndexError> {
        let damaged = |what: &str| IndexError::Damaged { what: what.to_owned() };
        let ranges = index_layout::open(&bytes)?;
        let range = |section: Section| ranges.get(section as usize).cloned().unwrap_or(0..0);
        let (columns, digests) = (range(Section::Columns), range(Section::Digests));
        let nodes = columns.len() / (Column::COUNT * 4);
        if columns.len() != nodes * Column::COUNT * 4 || digests.len() != nodes * Digest::COUNT * 8 {
            return Err(damaged("its columns differ in length"));
        }
        let part = |section| bytes.get(range(section)).unwrap_or_default();
        let edges = |section| Edges::decode(part(section), nodes).ok_or_else(|| damaged("its edges lead nowhere"));
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

    /// How many nodes there are, sources and disabled-in-place ones included.
    pub fn len(&self) -> usize {
        self.nodes
    }

    /// Whether the manifest held no node at all.
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }

    /// What the node depends on directly, ascending.
    pub fn parents(&self, ix: NodeIx) -> &[NodeIx] {
        self.parents.of(ix)
    }

    /// What depends on the node directly, ascending.
    pub fn children(&self, ix: NodeIx) -> &[NodeIx] {
        self.children.of(ix)
    }

    /// The manifest's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.document.metadata
    }

    /// The manifest's `selectors` as JSON text: the project's selectors.yml as dbt wrote it.
    pub fn selectors_json(&self) -> Option<&str> {
        self.document.selectors.as_deref()
    }

    /// The nodes that the manifest lists as disabled, by unique id.
    pub fn disabled(&self) -> &[Disabled] {
        &self.document.disabled
    }

    /// Every macro, in the order of their unique ids.
    pub fn macros(&self) -> impl Iterator<Item = Macro<'_>> {
        let bytes = self.bytes.get(self.macros.clone()).unwrap_or_default();
        bytes.chunks_exact(16).map(|chunk| {
            let word = |at| u32_at(chunk, at).unwrap_or(NONE);
            Macro {
                unique_id: self.text(word(0)).unwrap_or_default(),
                macros: self.list(word(4)).map(|id| self.text(id).unwrap_or_default()).collect(),
                code: u64_at(chunk, 8).unwrap_or(0),
            }
        })
    }

    /// The resource type of a node, without looking at anything else of it.
    pub fn kind(&self, ix: NodeIx) -> ResourceType {
        self.kinds.get(ix.position()).copied().unwrap_or(ResourceType::Unknown)
    }

    /// A number that two nodes share exactly when their tags are the same list.
    pub fn tags_id(&self, ix: NodeIx) -> u32 {
        self.column(Column::Tags, ix)
    }

    pub(crate) fn column(&self, column: Column, ix: NodeIx) -> u32 {
        let at = self.columns.start + (column as usize * self.nodes + ix.position()) * 4;
        u32_at(&self.bytes, at).unwrap_or(NONE)
    }

    pub(crate) fn digest(&self, digest: Digest, ix: NodeIx) -> u64 {
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
        // What a sound index holds is UTF-8: the digest vouches for it. Looking again costs less than a copy of all text at loading.
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
