//! What stands for a container image on one machine: a copy of the dbt project that nobody changes any more, and the command and variables
//! that the image's ENTRYPOINT and ENV would be. images.json tells the emulator.

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

/// Folders at the project's root that dbt or people make and no image would hold.
const LEFT_OUT: [&str; 8] = ["target", "logs", "landing", ".git", ".venv", "venv", ".landfall", "node_modules"];
/// A warehouse that lies in the project's folder is no part of the project.
const LEFT_OUT_ENDINGS: [&str; 4] = [".duckdb", ".duckdb.wal", ".db", ".pyc"];

/// One entry of images.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalImage {
    /// ENTRYPOINT.
    pub argv: Vec<String>,
    /// ENV.
    pub env: BTreeMap<String, String>,
}

/// The local images: their folder, and images.json.
#[derive(Debug, Clone)]
pub struct Images {
    folder: PathBuf,
    file: PathBuf,
}

impl Images {
    /// In a stack's folder.
    pub fn new(folder: &Path) -> Result<Self, LocalError> {
        let images = Self { folder: folder.join("images"), file: folder.join("images.json") };
        std::fs::create_dir_all(&images.folder).map_err(|source| LocalError::files(&images.folder, source))?;
        if !images.file.exists() {
            write_private(&images.file, b"{}")?;
        }
        Ok(images)
    }

    /// images.json, for the emulator.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Copies the project and names the copy `local/<name>@sha256:<digest>`. `entry` gets the copy's folder and says what runs there. The
    /// digest is of everything that the image is: the files and the entry.
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
        let of_files = text::hex(&digest.clone().finalize());
        let copy = self.folder.join(of_files.get(..16).unwrap_or(&of_files));
        self.copy(&files, &copy)?;
        let entry = entry(&copy);
        digest.update(serde_json::to_vec(&entry).map_err(LocalError::Json)?);
        let image = format!("local/{name}@sha256:{}", text::hex(&digest.finalize()));
        self.register(&image, entry)?;
        Ok(image)
    }

    /// Copies under another name first, so that a copy that was interrupted is not taken for a whole one.
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

/// Every file of the project as (path in the project, where it is), in a fixed order. Links are followed: `dbt_packages` often holds some.
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

/// Replaces the file at once, readable by its owner alone: variables may be secrets.
fn write_private(file: &Path, content: &[u8]) -> Result<(), LocalError> {
    let failed = |source| LocalError::files(file, source);
    let folder = file.parent().unwrap_or(Path::new("."));
    // A temporary file of this crate has mode 0600.
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
    fn an_image_is_named_by_what_is_in_it_and_never_changes() {
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
        assert_eq!(images.add(&project, "shop", entry).unwrap(), first, "what dbt makes is no part of it");
        std::fs::write(project.join("models/a.sql"), "select 2").unwrap();
        let second = images.add(&project, "shop", entry).unwrap();
        assert_ne!(second, first);
        assert_eq!(std::fs::read_to_string(first_copy.join("models/a.sql")).unwrap(), "select 1");

        let listed: BTreeMap<String, LocalImage> =
            serde_json::from_slice(&std::fs::read(images.file()).unwrap()).unwrap();
        assert_eq!(listed.len(), 2);
    }
}
