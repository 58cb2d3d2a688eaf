//! The user's dbt: which program, in which environment, and whether a warehouse is on this machine.

mod profile;
mod variables;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{environment, process};

pub use profile::{Warehouse, project_name, warehouse};
pub use variables::used_by;

/// How dbt is run for a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dbt {
    /// The program.
    pub program: PathBuf,
    /// The folder of profiles.yml; absent: dbt's own search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<PathBuf>,
    /// The target of the profile; absent: the profile's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Variables beside the inherited ones.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// No dbt, or none that will do.
#[derive(Debug, thiserror::Error)]
pub enum DbtError {
    /// None was found.
    #[error(
        "there is no dbt in the active virtual environment or on PATH: activate the project's, or name one by --dbt /path/to/dbt"
    )]
    NotFound,
    /// The named one isn't a program.
    #[error("--dbt {} is no program that can be run", .0.display())]
    NoProgram(PathBuf),
    /// The folder isn't a dbt project.
    #[error("{} has no dbt_project.yml: give the folder of a dbt project by --project", .0.display())]
    NoProject(PathBuf),
    /// A file of the project could not be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// No profiles.yml.
    #[error("there is no profiles.yml in {}: set DBT_PROFILES_DIR to its folder", .0.display())]
    NoProfiles(PathBuf),
    /// The profile or the target isn't in profiles.yml.
    #[error("{} has no {what}: give another --target, or add it", file.display())]
    NotInProfiles {
        /// profiles.yml.
        file: PathBuf,
        /// What is missing.
        what: String,
    },
}

/// The program of the user's own dbt: the given one, else that of the active virtual environment, else the one on `PATH`.
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

/// The folder as an absolute path, if it is a dbt project.
pub fn project(folder: &Path) -> Result<PathBuf, DbtError> {
    match folder.canonicalize() {
        Ok(folder) if folder.join("dbt_project.yml").is_file() => Ok(folder),
        _ => Err(DbtError::NoProject(folder.to_owned())),
    }
}

impl Dbt {
    /// The verb on a project, with what dbt writes kept under `work`: its target folder is `work/target`.
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

    /// What the container's image would bring as ENV, so that a task runs dbt as the release was parsed.
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

    /// A variable as dbt would see it.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned().or_else(|| environment::variable(name))
    }
}
