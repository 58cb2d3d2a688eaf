//! The location of a project's warehouse, read from profiles.yml without connecting to the warehouse.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Dbt, DbtError};
use crate::{environment, jinja::render};

/// The location of the warehouse of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarehouseLocation {
    /// A `DuckDB` file on this machine.
    DuckDbFile(PathBuf),
    /// A `DuckDB` file with a relative path, which is another file in each copy of the project.
    RelativeDuckDb(String),
    /// A `DuckDB` in memory, whose tables are lost after each run.
    InMemory,
    /// A warehouse that is not on this machine, described in text.
    Remote(String),
}

/// Reads the profile of the project as dbt does, and returns the warehouse of its target. A value that cannot be
/// rendered counts as remote.
///
/// # Errors
///
/// profiles.yml is missing or not valid, or lacks the profile or the target.
pub fn warehouse(dbt: &Dbt, project: &Path) -> Result<WarehouseLocation, DbtError> {
    let name = profile_name(project)?;
    let file = profiles_folder(dbt, project)?.join("profiles.yml");
    let text = read(&file)?;
    let variables = dbt.variables.clone();
    let lookup = move |name: &str| variables.get(name).cloned().or_else(|| environment::variable(name));
    let profiles: serde_json::Value = serde_saphyr::from_str(&text)
        .map_err(|error| DbtError::Unreadable { file: file.clone(), reason: error.to_string() })?;
    let missing = |what: String| DbtError::NotInProfiles { file: file.clone(), what };
    let profile = profiles.get(&name).ok_or_else(|| missing(format!("profile {name}")))?;
    // dbt renders each value by itself: other targets may name variables that are not set.
    let text_of = |value: Option<&serde_json::Value>| {
        let value = value?.as_str()?;
        render(value, lookup.clone()).ok()
    };
    let default = || text_of(profile.get("target")).unwrap_or_else(|| "default".to_owned());
    let target = dbt.target.clone().or_else(|| dbt.variable("DBT_TARGET")).unwrap_or_else(default);
    let output = profile.get("outputs").and_then(|outputs| outputs.get(&target));
    let output = output.ok_or_else(|| missing(format!("target {target} in profile {name}")))?;
    let adapter = text_of(output.get("type")).unwrap_or_else(|| "an unknown adapter".to_owned());
    if adapter != "duckdb" {
        let place = ["account", "host", "server", "project", "database", "s3_staging_dir"];
        let place = place.iter().find_map(|key| Some(format!("{key} {}", text_of(output.get(key))?)));
        return Ok(WarehouseLocation::Remote(place.map_or(adapter.clone(), |place| format!("{adapter}, {place}"))));
    }
    let attached = output.get("attach").and_then(serde_json::Value::as_array).into_iter().flatten();
    for attached in attached {
        let path = text_of(attached.get("path")).unwrap_or_else(|| "an unknown path".to_owned());
        let kind = text_of(attached.get("type"));
        if is_elsewhere(&path) || kind.as_deref().is_some_and(|kind| !matches!(kind, "duckdb" | "sqlite")) {
            return Ok(WarehouseLocation::Remote(format!("duckdb with {} attached", without_secrets(&path))));
        }
    }
    Ok(match (output.get("path"), text_of(output.get("path"))) {
        (None, _) => WarehouseLocation::InMemory,
        (Some(_), None) => WarehouseLocation::Remote("duckdb at an unknown path".to_owned()),
        (_, Some(path)) if path == ":memory:" => WarehouseLocation::InMemory,
        (_, Some(path)) if is_elsewhere(&path) => {
            WarehouseLocation::Remote(format!("duckdb at {}", without_secrets(&path)))
        }
        (_, Some(path)) if Path::new(&path).is_absolute() => WarehouseLocation::DuckDbFile(path.into()),
        (_, Some(path)) => WarehouseLocation::RelativeDuckDb(path),
    })
}

fn is_elsewhere(path: &str) -> bool {
    path.contains("://") || ["md:", "motherduck:", "ducklake:"].iter().any(|scheme| path.starts_with(scheme))
}

/// The path without the part that may hold tokens and passwords: after `?`, or after the first space.
fn without_secrets(path: &str) -> &str {
    path.split(['?', ' ']).next().unwrap_or_default()
}

