//! Which file of a crate takes names from which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::StructureError;
use crate::modules::{Module, Modules, Target};

/// The files of one crate, and for each the files that it takes names from, with these names.
///
/// A `mod` declaration is no import, nor is a re-export of a name that the file does not use itself. What a folder's
/// `mod.rs` takes from the files below it does not count either: it is their table of contents and hands work to
/// them, and they share its error type. The same holds for the crate's root.
#[derive(Debug, Default)]
pub struct FileGraph {
    pub(crate) names: BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>,
}

impl FileGraph {
    /// Reads the crate whose root is `root`, such as `src/lib.rs`. `read_file` returns the text of a file, or none if
    /// there is no such file.
    ///
    /// # Errors
    ///
    /// If a file is missing or is no Rust source.
    pub fn read(root: &Path, read_file: &dyn Fn(&Path) -> Option<String>) -> Result<Self, StructureError> {
        let modules = Modules::read(root, read_file)?;
        let mut graph = Self::default();
        for (path, module) in modules.iter() {
            for (target, name) in taken(&modules, path, module) {
                let Some(file) = modules.file(&target).filter(|file| *file != module.file) else { continue };
                if !target.starts_with(path) {
                    let taken = graph.names.entry(module.file.clone()).or_default();
                    taken.entry(file.to_owned()).or_default().insert(name);
                }
            }
        }
        Ok(graph)
    }

    /// The names that `file` takes from `from`.
    pub fn taken(&self, file: &Path, from: &Path) -> Option<&BTreeSet<String>> {
        self.names.get(file)?.get(from)
    }
}

/// The names that the module takes, each with the module that defines it: by imports and by paths in its code. A module
/// that is imported as a whole counts where something in it is named.
fn taken(modules: &Modules, path: &[String], module: &Module) -> Vec<(Vec<String>, String)> {
    let mut taken = Vec::new();
    for import in &module.code.imports {
        let used = import.name.as_ref().is_some_and(|name| module.code.identifiers.contains(name));
        if import.re_export && !used {
            continue;
        }
        let name = import.name.clone().unwrap_or_else(|| "*".to_owned());
        match modules.resolve(path, &import.path) {
            Some(Target::Item(target)) => taken.push((target, name)),
            Some(Target::Module(target)) if import.name.is_none() => taken.push((target, name)),
            _ => {}
        }
    }
    for written in &module.code.paths {
        if let Some(Target::Item(target)) = modules.resolve(path, written) {
            taken.push((target, written.last().cloned().unwrap_or_default()));
        }
    }
    taken
}
