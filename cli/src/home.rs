//! The checkout with Landfall's own files (template.yaml, functions/, the emulator), and the paths of a local stack
//! in it.

use std::path::{Path, PathBuf};

use crate::environment;

/// The folder of Landfall's checkout.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

/// The error that Landfall's checkout was not found.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot find Landfall's own files (template.yaml, cli/emulator) in {} or above: run the command inside the checkout, or set LANDFALL_HOME to its folder",
    searched.display()
)]
pub struct HomeNotFound {
    searched: PathBuf,
}

impl Home {
    /// Finds the checkout: `LANDFALL_HOME`, else the nearest folder with its files above this program or the working
    /// folder.
    ///
    /// # Errors
    ///
    /// No such folder exists, or `LANDFALL_HOME` names another folder.
    pub fn find() -> Result<Self, HomeNotFound> {
        let here = std::env::current_dir().unwrap_or_default();
        let named = environment::variable("LANDFALL_HOME").map(PathBuf::from);
        let program = std::env::current_exe().and_then(|program| program.canonicalize()).ok();
        let candidates = match &named {
            Some(named) => vec![named.as_path()],
            None => program.iter().flat_map(|p| p.ancestors()).chain(here.ancestors()).collect(),
        };
        let root = candidates.into_iter().find(|folder| is_home(folder)).map(Path::to_owned);
        root.map(|root| Self { root }).ok_or(HomeNotFound { searched: named.unwrap_or(here) })
    }

    /// Uses this folder without a check, for tests.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The path of a file in the checkout.
    pub fn join(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The checkout's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a virtual environment.
    pub fn venv(&self, name: &str) -> PathBuf {
        self.root.join(".landfall/venv").join(name)
    }

    /// The folder of a local stack.
    pub fn local(&self, stack: &str) -> PathBuf {
        self.root.join(".landfall/local").join(stack)
    }

    /// The file that names the running local stack.
    pub fn current(&self) -> PathBuf {
        self.root.join(".landfall/local/current.json")
    }
}

fn is_home(folder: &Path) -> bool {
    folder.join("template.yaml").is_file() && folder.join("cli/emulator/launch.py").is_file()
}
