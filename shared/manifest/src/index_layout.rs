//! The layout of the index as bytes: one block of sections that loads without decoding most of it.
//!
//! ```text
//! "landfall index 0001\n" | sections | section table: (offset, length) as u64 pairs | xxh3 of all before it (8)
//! ```
//!
//! All numbers are little-endian. Loading checks the digest and the bounds of the sections, and decodes the edges.
//! The rest stays bytes and is decoded when a selection reads it. Every accessor treats an id out of range as absent,
//! so that no sequence of bytes can cause a panic.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;

const MAGIC: &[u8] = b"landfall index ";
/// The version of the layout. Raise it whenever the meaning of a byte changes.
pub(crate) const FORMAT: u32 = 1;
const PREFIX: usize = 20;
const FOOTER: usize = Section::COUNT * 16 + 8;

/// The sections, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Section {
    /// All strings, one after the other.
    Text,
    /// The start of each string in the text, and the end of the last.
    TextOffsets,
    /// All lists of string ids: for each a count, then the ids.
    Lists,
    /// `Column::COUNT` columns with one u32 per node.
    Columns,
    /// `DigestColumn::COUNT` columns with one u64 per node.
    Digests,
    /// The start of the parents of each node, and the end of the last; then the parents.
    Parents,
    /// The children of each node, stored like the parents.
    Children,
    /// The macros: for each its string id, the id of the list of macros that it uses, and the digest of its code.
    Macros,
    /// The metadata, selectors and disabled nodes as JSON.
    Document,
}

impl Section {
    pub(crate) const COUNT: usize = 9;
}

/// The facts about a node that are stored as one number: a string id, a list id or a code.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub(crate) enum Column {
    UniqueId,
    Kind,
    Flags,
    Name,
    Package,
    Path,
    PatchPath,
    Fqn,
    Tags,
    Database,
    Schema,
    Alias,
    Identifier,
    Relation,
    Config,
    Materialized,
    Group,
    Access,
    Version,
    LatestVersion,
    TestName,
    SourceName,
    Loader,
    Locations,
    Landfall,
    WritesTo,
    Macros,
    Contract,
    DeprecationDate,
}

impl Column {
    pub(crate) const COUNT: usize = 29;
}

/// The digests that `state:` compares. [`crate::StateDigests`] explains each.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub(crate) enum DigestColumn {
    Body,
    Config,
    Relation,
    UnrenderedRelation,
    Description,
    ColumnDescriptions,
    Contents,
}

impl DigestColumn {
    pub(crate) const COUNT: usize = 7;
}

/// The id that stands for an absent string or list.
pub(crate) const NONE: u32 = u32::MAX;

/// The bits of [`Column::Flags`].
pub(crate) mod flag {
    pub(crate) const ENABLED: u32 = 1;
    pub(crate) const GENERIC_TEST: u32 = 1 << 1;
    pub(crate) const BLANK_CODE: u32 = 1 << 2;
    pub(crate) const STORES_FAILURES: u32 = 1 << 3;
    pub(crate) const FULL_REFRESH_SET: u32 = 1 << 4;
    pub(crate) const FULL_REFRESH: u32 = 1 << 5;
    pub(crate) const PERSISTS_DESCRIPTION: u32 = 1 << 6;
    pub(crate) const PERSISTS_COLUMNS: u32 = 1 << 7;
    pub(crate) const CONTRACT_ENFORCED: u32 = 1 << 8;
    /// The node depends on a node that is not in the manifest.
    pub(crate) const DANGLING: u32 = 1 << 9;
    /// dbt compares only the path of the seed, because the file is too large.
    pub(crate) const PATH_CHECKSUM: u32 = 1 << 10;
}

/// Joins the sections to the bytes of an index.
pub(crate) fn assemble(sections: [Vec<u8>; Section::COUNT]) -> Vec<u8> {
    let total: usize = PREFIX + sections.iter().map(Vec::len).sum::<usize>() + FOOTER;
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(format!("{FORMAT:04}\n").as_bytes());
    let mut table = Vec::with_capacity(FOOTER);
    for section in sections {
        table.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        table.extend_from_slice(&(section.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&section);
    }
    bytes.extend_from_slice(&table);
    let digest = xxh3_64(&bytes);
    bytes.extend_from_slice(&digest.to_le_bytes());
    bytes
}

/// Checks the header and the digest, and returns the range of each section.
pub(crate) fn open(bytes: &[u8]) -> Result<[Range<usize>; Section::COUNT], IndexError> {
    let damaged = |what: &str| IndexError::Damaged { what: what.to_owned() };
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let found = bytes.get(..8).unwrap_or(bytes).escape_ascii();
        return Err(IndexError::NotAnIndex { found: format!("\"{found}\"") });
    };
    let format = rest
        .get(..PREFIX - MAGIC.len() - 1)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok())
        .ok_or_else(|| damaged("its format version is missing"))?;
    if format != FORMAT {
        return Err(IndexError::OtherVersion { found: format, expected: FORMAT });
    }
    let end = bytes.len().checked_sub(8).ok_or_else(|| damaged("it is cut short"))?;
    let footer =
        bytes.len().checked_sub(FOOTER).filter(|at| *at >= PREFIX).ok_or_else(|| damaged("it is cut short"))?;
    if u64_at(bytes, end) != bytes.get(..end).map(xxh3_64) {
        return Err(damaged("its digest does not match its content"));
    }
    let mut ranges: [Range<usize>; Section::COUNT] = std::array::from_fn(|_| 0..0);
    let mut from = PREFIX;
    for (number, range) in ranges.iter_mut().enumerate() {
        let at = footer + number * 16;
        let offset = u64_at(bytes, at).and_then(|offset| usize::try_from(offset).ok());
        let length = u64_at(bytes, at + 8).and_then(|length| usize::try_from(length).ok());
        *range = offset
            .zip(length)
            .and_then(|(offset, length)| Some(offset..offset.checked_add(length)?))
            .filter(|range| range.start == from && range.end <= footer)
            .ok_or_else(|| damaged("a section is out of bounds"))?;
        from = range.end;
    }
    Ok(ranges)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|chunk| u32::from_le_bytes(*chunk))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

pub(crate) fn u32s(values: impl IntoIterator<Item = u32>) -> Vec<u8> {
    values.into_iter().flat_map(u32::to_le_bytes).collect()
}

pub(crate) fn u64s(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    values.into_iter().flat_map(u64::to_le_bytes).collect()
}