/// The folder in which dbt finds profiles.yml:
/// <https://docs.getdbt.com/docs/core/connect-data-platform/connection-profiles#advanced-customizing-a-profile-directory>
fn profiles_folder(dbt: &Dbt, project: &Path) -> Result<PathBuf, DbtError> {
    let named = dbt.profiles.clone().or_else(|| dbt.variable("DBT_PROFILES_DIR").map(PathBuf::from));
    let home = environment::variable("HOME").map(|home| Path::new(&home).join(".dbt"));
    let folders = match named {
        Some(named) => vec![named],
        None => std::iter::once(project.to_owned()).chain(home).collect(),
    };
    let found = folders.iter().find(|folder| folder.join("profiles.yml").is_file()).cloned();
    found.ok_or_else(|| DbtError::NoProfiles(folders.into_iter().next_back().unwrap_or_default()))
}

impl Dbt {
    /// Sets the folder of profiles.yml, because a task has another home and another working folder.
    ///
    /// # Errors
    ///
    /// There is no profiles.yml.
    pub fn with_profiles_found(mut self, project: &Path) -> Result<Self, DbtError> {
        let folder = profiles_folder(&self, project)?;
        // A profiles.yml in the project is part of each copy.
        self.profiles = (folder != project).then_some(folder);
        Ok(self)
    }
}

/// Reads the name of the project from `dbt_project.yml`.
///
/// # Errors
///
/// The file cannot be read or is not valid.
pub fn project_name(project: &Path) -> Result<String, DbtError> {
    Ok(settings(project)?.name)
}

fn profile_name(project: &Path) -> Result<String, DbtError> {
    let settings = settings(project)?;
    Ok(settings.profile.unwrap_or(settings.name))
}

#[derive(Deserialize)]
struct ProjectSettings {
    name: String,
    profile: Option<String>,
}

fn settings(project: &Path) -> Result<ProjectSettings, DbtError> {
    let file = project.join("dbt_project.yml");
    let text = read(&file)?;
    serde_saphyr::from_str(&text).map_err(|error| DbtError::Unreadable { file, reason: error.to_string() })
}

fn read(file: &Path) -> Result<String, DbtError> {
    std::fs::read_to_string(file)
        .map_err(|error| DbtError::Unreadable { file: file.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(profiles: &str, target: Option<&str>) -> Result<WarehouseLocation, DbtError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dbt_project.yml"), "name: shop\nprofile: p\nversion: '1.0'\n").unwrap();
        std::fs::write(folder.path().join("profiles.yml"), profiles).unwrap();
        let dbt = Dbt {
            program: "dbt".into(),
            profiles: None,
            target: target.map(str::to_owned),
            variables: [("FILE".to_owned(), "/data/shop.duckdb".to_owned())].into(),
        };
        warehouse(&dbt, folder.path())
    }

    const PROFILES: &str = r#"
p:
  target: "{{ env_var('NOT_SET_ANYWHERE', 'here') }}"
  outputs:
    here: { type: duckdb, path: "{{ env_var('FILE') }}" }
    beside: { type: duckdb, path: shop.duckdb }
    memory: { type: duckdb }
    cloud: { type: duckdb, path: "md:shop?token=secret" }
    joined: { type: duckdb, path: /data/shop.duckdb, attach: [{ path: "postgres://h/d?password=x", type: postgres }] }
    snow: { type: snowflake, account: ab12345, password: "{{ env_var('NOT_SET_ANYWHERE') }}" }
"#;

    #[test]
    fn only_a_duckdb_file_on_this_machine_counts_as_local() {
        assert_eq!(of(PROFILES, None).unwrap(), WarehouseLocation::DuckDbFile("/data/shop.duckdb".into()));
        assert_eq!(of(PROFILES, Some("beside")).unwrap(), WarehouseLocation::RelativeDuckDb("shop.duckdb".to_owned()));
        assert_eq!(of(PROFILES, Some("memory")).unwrap(), WarehouseLocation::InMemory);
        assert_eq!(of(PROFILES, Some("cloud")).unwrap(), WarehouseLocation::Remote("duckdb at md:shop".to_owned()));
        assert_eq!(
            of(PROFILES, Some("joined")).unwrap(),
            WarehouseLocation::Remote("duckdb with postgres://h/d attached".to_owned())
        );
        assert_eq!(
            of(PROFILES, Some("snow")).unwrap(),
            WarehouseLocation::Remote("snowflake, account ab12345".to_owned())
        );
    }

    #[test]
    fn a_missing_target_is_named() {
        let error = of(PROFILES, Some("prod")).unwrap_err().to_string();
        assert!(error.contains("no target prod in profile p"), "{error}");
    }
}
