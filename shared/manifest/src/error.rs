//! What can be wrong with a manifest, or with an index made from one.

/// Why a file could not be read as dbt's `manifest.json`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The reader failed.
    #[error("cannot read the manifest after {offset} bytes: {source}")]
    Read {
        /// Bytes read before the failure.
        offset: u64,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The file ends inside a value.
    #[error(
        "the manifest is cut short: it ends after {offset} bytes, inside {inside}; write it again with `dbt parse`"
    )]
    Truncated {
        /// Bytes read.
        offset: u64,
        /// What was being read.
        inside: String,
    },
    /// JSON, or something else, that dbt never wrote as a manifest.
    #[error("this is not a dbt manifest: {found}")]
    NotAManifest {
        /// What was found instead.
        found: String,
    },
    /// A manifest of a schema that this version does not know.
    #[error("the manifest has schema {found}, of which only v9 to v12 (dbt 1.5 and later) are known")]
    UnknownSchema {
        /// The text of `metadata.dbt_schema_version`.
        found: String,
    },
    /// Broken JSON, or a field of an unexpected type.
    #[error("cannot read {place}: {message}")]
    Malformed {
        /// The section and the unique id.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// More than the index's 32-bit tables can hold.
    #[error("the manifest is too large: {what}")]
    TooLarge {
        /// Which table is full.
        what: String,
    },
}

/// Why bytes could not be read as an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The bytes do not begin as an index does.
    #[error("this is not a landfall index: it begins with {found}")]
    NotAnIndex {
        /// The first bytes, escaped.
        found: String,
    },
    /// Written by another version.
    #[error("the index has format {found}, this version reads {expected}; compile the manifest again")]
    OtherVersion {
        /// The format that was found.
        found: u32,
        /// The format that this version reads.
        expected: u32,
    },
    /// Cut short or altered.
    #[error("the index is damaged: {what}; compile the manifest again")]
    Damaged {
        /// What does not fit.
        what: String,
    },
}
