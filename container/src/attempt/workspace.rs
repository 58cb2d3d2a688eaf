//! The folder with the working files of an attempt.

use std::{
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::Config;

/// The folder that holds every file that the attempt writes: target folders, dbt.log and the partial parse.
#[derive(Debug)]
pub(super) struct Workspace {
    path: PathBuf,
    /// Deletes the folder when dropped, unless `LANDFALL_WORK_DIR` is set.
    _temporary: Option<TempDir>,
}

impl Workspace {
    /// Creates an empty folder: below `LANDFALL_WORK_DIR`, or a temporary one.
    pub(super) fn open(config: &Config) -> io::Result<Self> {
        let Some(folder) = &config.work_dir else {
            let temporary = tempfile::Builder::new().prefix("landfall-").tempdir()?;
            return Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) });
        };
        let path = folder.join(format!("{}-{}", config.plan.run, config.attempt));
        create_empty(&path)?;
        Ok(Self { path, _temporary: None })
    }

    /// Returns the folder's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a step's target folder, which contains the partial parse only.
    pub(super) fn target(&self, step: &str, partial_parse: Option<&Path>) -> io::Result<PathBuf> {
        let target = self.path.join(format!("target-{step}"));
        create_empty(&target)?;
        if let Some(partial_parse) = partial_parse {
            std::fs::copy(partial_parse, target.join("partial_parse.msgpack"))?;
        }
        Ok(target)
    }
}

/// Deletes files of an earlier container of this task: ECS can restart a container in the middle of an attempt.
fn create_empty(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}
