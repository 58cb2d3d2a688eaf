//! `meta.landfall` of a dbt node: what the node's owner states for Landfall and dbt does not know.

use landfall_manifest::Node;
use serde::Deserialize;

use crate::StringList;

/// The keys of `meta.landfall` that Landfall reads. Other keys are allowed, because `meta` belongs to the user.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeMeta {
    /// Names of leases that one run at a time may hold, for what the node writes beside its relation.
    pub(crate) lease: StringList,
    /// Whether the rule `full_refresh` leaves the model out.
    pub(crate) protected: bool,
}

impl NodeMeta {
    /// Reads the meta of a node. The error names the node and what is wrong.
    pub(crate) fn from_node(node: &Node<'_>) -> Result<Self, String> {
        let Some(text) = node.landfall_meta() else { return Ok(Self::default()) };
        serde_json::from_str(text).map_err(|error| {
            format!(
                "{}: meta.landfall: {error}: `lease` is a name or a list of names, and `protected` is true or false",
                node.unique_id()
            )
        })
    }

    /// Returns the keys of the node's own leases, as they stand in the dictionary of relations.
    pub(crate) fn lease_keys(&self) -> impl Iterator<Item = String> {
        self.lease.0.iter().map(|name| format!("lease:{name}"))
    }
}
