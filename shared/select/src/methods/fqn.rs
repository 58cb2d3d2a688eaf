//! The default method, which matches names and fully qualified names
//! (<https://docs.getdbt.com/reference/node-selection/methods#fqn>).

use std::collections::HashMap;

use landfall_manifest::{Node, NodeIx, ResourceType};

use crate::dialect::Dialect;
use crate::glob::Glob;

/// A compiled value of `fqn:`.
pub(crate) struct Pattern<'t> {
    text: &'t str,
    parts: Vec<&'t str>,
    /// The last two parts joined by an underscore, because `m.v2` may be written `m_v2` for a versioned model.
    joined: String,
    /// The number of parts before the first one with a wildcard, and the pattern for that part and the rest.
    tail: Option<(usize, Glob)>,
    /// The pattern for the name alone, if the value has a wildcard and no dots.
    name: Option<Glob>,
}

impl<'t> Pattern<'t> {
    pub(crate) fn new(text: &'t str, dialect: Dialect) -> Self {
        let parts: Vec<&str> = text.split('.').collect();
        let wild = parts.iter().position(|part| is_wild(part));
        let tail = wild.map(|at| (at, Glob::new(&parts.get(at..).unwrap_or_default().join("."))));
        let name = (dialect.bare_wildcard_matches_name && wild.is_some() && parts.len() == 1).then(|| Glob::new(text));
        let joined = joined(&parts);
        Self { text, parts, joined, tail, name }
    }

    /// Whether the fqn of the node matches, with or without the package.
    pub(crate) fn matches(&self, node: Node<'_>) -> bool {
        let versioned = is_versioned(node);
        if !versioned && let Some(known) = self.quick_match(node) {
            return known;
        }
        let fqn: Vec<&str> = node.fqn().collect();
        self.matches_from(&fqn, versioned) || fqn.get(1..).is_some_and(|fqn| self.matches_from(fqn, versioned))
    }

    /// Decides for most nodes from one or two segments of their fqn. None if all segments are needed.
    fn quick_match(&self, node: Node<'_>) -> Option<bool> {
        let name = node.fqn().next_back()?;
        if name == self.text || self.text == "*" || self.name.as_ref().is_some_and(|glob| glob.matches(name)) {
            return Some(true);
        }
        if matches!(self.tail, Some((0, _))) {
            return None;
        }
        let part = self.parts.first().copied().unwrap_or_default();
        let first =
            |segment: &str| segment.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if node.fqn().take(2).any(first) { None } else { Some(false) }
    }

    fn matches_from(&self, fqn: &[&str], versioned: bool) -> bool {
        let name = match (versioned, fqn) {
            (false, [.., name]) => *name,
            (true, [.., name, version]) => {
                if self.joined.strip_prefix(name).and_then(|rest| rest.strip_prefix('_')) == Some(version) {
                    return true;
                }
                *name
            }
            _ => return false,
        };
        if name == self.text {
            return true;
        }
        // Dots within a segment separate parts as well.
        let flat = || fqn.iter().flat_map(|segment| segment.split('.'));
        if flat().count() < self.parts.len() {
            return false;
        }
        let literal = self.tail.as_ref().map_or(self.parts.len(), |(at, _)| *at);
        if !flat().zip(self.parts.iter().take(literal)).all(|(segment, part)| segment == *part) {
            return false;
        }
        let Some((at, glob)) = &self.tail else { return true };
        let rest: Vec<&str> = flat().skip(*at).collect();
        glob.matches(&rest.join(".")) || self.name.as_ref().is_some_and(|glob| glob.matches(name))
    }
}

/// With fewer names than this, a pass over all nodes for each name is faster.
const MIN_NAMES: usize = 8;

/// The nodes of many names, found in one pass instead of one pass for each name. The result is the same as with
/// [`Pattern`].
#[derive(Default)]
pub(crate) struct Names<'t>(HashMap<&'t str, Vec<NodeIx>>);

impl<'t> Names<'t> {
    /// Finds the nodes of the values of `fqn:` that have no wildcard.
    pub(crate) fn find<'i>(values: impl Iterator<Item = &'t str>, members: impl Iterator<Item = Node<'i>>) -> Self {
        let mut found: HashMap<&str, Vec<NodeIx>> =
            values.filter(|text| !is_wild(text)).map(|text| (text, Vec::new())).collect();
        if found.len() < MIN_NAMES {
            return Self::default();
        }
        let mut versions: HashMap<String, Vec<&str>> = HashMap::new();
        for text in found.keys() {
            versions.entry(joined(&text.split('.').collect::<Vec<_>>())).or_default().push(text);
        }
        let mut fqn = String::new();
        for node in members.filter(|node| node.resource_type() != ResourceType::Source) {
            let mut hit = |text: &str| {
                // A name may match a node in more than one way. Nodes come in ascending order.
                if let Some(nodes) = found.get_mut(text).filter(|nodes| nodes.last() != Some(&node.ix)) {
                    nodes.push(node.ix);
                }
            };
            let versioned = is_versioned(node);
            let parts = node.fqn().len();
            let ends = if versioned { 2 } else { 1 };
            if let Some(name) = node.fqn().nth_back(ends - 1) {
                hit(name);
                if let Some(version) = node.fqn().next_back().filter(|_| versioned) {
                    versions.get(&format!("{name}_{version}")).into_iter().flatten().for_each(|text| hit(text));
                }
            }
            fqn.clear();
            let mut without_package = 0;
            for (at, segment) in node.fqn().enumerate() {
                if at > 0 {
                    fqn.push('.');
                }
                if at == 1 {
                    without_package = fqn.len();
                }
                fqn.push_str(segment);
            }
            for (start, parts) in [(0, parts), (without_package, parts.saturating_sub(1))] {
                let Some(text) = fqn.get(start..).filter(|_| parts >= ends) else { continue };
                let dots = text.match_indices('.').map(|(dot, _)| dot);
                dots.chain([text.len()]).filter_map(|end| text.get(..end)).for_each(&mut hit);
            }
        }
        Self(found)
    }

    /// The nodes of a name. None if the name was not searched for.
    pub(crate) fn get(&self, text: &str) -> Option<&[NodeIx]> {
        self.0.get(text).map(Vec::as_slice)
    }
}

fn is_wild(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

fn is_versioned(node: Node<'_>) -> bool {
    node.resource_type() == ResourceType::Model && node.version().is_some()
}

/// The last two parts joined by an underscore: the name of a versioned model may be written `m.v2` or `m_v2`.
fn joined(parts: &[&str]) -> String {
    parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("_")
}
