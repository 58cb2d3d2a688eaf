//! Where Landfall's own files lie (template.yaml, functions/, the emulator), and where a local stack keeps its own.

use std::path::{Path, PathBuf};

use crate::environment;

/// Landfall's checkout.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

/// No checkout to be found.
#[derive(Debug, thiserror::Error)]
#[error("landfall's own files (template.yaml, cli/emulator) are not around {}: run it inside the checkout, or set LANDFALL_HOME", looked.display())]
pub struct NoHome {
    looked: PathBuf,
}

impl Home {
    /// `LANDFALL_HOME`, else the nearest folder above this program or above the working folder that holds the files.
    pub fn find() -> Result<Self, NoHome> {
        let here = std::env::current_dir().unwrap_or_default();
        let named = environment::variable("LANDFALL_HOME").map(PathBuf::from);
        let program = std::env::current_exe().and_then(|program| program.canonicalize()).ok();
        let candidates = match &named {
            Some(named) => vec![named.as_path()],
            None => program.iter().flat_map(|p| p.ancestors()).chain(here.ancestors()).collect(),
        };
        let root = candidates.into_iter().find(|folder| is_home(folder)).map(Path::to_owned);
        root.map(|root| Self { root }).ok_or(NoHome { looked: named.unwrap_or(here) })
    }

    /// The folder that is known to be one, as tests know it.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A file of the checkout.
    pub fn join(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The checkout's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A virtual environment.
    pub fn venv(&self, name: &str) -> PathBuf {
        self.root.join(".landfall/venv").join(name)
    }

    /// The folder of a local stack.
    pub fn local(&self, stack: &str) -> PathBuf {
        self.root.join(".landfall/local").join(stack)
    }

    /// Says which local stack runs.
    pub fn current(&self) -> PathBuf {
        self.root.join(".landfall/local/current.json")
    }
}

fn is_home(folder: &Path) -> bool {
    folder.join("template.yaml").is_file() && folder.join("cli/emulator/launch.py").is_file()
}
