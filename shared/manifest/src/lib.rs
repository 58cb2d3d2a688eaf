//! dbt's `manifest.json` read into an index.
//!
//! [`Index::from_manifest`] streams a manifest of schema v9 to v12 (dbt 1.5 and later, dbt 2.x) and keeps what planning needs of it: nodes,
//! edges, tags, relations, where sources lie, and digests of all that `state:` compares. [`Index::to_bytes`] and [`Index::from_bytes`] keep
//! the result; loading it touches little of it, so a Lambda completes for what a selection asks.
//!
//! Deliberately absent: no file system, no clock, no dbt version's quirks (those are in landfall-select), no code or descriptions.

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
