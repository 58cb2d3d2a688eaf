//! The requirements of a local stack: a supported Python, disk space, and pinned virtual environments in the checkout.

mod disk_space;
mod python;
mod venv;

use std::path::PathBuf;

use crate::{file_errors, process::ProcessError};

pub use disk_space::require_disk_space;
pub use python::{Python, find as find_python};
pub use venv::{Venv, install};

/// Errors of the setup.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No supported Python was found.
    #[error(
        "no supported Python was found ({found}): install Python 3.11, 3.12 or 3.13, or set LANDFALL_PYTHON=/path/to/python3"
    )]
    NoPython {
        /// The interpreters that were found, and their versions.
        found: String,
    },
    /// Too little disk space is free.
    #[error("too little disk space in {}: {free} are free, and {needed} are needed; delete files or move the checkout to a larger disk", folder.display())]
    DiskSpace {
        /// A folder of the file system.
        folder: PathBuf,
        /// The free space, as text.
        free: String,
        /// The space that is needed, as text.
        needed: String,
    },
    /// A requirements file cannot be read.
    #[error("cannot read {}: {}", file.display(), file_errors::reason(file, source))]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Files {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// `python -m venv` failed.
    #[error("{0}\n  on Debian and Ubuntu, install the package python3-venv")]
    NoVenv(#[source] ProcessError),
    /// `pip install` failed.
    #[error("{0}\n  if the network failed, run the same command again")]
    Install(#[source] ProcessError),
}
