//! Checks of the sources themselves: no circle of files within a crate, and plain words.
//!
//! [`FileGraph`] reads one crate and says which file takes names from which; [`FileGraph::circles`] finds the files
//! that need each other. [`word_findings`] and [`short_doc_comments`] look for words and comments that the project
//! does not use.
//!
//! Deliberately absent: no type inference. A method that is defined in one file and called in another ties no files
//! together here, only the names in paths and imports do.

mod circles;
mod error;
mod file_graph;
mod modules;
mod source_file;
mod words;
mod workspace;

pub use circles::Circle;
pub use error::StructureError;
pub use file_graph::FileGraph;
pub use words::{AllowedWord, Finding, allowed_words, short_doc_comments, word_findings};
pub use workspace::{crate_roots, tracked_files, workspace_folder};
