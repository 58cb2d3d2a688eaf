//! The crates and the tracked files of this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::StructureError;

/// The folder of the workspace.
pub fn workspace_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The root file of every library and program of the workspace, relative to its folder.
///
/// # Errors
///
/// If the workspace's `Cargo.toml` cannot be read or names no members.
pub fn crate_roots(workspace: &Path) -> Result<Vec<PathBuf>, StructureError> {
    let manifest = workspace.join("Cargo.toml");
    let missing = || StructureError::Missing { path: manifest.clone(), needed_by: workspace.to_owned() };
    let text = std::fs::read_to_string(&manifest).map_err(|_| missing())?;
    // One member a line, as cargo itself writes the list.
    let members: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("members = ["))
        .skip(1)
        .take_while(|line| !line.starts_with(']'))
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .collect();
    if members.is_empty() {
        return Err(missing());
    }
    let mut roots = Vec::new();
    for member in members {
        let src = Path::new(member).join("src");
        let programs = std::fs::read_dir(workspace.join(&src).join("bin")).into_iter().flatten().flatten();
        let programs = programs.map(|entry| src.join("bin").join(entry.file_name()));
        let programs = programs.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        roots.extend([src.join("lib.rs"), src.join("main.rs")].into_iter().chain(programs));
    }
    roots.retain(|root| workspace.join(root).is_file());
    Ok(roots)
}

/// The paths that git tracks, relative to the workspace's folder.
///
/// # Errors
///
/// If git is missing or the folder is no checkout.
pub fn tracked_files(workspace: &Path) -> Result<Vec<String>, StructureError> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(workspace)
        .output()
        .map_err(|error| StructureError::Git(error.to_string()))?;
    if !output.status.success() {
        return Err(StructureError::Git(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let paths = String::from_utf8_lossy(&output.stdout).split('\0').map(str::to_owned).collect::<Vec<_>>();
    Ok(paths.into_iter().filter(|path| !path.is_empty()).collect())
}
