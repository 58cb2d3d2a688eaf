//! Why the sources could not be checked.

use std::path::PathBuf;

/// Why a source file, the list of members or the list of tracked files could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// A file that a `mod` declaration names, or the workspace's manifest, is missing.
    #[error("cannot find {path}, which {needed_by} needs")]
    Missing {
        /// The first path that was tried.
        path: PathBuf,
        /// The file that declares the module.
        needed_by: PathBuf,
    },
    /// A file that is no Rust source.
    #[error("cannot parse {path}: {source}")]
    Syntax {
        /// The path of the file.
        path: PathBuf,
        /// The parser's message.
        source: syn::Error,
    },
    /// A command that lists the checkout's files failed.
    #[error("cannot list the tracked files with git: {0}")]
    Git(String),
}
