//! The default method: names and fully qualified names
//! (<https://docs.getdbt.com/reference/node-selection/methods#fqn>).

use landfall_manifest::{Node, ResourceType};

use crate::dialect::Dialect;
use crate::glob::Glob;

/// A compiled value of `fqn:`.
pub(crate) struct Pattern<'t> {
    text: &'t str,
    parts: Vec<&'t str>,
    /// Its last two parts joined as a versioned model's name may be: `m.v2` is `m_v2`.
    joined: String,
    /// From the first part with a wildcard on: how many parts stand before it, and the pattern for all the rest.
    tail: Option<(usize, Glob)>,
    /// The pattern for the name alone, if it is one wildcard without dots.
    name: Option<Glob>,
}

impl<'t> Pattern<'t> {
    pub(crate) fn new(text: &'t str, dialect: Dialect) -> Self {
        let parts: Vec<&str> = text.split('.').collect();
        let wild = parts.iter().position(|part| part.contains(['*', '?', '[', ']']));
        let tail = wild.map(|at| (at, Glob::new(&parts.get(at..).unwrap_or_default().join("."))));
        let name = (dialect.bare_wildcard_matches_name && wild.is_some() && parts.len() == 1).then(|| Glob::new(text));
        let joined = parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("_");
        Self { text, parts, joined, tail, name }
    }

    /// Whether the node's fqn matches, with the package or without.
    pub(crate) fn matches(&self, node: Node<'_>) -> bool {
        let versioned = node.resource_type() == ResourceType::Model && node.version().is_some();
        if !versioned && let Some(known) = self.at_a_glance(node) {
            return known;
        }
        let fqn: Vec<&str> = node.fqn().collect();
        self.matches_from(&fqn, versioned) || fqn.get(1..).is_some_and(|fqn| self.matches_from(fqn, versioned))
    }

    /// Answers for most nodes from one or two segments of their fqn.
    fn at_a_glance(&self, node: Node<'_>) -> Option<bool> {
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
        // Dots within a segment separate as well.
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
