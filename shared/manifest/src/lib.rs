//! Reads dbt's `manifest.json` into an index.
//!
//! [`Index::from_manifest`] streams a manifest of schema v9 to v12 (dbt 1.5 and later, dbt 2.x). It keeps what planning
//! needs: nodes, edges, tags, relations, the locations of sources, and digests of everything that `state:` compares.
//! [`Index::to_bytes`] and [`Index::from_bytes`] store the index. Loading decodes little of it, so a Lambda function
//! spends time only on what a selection reads.
//!
//! Deliberately absent: file system, clock, the differences between dbt versions (landfall-select has them), and the
//! text of code and descriptions.

mod config_facts;
mod edges;
mod error;
mod index;
mod index_builder;
mod index_layout;
mod interner;
mod json_scanner;
mod json_text;
mod manifest_sections;
mod manifest_stream;
mod metadata;
mod node;
mod node_ix;
mod python_equality;
mod raw_entries;
mod resource_type;
mod state_digests;
mod untyped_json;

pub use error::{IndexError, ManifestError};
pub use index::{Index, Macro};
pub use metadata::{Disabled, Metadata};
pub use node::{Node, StateDigests};
pub use node_ix::NodeIx;
pub use resource_type::ResourceType;
