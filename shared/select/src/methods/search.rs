//! The nodes that a method searches, and the value that it searches for.

use std::collections::HashMap;

use landfall_manifest::{Index, Node};

use crate::error::SelectError;
use crate::graph::NodeSet;
use crate::method::Method;
use crate::methods::fqn::Names;
use crate::request::Request;
use crate::spec::Criteria;

/// The inputs of every method: the index, its selectable nodes, and the request.
pub(crate) struct Search<'a> {
    pub(crate) index: &'a Index,
    pub(crate) members: &'a NodeSet,
    pub(crate) request: &'a Request<'a>,
    pub(crate) names: &'a Names<'a>,
}

impl<'a> Search<'a> {
    /// The empty set of nodes.
    pub(crate) fn none(&self) -> NodeSet {
        NodeSet::with_capacity(self.index.len())
    }

    /// The members that pass the check.
    pub(crate) fn keep(&self, check: impl Fn(Node<'a>) -> bool) -> NodeSet {
        let mut found = self.none();
        for node in self.index.nodes().filter(|node| self.members.contains(node.ix.position())) {
            if check(node) {
                found.insert(node.ix.position());
            }
        }
        found
    }

    /// Returns `error` if there is a member with which the value would be compared, else no nodes. Python raises an
    /// exception for a value of the wrong type only in the comparison.
    pub(super) fn refuse_if_compared(
        &self,
        error: SelectError,
        compared: impl Fn(Node<'a>) -> bool,
    ) -> Result<NodeSet, SelectError> {
        let mut members = self.index.nodes().filter(|node| self.members.contains(node.ix.position()));
        if members.any(compared) { Err(error) } else { Ok(self.none()) }
    }
}

/// The value as text. On the command line it is always text; in selectors.yml it may have a type that the method cannot
/// compare.
pub(crate) fn text_of(criteria: &Criteria) -> Result<&str, SelectError> {
    criteria.value.as_str().ok_or_else(|| {
        let method = criteria.method;
        let message =
            format!("the value of \"{}:\" must be text, found {}; put it in quotes", method.as_str(), criteria.value);
        let falsy = criteria.value.is_null() || criteria.value == false || criteria.value.as_f64() == Some(0.0);
        let nested = criteria.value.is_array() || criteria.value.is_object();
        match method {
            Method::Version => SelectError::Runtime(message),
            Method::State if !nested => SelectError::Runtime(message),
            Method::Path if falsy => SelectError::Value(message),
            Method::Fqn
            | Method::Source
            | Method::Exposure
            | Method::Metric
            | Method::SemanticModel
            | Method::SavedQuery
            | Method::UnitTest => SelectError::Attribute(message),
            _ => SelectError::Type(message),
        }
    })
}

/// The computed value for each distinct key.
pub(crate) struct Memo<K, V>(HashMap<K, V>);

impl<K: Eq + std::hash::Hash + Copy, V: Copy> Memo<K, V> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(crate) fn get(&mut self, key: K, compute: impl FnOnce() -> V) -> V {
        *self.0.entry(key).or_insert_with(compute)
    }
}
