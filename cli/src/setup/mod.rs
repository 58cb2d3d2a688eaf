//! What the machine must have, and the Python environments that the local stack needs: made once, pinned, in the checkout.

mod preflight;
mod python;
mod venv;

use std::path::PathBuf;

use crate::process::ProcessError;

pub use preflight::require_disk;
pub use python::{Python, find as find_python};
pub use venv::{Venv, install};

/// What the machine lacks, or what could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No Python that will do.
    #[error("{found}: install Python 3.11, 3.12 or 3.13, or name one by LANDFALL_PYTHON=/path/to/python3")]
    NoPython {
        /// What was looked at.
        found: String,
    },
    /// Too little room.
    #[error("{} has {free} free and {needed} are needed: make room there", folder.display())]
    NoRoom {
        /// On this file system.
        folder: PathBuf,
        /// In words.
        free: String,
        /// In words.
        needed: String,
    },
    /// The requirements file isn't where it should be.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something could not be written or asked of the file system.
    #[error("cannot set up {}: {source}", path.display())]
    Files {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `python -m venv` failed.
    #[error("{0}\n  on Debian and Ubuntu the package python3-venv is needed")]
    NoVenv(#[source] ProcessError),
    /// `pip install` failed.
    #[error("{0}\n  if the network was at fault, run the same command again")]
    Install(#[source] ProcessError),
}
