//! Local images: what replaces a container image in a local stack. An image is an immutable copy of the dbt project,
//! with the command and variables that would be its ENTRYPOINT and ENV. The emulator reads them from images.json.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use super::LocalError;
use crate::text;

/// Folders at the root of a project that are not part of an image.
const LEFT_OUT: [&str; 8] = ["target", "logs", "landing", ".git", ".venv", "venv", ".landfall", "node_modules"];
/// Endings of files that are not part of an image: warehouses in the project's folder, and compiled Python.
const LEFT_OUT_ENDINGS: [&str; 4] = [".duckdb", ".duckdb.wal", ".db", ".pyc"];

/// An entry of images.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalImage {
    /// The command, like ENTRYPOINT.
    pub argv: Vec<String>,
    /// The environment variables, like ENV.
    pub env: BTreeMap<String, String>,
}

/// The folder of the local images, and images.json.
#[derive(Debug, Clone)]
pub struct Images {
    folder: PathBuf,
    file: PathBuf,
}

impl Images {
    /// Opens the images in the folder of a stack, and makes images.json if it is missing.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn new(folder: &Path) -> Result<Self, LocalError> {
        let images = Self { folder: folder.join("images"), file: folder.join("images.json") };
        std::fs::create_dir_all(&images.folder).map_err(|source| LocalError::files(&images.folder, source))?;
        if !images.file.exists() {
            write_private(&images.file, b"{}")?;
        }
        Ok(images)
    }

    /// The path of images.json, for the emulator.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Copies the project and returns the image's name, `local/<name>@sha256:<digest>`.
    ///
    /// `entry` gets the folder of the copy and returns the image's command and variables. The digest covers the files
    /// and the entry.
    ///
    /// # Errors
    ///
    /// The project cannot be read, or the copy or images.json cannot be written.
    pub fn add(
        &self,
        project: &Path,
        name: &str,
        entry: impl FnOnce(&Path) -> LocalImage,
    ) -> Result<String, LocalError> {
        let files = files(project)?;
        let mut digest = Sha256::new();
        for (relative, file) in &files {
            let content = std::fs::read(file).map_err(|source| LocalError::files(file, source))?;
            digest.update(relative.to_string_lossy().as_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(&content));
        }
        let files_digest = text::hex(&digest.clone().finalize());
        let copy = self.folder.join(files_digest.get(..16).unwrap_or(&files_digest));
        self.copy(&files, &copy)?;
        let entry = entry(&copy);
        digest.update(serde_json::to_vec(&entry).map_err(LocalError::Json)?);
        let image = format!("local/{name}@sha256:{}", text::hex(&digest.finalize()));
        self.register(&image, entry)?;
        Ok(image)
    }

    /// Copies to a temporary name first, so that an interrupted copy is never taken for a complete one.
    fn copy(&self, files: &[(PathBuf, PathBuf)], to: &Path) -> Result<(), LocalError> {
        if to.exists() {
            return Ok(());
        }
        let scratch = tempfile::tempdir_in(&self.folder).map_err(|source| LocalError::files(&self.folder, source))?;
        for (relative, file) in files {
            let target = scratch.path().join(relative);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(|source| LocalError::files(parent, source))?;
            }
            std::fs::copy(file, &target).map_err(|source| LocalError::files(file, source))?;
        }
        let scratch = scratch.keep();
        std::fs::rename(&scratch, to).map_err(|source| LocalError::files(to, source))
    }

    fn register(&self, image: &str, entry: LocalImage) -> Result<(), LocalError> {
        let text = std::fs::read(&self.file).map_err(|source| LocalError::files(&self.file, source))?;
        let mut all: BTreeMap<String, LocalImage> = serde_json::from_slice(&text).map_err(LocalError::Json)?;
        all.insert(image.to_owned(), entry);
        write_private(&self.file, &serde_json::to_vec_pretty(&all).map_err(LocalError::Json)?)
    }
}

/// Every file of the project as (path in the project, path on disk), sorted by name. Symbolic links are followed,
/// because `dbt_packages` often holds some.
fn files(project: &Path) -> Result<Vec<(PathBuf, PathBuf)>, LocalError> {
    let mut files = Vec::new();
    let walk = WalkDir::new(project).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        let at_root = entry.depth() == 1 && LEFT_OUT.contains(&name.as_ref());
        !at_root && name != "__pycache__" && !LEFT_OUT_ENDINGS.iter().any(|ending| name.ends_with(ending))
    }) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(project).to_owned();
            LocalError::files(&path, error.into())
        })?;
        if let (true, Ok(relative)) = (entry.file_type().is_file(), entry.path().strip_prefix(project)) {
            files.push((relative.to_owned(), entry.path().to_owned()));
        }
    }
    Ok(files)
}

/// Replaces the file atomically. Only its owner can read it, because variables may be secrets.
fn write_private(file: &Path, content: &[u8]) -> Result<(), LocalError> {
    let failed = |source| LocalError::files(file, source);
    let folder = file.parent().unwrap_or(Path::new("."));
    // The `tempfile` crate creates files with mode 0600.
    let mut scratch = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    scratch.write_all(content).map_err(failed)?;
    scratch.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(_: &Path) -> LocalImage {
        LocalImage { argv: vec!["true".to_owned()], env: BTreeMap::new() }
    }

    #[test]
    fn an_image_is_named_by_its_content_and_never_changes() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir_all(project.join("models")).unwrap();
        std::fs::create_dir_all(project.join("target")).unwrap();
        std::fs::write(project.join("models/a.sql"), "select 1").unwrap();
        std::fs::write(project.join("target/manifest.json"), "{}").unwrap();
        let images = Images::new(folder.path()).unwrap();

        let mut first_copy = PathBuf::new();
        let first = images
            .add(&project, "shop", |copy| {
                copy.clone_into(&mut first_copy);
                entry(copy)
            })
            .unwrap();
        assert!(first.starts_with("local/shop@sha256:"));
        assert!(first_copy.join("models/a.sql").exists() && !first_copy.join("target").exists());

        std::fs::write(project.join("target/manifest.json"), "{\"changed\": 1}").unwrap();
        assert_eq!(
            images.add(&project, "shop", entry).unwrap(),
            first,
            "files that dbt generates are not part of an image"
        );
        std::fs::write(project.join("models/a.sql"), "select 2").unwrap();
        let second = images.add(&project, "shop", entry).unwrap();
        assert_ne!(second, first);
        assert_eq!(std::fs::read_to_string(first_copy.join("models/a.sql")).unwrap(), "select 1");

        let listed: BTreeMap<String, LocalImage> =
            serde_json::from_slice(&std::fs::read(images.file()).unwrap()).unwrap();
        assert_eq!(listed.len(), 2);
    }
}
