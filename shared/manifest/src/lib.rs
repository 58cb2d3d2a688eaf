//! dbt's `manifest.json` read into an index.
//!
//! [`Index::from_manifest`] streams a manifest of schema v9 to v12 (dbt 1.5 and later, dbt 2.x) and keeps what planning needs of it: nodes,
//! edges, tags, relations, where sources lie, and digests of all that `state:` compares. [`Index::to_bytes`] and [`Index::from_bytes`] keep
//! the result; loading it touches little of it, so a Lambda completes for what a selection asks.
//!
//! Deliberately absent: no file system, no clock, no dbt version's quirks (those are in landfall-select), no code or descriptions.

mod builder;
mod digests;
mod document;
mod edges;
mod error;
mod facts;
mod index;
mod intern;
mod layout;
mod node;
mod python_equality;
mod raw;
mod read;
mod resource;
mod scan;
mod untyped_json;
mod walk;

pub use document::{Disabled, Metadata};
pub use error::{IndexError, ManifestError};
pub use index::{Index, Macro, NodeIx};
pub use node::{Node, StateDigests};
pub use resource::ResourceType;
