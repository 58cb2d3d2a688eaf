//! The folder in which an attempt works.

use std::{
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::Config;

/// Everything that is written lies in here: target folders, the log, the saved parse.
#[derive(Debug)]
pub(super) struct Workspace {
    path: PathBuf,
    /// Removes the folder at the end, unless the environment names it.
    _temporary: Option<TempDir>,
}

impl Workspace {
    /// An empty one: a temporary folder, or one of the attempt's own in the folder that is configured.
    pub(super) fn open(config: &Config) -> io::Result<Self> {
        let Some(folder) = &config.work_dir else {
            let temporary = tempfile::Builder::new().prefix("landfall-").tempdir()?;
            return Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) });
        };
        let path = folder.join(format!("{}-{}", config.plan.run, config.attempt));
        empty(&path)?;
        Ok(Self { path, _temporary: None })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A step's target folder, empty but for the saved parse.
    pub(super) fn target(&self, step: &str, parse: Option<&Path>) -> io::Result<PathBuf> {
        let target = self.path.join(format!("target-{step}"));
        empty(&target)?;
        if let Some(parse) = parse {
            std::fs::copy(parse, target.join("partial_parse.msgpack"))?;
        }
        Ok(target)
    }
}

/// A container may be restarted in the middle of its task: nothing of before may be taken for ours.
fn empty(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}
