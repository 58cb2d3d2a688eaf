//! Files that need each other.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::file_graph::FileGraph;

/// Files of one crate of which each needs every other, directly or through others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// The files, sorted.
    pub files: BTreeSet<PathBuf>,
    /// Which file takes which names from which: one line each.
    ties: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} files need each other:", self.files.len())?;
        self.ties.iter().try_for_each(|tie| write!(formatter, "\n  {tie}"))
    }
}

impl FileGraph {
    /// The circles of files, each as large as it can be.
    pub fn circles(&self) -> Vec<Circle> {
        let mut circles: Vec<Circle> = Vec::new();
        for file in self.names.keys() {
            if circles.iter().any(|circle| circle.files.contains(file)) {
                continue;
            }
            let needed = self.needed_by(file);
            let files: BTreeSet<PathBuf> =
                needed.into_iter().filter(|other| self.needed_by(other).contains(file)).collect();
            if files.len() > 1 {
                let ties = self.ties(&files);
                circles.push(Circle { files, ties });
            }
        }
        circles
    }

    /// Every file that `file` needs, directly or through others.
    fn needed_by(&self, file: &Path) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            for other in self.names.get(file).into_iter().flat_map(|taken| taken.keys()) {
                if found.insert(other.clone()) {
                    next.push(other);
                }
            }
        }
        found
    }

    fn ties(&self, files: &BTreeSet<PathBuf>) -> Vec<String> {
        let mut ties = Vec::new();
        for file in files {
            for (from, names) in self.names.get(file).into_iter().flatten().filter(|(from, _)| files.contains(*from)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                ties.push(format!("{} takes {} from {}", file.display(), names.join(", "), from.display()));
            }
        }
        ties
    }
}
