//! The modules of one crate, and what a path that one of them writes leads to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::StructureError;
use crate::source_file::{self, ModuleCode};

/// A chain of re-exports longer than this is a loop.
const MAX_RE_EXPORTS: usize = 16;

/// One module: where it stands, and its code.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    pub(crate) code: ModuleCode,
}

/// The modules of one crate by their paths; the root's path is empty.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    by_path: BTreeMap<Vec<String>, Module>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Module(Vec<String>),
    /// A name that the module with this path defines.
    Item(Vec<String>),
}

impl Modules {
    /// Reads the file of the crate's root and every file that it declares.
    pub(crate) fn read(root: &Path, read_file: &dyn Fn(&Path) -> Option<String>) -> Result<Self, StructureError> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(Path::new(""));
        let text = read_file(root).ok_or_else(|| missing(root, root))?;
        modules.add(Vec::new(), root, folder, parse(root, &text)?, read_file)?;
        Ok(modules)
    }

    /// Adds a module and those that it declares, whose files stand in `folder`.
    fn add(
        &mut self,
        path: Vec<String>,
        file: &Path,
        folder: &Path,
        mut code: ModuleCode,
        read_file: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<(), StructureError> {
        for (name, inline) in &mut code.children {
            let mut child = path.clone();
            child.push(name.clone());
            let below = folder.join(&*name);
            if let Some(inline) = inline.take() {
                self.add(child, file, &below, inline, read_file)?;
                continue;
            }
            let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
            let found = candidates.iter().find_map(|file| Some((file, read_file(file)?)));
            let (own_file, text) = found.ok_or_else(|| missing(&folder.join(format!("{name}.rs")), file))?;
            self.add(child, own_file, &below, parse(own_file, &text)?, read_file)?;
        }
        self.by_path.insert(path, Module { file: file.to_owned(), code });
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Vec<String>, &Module)> {
        self.by_path.iter()
    }

    /// What the path leads to as written in the module `from`, through re-exports to the module that defines it. None
    /// for what another crate defines.
    pub(crate) fn resolve(&self, from: &[String], path: &[String]) -> Option<Target> {
        self.resolve_within(from, path, 0)
    }

    /// The file of a module.
    pub(crate) fn file(&self, module: &[String]) -> Option<&Path> {
        self.by_path.get(module).map(|module| module.file.as_path())
    }

    fn resolve_within(&self, from: &[String], path: &[String], re_exports: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(Vec::new()),
            "self" => Target::Module(from.to_vec()),
            "super" => Target::Module(from.split_last()?.1.to_vec()),
            name => self.look_up(from, name, re_exports)?,
        };
        for segment in rest {
            let Target::Module(module) = &target else { break };
            target = match segment.as_str() {
                "super" => Target::Module(module.split_last()?.1.to_vec()),
                name => match self.look_up(module, name, re_exports) {
                    Some(target) => target,
                    // What a macro defines is not seen here: it belongs to the module that the path names.
                    None => Target::Item(module.clone()),
                },
            };
        }
        Some(target)
    }

    /// What the module knows by that name.
    fn look_up(&self, module: &[String], name: &str, re_exports: usize) -> Option<Target> {
        if re_exports > MAX_RE_EXPORTS {
            return None;
        }
        let mut child = module.to_vec();
        child.push(name.to_owned());
        if self.by_path.contains_key(&child) {
            return Some(Target::Module(child));
        }
        let found = self.by_path.get(module)?;
        if found.code.items.contains(name) {
            return Some(Target::Item(module.to_vec()));
        }
        let named = found.code.imports.iter().find(|import| import.name.as_deref() == Some(name));
        if let Some(import) = named {
            // `use serde;` names itself.
            let itself = import.path.len() == 1 && import.path.first().is_some_and(|first| first == name);
            return if itself { None } else { self.resolve_within(module, &import.path, re_exports + 1) };
        }
        let globs = found.code.imports.iter().filter(|import| import.name.is_none());
        globs.into_iter().find_map(|glob| match self.resolve_within(module, &glob.path, re_exports + 1)? {
            Target::Module(module) => self.look_up(&module, name, re_exports + 1),
            Target::Item(_) => None,
        })
    }
}

fn parse(file: &Path, text: &str) -> Result<ModuleCode, StructureError> {
    source_file::read(text).map_err(|source| StructureError::Syntax { path: file.to_owned(), source })
}

fn missing(path: &Path, needed_by: &Path) -> StructureError {
    StructureError::Missing { path: path.to_owned(), needed_by: needed_by.to_owned() }
}
