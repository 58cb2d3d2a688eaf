//! The dataset names of sources, and the selectors that select exactly one source.

use std::collections::{BTreeMap, btree_map::Entry};

use landfall_manifest::{Index, Node, ResourceType};
use landfall_select::{Command, Request, select};

use super::compile_selections::dialect;

/// The sources of a manifest by the name of their dataset.
///
/// The name is `source.table`. dbt allows a source of each name in every package. Of those, the root project's source
/// has this name, and the others have `package.source.table`.
#[derive(Default)]
pub(super) struct SourceNames<'a> {
    by_name: BTreeMap<String, Node<'a>>,
    /// The full names of sources that share `source.table` and are not the root project's.
    ambiguous: BTreeMap<String, Vec<String>>,
    /// Sources whose name is another source's too. Names with dots can cause it.
    pub(super) unnamed: Vec<Node<'a>>,
}

impl<'a> SourceNames<'a> {
    pub(super) fn of(index: &'a Index) -> Self {
        let mut groups: BTreeMap<String, Vec<Node<'a>>> = BTreeMap::new();
        for node in index.nodes().filter(|node| node.resource_type() == ResourceType::Source) {
            groups.entry(short_name(node)).or_default().push(node);
        }
        let root = index.metadata().root_package.as_deref();
        let mut names = Self::default();
        for (short, nodes) in groups {
            let is_short = |node: &Node<'_>| nodes.len() == 1 || Some(node.package_name()) == root;
            for node in &nodes {
                let name = if is_short(node) { short.clone() } else { full_name(*node) };
                match names.by_name.entry(name) {
                    Entry::Vacant(free) => {
                        free.insert(*node);
                    }
                    Entry::Occupied(_) => names.unnamed.push(*node),
                }
            }
            if !nodes.iter().any(is_short) {
                names.ambiguous.insert(short, nodes.iter().copied().map(full_name).collect());
            }
        }
        names
    }

    /// Iterates over the sources, each with the name of its dataset.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.by_name.iter().map(|(name, node)| (name.as_str(), *node))
    }

    /// Returns the source of this name. `package.source.table` is a name of every source.
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.by_name.get(name).copied().or_else(|| self.by_name.values().copied().find(|node| full_name(*node) == name))
    }

    /// Returns the full names of the sources that a name could mean, if it could mean several.
    pub(super) fn ambiguous(&self, name: &str) -> Option<&[String]> {
        self.ambiguous.get(name).map(Vec::as_slice)
    }
}

fn short_name(node: Node<'_>) -> String {
    format!("{}.{}", node.source_name().unwrap_or_default(), node.name())
}

fn full_name(node: Node<'_>) -> String {
    format!("{}.{}", node.package_name(), short_name(node))
}

/// Returns the selector of one source in dbt's syntax, and whether it selects no other source.
///
/// dbt splits a selection at spaces and commas, and the name of a source at dots. Wildcards stand for these characters.
pub(super) fn selector_of(index: &Index, source: Node<'_>) -> (String, bool) {
    let wildcard = |any: &str| {
        let part = |text: &str| -> String { text.chars().map(|c| in_selector(c, any)).collect() };
        let short = format!("{}.{}", part(source.source_name().unwrap_or_default()), part(source.name()));
        [format!("source:{short}"), format!("source:{}.{short}", part(source.package_name()))]
    };
    let [readable, exact] = ["?", "[!0-9A-Za-z_-]"].map(wildcard);
    let candidates: Vec<String> = readable.into_iter().chain(exact).collect();
    let is_exact = |selector: &&String| {
        let request = Request {
            select: vec![(*selector).clone()],
            command: Command::Ls,
            dialect: dialect(index),
            ..Request::default()
        };
        select(index, &request).is_ok_and(|selected| matches!(selected.nodes.as_slice(), [only] if *only == source.ix))
    };
    match candidates.iter().find(is_exact) {
        Some(selector) => (selector.clone(), true),
        None => (candidates.into_iter().next_back().unwrap_or_default(), false),
    }
}

/// Returns how a character of a name is written in a selector. `any` matches a character that dbt would read as
/// punctuation.
fn in_selector(c: char, any: &str) -> String {
    match c {
        '*' | '?' | '[' => format!("[{c}]"),
        ' ' | ',' | '.' | '+' | '@' | '"' | '\'' | '\\' | ']' | '!' => any.to_owned(),
        _ => c.to_string(),
    }
}
