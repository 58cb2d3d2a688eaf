//! What every method searches in, and how a method reads its value.

use std::collections::HashMap;

use landfall_manifest::{Index, Node};

use crate::error::SelectError;
use crate::graph::NodeSet;
use crate::method::Method;
use crate::methods::fqn::Names;
use crate::request::Request;
use crate::spec::Criteria;

/// Everything that a method may look at.
pub(crate) struct Search<'a> {
    pub(crate) index: &'a Index,
    pub(crate) members: &'a NodeSet,
    pub(crate) request: &'a Request<'a>,
    pub(crate) names: &'a Names<'a>,
}

impl<'a> Search<'a> {
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

    /// Python stumbles over a value of the wrong type only where there is something to compare it with.
    pub(super) fn refuse_if_asked(
        &self,
        error: SelectError,
        asked: impl Fn(Node<'a>) -> bool,
    ) -> Result<NodeSet, SelectError> {
        let mut members = self.index.nodes().filter(|node| self.members.contains(node.ix.position()));
        if members.any(asked) { Err(error) } else { Ok(self.none()) }
    }
}

/// The value as text, which is all that the command line can say; selectors.yml can say more than a method can compare.
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

/// Remembers the answer for each distinct key.
pub(crate) struct Memo<K, V>(HashMap<K, V>);

impl<K: Eq + std::hash::Hash + Copy, V: Copy> Memo<K, V> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(crate) fn get(&mut self, key: K, compute: impl FnOnce() -> V) -> V {
        *self.0.entry(key).or_insert_with(compute)
    }
}
