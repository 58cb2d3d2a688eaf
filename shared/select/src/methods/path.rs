//! The `path:` method, and the parts of file names.
//!
//! dbt searches the project folder with `pathlib.glob` of Python and selects the nodes whose files are among the found
//! files or in the found folders. Here the files of the root project's nodes and their folders stand for the project
//! folder. So, as in dbt, a node of a package matches only if the root project has the same relative path.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::SelectError;
use crate::glob::Glob;
use crate::graph::NodeSet;
use crate::methods::search::Search;

/// The last component of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A file name without its last suffix. A leading dot or a trailing dot does not separate a suffix.
pub(crate) fn stem(name: &str) -> &str {
    match name.rfind('.') {
        Some(at) if at > 0 && at + 1 < name.len() => name.get(..at).unwrap_or(name),
        _ => name,
    }
}

/// The members whose file, or a folder above it, is found by the pattern.
pub(crate) fn search(search: &Search<'_>, pattern: &str) -> Result<NodeSet, SelectError> {
    let pattern = Pattern::new(pattern)?;
    let folder = Folder::of(search);
    let mut found_paths: HashSet<String> = HashSet::new();
    let mut other_paths: HashSet<String> = HashSet::new();
    let mut finds = |path: &str| {
        if found_paths.contains(path) || other_paths.contains(path) {
            return found_paths.contains(path);
        }
        let found = folder.finds(path, &pattern);
        if found { &mut found_paths } else { &mut other_paths }.insert(path.to_owned());
        found
    };
    let mut found = search.none();
    for node in search.index.nodes().filter(|node| search.members.contains(node.ix.position())) {
        let path = clean(node.original_file_path());
        let mut matches = finds(&path) || parents(&path).any(&mut finds);
        matches = matches || node.patch_path().is_some_and(|patch| finds(&clean(patch)));
        if matches {
            found.insert(node.ix.position());
        }
    }
    Ok(found)
}

/// The folders above a path. The project folder comes last.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let above = path.rmatch_indices('/').filter_map(|(at, _)| path.get(..at));
    above.chain((!path.is_empty()).then_some(""))
}

/// A path as `pathlib` normalises it: without empty and single-dot components.
fn clean(path: &str) -> Cow<'_, str> {
    let is_redundant = |part: &str| part.is_empty() || part == ".";
    if !path.split('/').any(is_redundant) {
        return Cow::Borrowed(path);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !is_redundant(part)).collect();
    Cow::Owned(parts.join("/"))
}

/// The files and folders of the root project.
struct Folder<'a> {
    files: HashSet<Cow<'a, str>>,
    folders: HashSet<String>,
}

impl<'a> Folder<'a> {
    fn of(search: &Search<'a>) -> Self {
        let project = search.index.metadata().root_package.as_deref();
        let mut files: HashSet<Cow<'a, str>> = HashSet::new();
        for node in search.index.nodes().filter(|node| project.is_none_or(|project| node.package_name() == project)) {
            files.insert(clean(node.original_file_path()));
            files.extend(node.patch_path().map(clean));
        }
        let mut folders: HashSet<String> = HashSet::from([String::new()]);
        for file in &files {
            for parent in parents(file) {
                if !folders.insert(parent.to_owned()) {
                    break;
                }
            }
        }
        Self { files, folders }
    }

    fn finds(&self, path: &str, pattern: &Pattern) -> bool {
        let is_folder = self.folders.contains(path);
        let exists = is_folder || (!pattern.folders_only && self.files.contains(path));
        let parts: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        exists && pattern.parts.len() <= parts.len() + pattern.deep && matches(&pattern.parts, &parts, is_folder)
    }
}

/// A compiled path pattern.
struct Pattern {
    parts: Vec<Part>,
    /// Whether the pattern ends in a slash and so matches folders only.
    folders_only: bool,
    /// The number of `**` parts, which may match no component.
    deep: usize,
}

enum Part {
    /// `**` matches any number of folders.
    Deep,
    /// `..` matches nothing: `pathlib` keeps the dots in the paths that it finds, and no path of a node has them.
    Up,
    Glob(Glob),
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self, SelectError> {
        if pattern.is_empty() {
            return Err(SelectError::Value("invalid path pattern: it is empty; use \"*\" for all".to_owned()));
        }
        if pattern.starts_with('/') {
            return Err(SelectError::NotImplemented(format!(
                "the path {pattern} is absolute; write it relative to the project folder"
            )));
        }
        let cleaned = clean(pattern);
        if cleaned.is_empty() && pattern.ends_with('/') {
            return Err(SelectError::Attribute(format!("the path {pattern} is no valid pattern; use \"*\" for all")));
        }
        if cleaned.is_empty() {
            return Err(SelectError::Index(format!("the path {pattern} names no file or folder; use \"*\" for all")));
        }
        let mut parts = Vec::new();
        for part in cleaned.split('/') {
            parts.push(match part {
                ".." => Part::Up,
                // Several in a row match the same paths as one.
                "**" if matches!(parts.last(), Some(Part::Deep)) => continue,
                "**" => Part::Deep,
                part if part.contains("**") => {
                    return Err(SelectError::Value(format!(
                        "invalid path pattern {pattern}: \"**\" can only be an entire component"
                    )));
                }
                part => Part::Glob(Glob::new(part)),
            });
        }
        let deep = parts.iter().filter(|part| matches!(part, Part::Deep)).count();
        Ok(Self { parts, folders_only: pattern.ends_with('/'), deep })
    }
}

/// Whether the components match. `**` matches folders only, so a pattern that ends in it matches no file.
fn matches(pattern: &[Part], parts: &[&str], is_folder: bool) -> bool {
    let mut pattern = pattern;
    let mut rest = parts;
    let mut retry: Option<(&[Part], &[&str])> = None;
    loop {
        match (pattern.split_first(), rest.split_first()) {
            (Some((Part::Deep, [])), _) => return is_folder,
            (Some((Part::Deep, after)), _) => {
                pattern = after;
                retry = Some((after, rest));
                continue;
            }
            (None, None) => return true,
            (Some((Part::Glob(glob), after)), Some((part, others))) if glob.matches(part) => {
                pattern = after;
                rest = others;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = retry else { return false };
        let Some((_, shorter)) = from.split_first() else { return false };
        pattern = after;
        rest = shorter;
        retry = Some((after, shorter));
    }
}
