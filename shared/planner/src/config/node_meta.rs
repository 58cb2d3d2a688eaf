//! `meta.landfall` of a node: what its owner tells us beside dbt.

use landfall_manifest::Node;
use serde::Deserialize;

use crate::StringList;

/// What we read of it; it may hold more.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeMeta {
    /// Names that only one run at a time may hold: for what the node writes beside its relation.
    pub(crate) lease: StringList,
    /// Never built anew from nothing (`full_refresh`).
    pub(crate) protected: bool,
}

impl NodeMeta {
    /// Of a node; an error names what is wrong.
    pub(crate) fn from_node(node: &Node<'_>) -> Result<Self, String> {
        let Some(text) = node.landfall_meta() else { return Ok(Self::default()) };
        serde_json::from_str(text).map_err(|error| {
            format!(
                "{}: meta.landfall: {error}; lease is a name or a list of names, protected true or false",
                node.unique_id()
            )
        })
    }

    /// The keys of its own leases, as they stand among the relations.
    pub(crate) fn lease_keys(&self) -> impl Iterator<Item = String> {
        self.lease.0.iter().map(|name| format!("lease:{name}"))
    }
}
