//! Why a manifest or an index cannot be read.

/// Why a file could not be read as dbt's `manifest.json`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The reader returned an error.
    #[error("cannot read the manifest after {offset} bytes: {source}")]
    Read {
        /// The number of bytes read before the failure.
        offset: u64,
        /// The error of the reader.
        source: std::io::Error,
    },
    /// The file ends inside a value.
    #[error(
        "the manifest is cut short: it ends after {offset} bytes, inside {inside}; write it again with `dbt parse`"
    )]
    Truncated {
        /// The size of the file in bytes.
        offset: u64,
        /// The section or entry that is incomplete.
        inside: String,
    },
    /// The file is something else, JSON or not.
    #[error("the file is not a dbt manifest but {found}; pass the manifest.json that `dbt parse` writes, uncompressed")]
    NotAManifest {
        /// What the file is instead.
        found: String,
    },
    /// The manifest has a schema that this version does not support.
    #[error("the manifest has schema {found}; Landfall reads v9 to v12, which dbt 1.5 and later write")]
    UnknownSchema {
        /// The value of `metadata.dbt_schema_version`.
        found: String,
    },
    /// The JSON is invalid, or a field has an unexpected type.
    #[error("cannot read {place} of the manifest: {message}; write it again with `dbt parse`")]
    Malformed {
        /// The section and the unique id.
        place: String,
        /// The message of the JSON parser.
        message: String,
    },
    /// The manifest holds more than the index can number with 32 bits.
    #[error("the manifest is too large: {what}")]
    TooLarge {
        /// The limit that was exceeded.
        what: String,
    },
}

/// Why bytes could not be read as an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The bytes do not start with the header of an index.
    #[error("the file is not a Landfall index: it starts with {found}; compile the manifest again")]
    NotAnIndex {
        /// The first bytes, escaped.
        found: String,
    },
    /// The index was written by another version of Landfall.
    #[error("the index has format {found}, this version reads {expected}; compile the manifest again")]
    OtherVersion {
        /// The format that was found.
        found: u32,
        /// The format that this version reads.
        expected: u32,
    },
    /// The index is cut short or was changed.
    #[error("the index is damaged: {what}; compile the manifest again")]
    Damaged {
        /// The part that is inconsistent.
        what: String,
    },
}
