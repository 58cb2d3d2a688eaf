//! The user's dbt: its program, its environment, and whether its warehouse is on this machine.

mod profile;
mod project_variables;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{environment, process};

pub use profile::{WarehouseLocation, project_name, warehouse};
pub use project_variables::variables_used_by;

/// The dbt program of a project, and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dbt {
    /// The path of the program.
    pub program: PathBuf,
    /// The folder of profiles.yml; `None` leaves the search to dbt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<PathBuf>,
    /// The target of the profile; `None` means the profile's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Environment variables in addition to the inherited ones.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// Errors of finding dbt, a project or a profile.
#[derive(Debug, thiserror::Error)]
pub enum DbtError {
    /// No dbt was found.
    #[error(
        "there is no dbt in the active virtual environment or on PATH: activate the project's virtual environment, or name dbt with --dbt /path/to/dbt"
    )]
    NotFound,
    /// The path of `--dbt` is no program.
    #[error("{} is no executable program: name dbt with --dbt /path/to/dbt", .0.display())]
    NoProgram(PathBuf),
    /// The folder is no dbt project.
    #[error("{} is no dbt project, because it has no dbt_project.yml: name the project's folder with --project", .0.display())]
    NoProject(PathBuf),
    /// A file of the project cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system or the parser.
        reason: String,
    },
    /// There is no profiles.yml.
    #[error("there is no profiles.yml in {}: set DBT_PROFILES_DIR to the folder of profiles.yml", .0.display())]
    NoProfiles(PathBuf),
    /// profiles.yml lacks the profile or the target.
    #[error("{} has no {what}: add it, or name another target with --target", file.display())]
    NotInProfiles {
        /// The path of profiles.yml.
        file: PathBuf,
        /// The profile or target that is missing.
        what: String,
    },
}

/// Finds the user's dbt: the given program, else that of the active virtual environment, else the one on `PATH`.
///
/// # Errors
///
/// There is none, or the given path is no program.
pub fn find(given: Option<&Path>) -> Result<PathBuf, DbtError> {
    if let Some(given) = given {
        let found = if given.components().count() == 1 && !given.exists() {
            environment::on_path(&given.to_string_lossy())
        } else {
            std::path::absolute(given).ok().filter(|file| environment::is_executable(file))
        };
        return found.ok_or_else(|| DbtError::NoProgram(given.to_owned()));
    }
    environment::variable("VIRTUAL_ENV")
        .map(|folder| Path::new(&folder).join("bin/dbt"))
        .filter(|file| environment::is_executable(file))
        .or_else(|| environment::on_path("dbt"))
        .ok_or(DbtError::NotFound)
}

/// Returns the folder of a dbt project as an absolute path.
///
/// # Errors
///
/// The folder has no `dbt_project.yml`.
pub fn project(folder: &Path) -> Result<PathBuf, DbtError> {
    match folder.canonicalize() {
        Ok(folder) if folder.join("dbt_project.yml").is_file() => Ok(folder),
        _ => Err(DbtError::NoProject(folder.to_owned())),
    }
}

impl Dbt {
    /// A dbt command on a project. dbt writes only below `work`; its target folder is `work/target`.
    pub fn command(&self, verb: &[&str], project: &Path, work: &Path) -> Command {
        let mut dbt = process::command(&self.program);
        dbt.args(["--no-use-colors", "--log-path"]).arg(work.join("logs")).args(verb);
        dbt.arg("--project-dir").arg(project).arg("--target-path").arg(work.join("target"));
        if let Some(profiles) = &self.profiles {
            dbt.arg("--profiles-dir").arg(profiles);
        }
        if let Some(target) = &self.target {
            dbt.args(["--target", target]);
        }
        dbt.envs(&self.variables).current_dir(project);
        dbt
    }

    /// The environment variables of a local image, so that a task runs dbt with the settings with which it was parsed.
    pub fn image_variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        variables.insert("LANDFALL_DBT".to_owned(), self.program.to_string_lossy().into_owned());
        if let Some(profiles) = &self.profiles {
            variables.insert("DBT_PROFILES_DIR".to_owned(), profiles.to_string_lossy().into_owned());
        }
        if let Some(target) = &self.target {
            variables.insert("DBT_TARGET".to_owned(), target.clone());
        }
        variables
    }

    /// The value of an environment variable, as dbt sees it.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned().or_else(|| environment::variable(name))
    }
}
