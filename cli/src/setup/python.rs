//! The search for a Python interpreter for the virtual environments.

use std::path::{Path, PathBuf};

use super::SetupError;
use crate::{environment, process};

/// The names of interpreters, in order of preference. `python3` may be too new: dbt 1.11 does not support Python 3.14.
const NAMES: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python"];
/// The minor versions of Python 3 that the pinned packages support.
const MINORS: std::ops::RangeInclusive<u32> = 11..=13;

/// A supported Python interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// The path of the interpreter.
    pub path: PathBuf,
    /// The version, such as `3.11.7`.
    pub version: String,
}

/// Finds the interpreter that `LANDFALL_PYTHON` names, else the first supported one on `PATH`.
///
/// # Errors
///
/// No supported interpreter exists.
pub async fn find() -> Result<Python, SetupError> {
    if let Some(named) = environment::variable("LANDFALL_PYTHON") {
        let version = version(Path::new(&named)).await;
        let (Some(version), path) = (version, PathBuf::from(&named)) else {
            return Err(SetupError::NoPython { found: format!("LANDFALL_PYTHON={named} is no Python interpreter") });
        };
        return Ok(Python { path, version });
    }
    let mut seen = Vec::new();
    for name in NAMES {
        let Some(path) = environment::on_path(name) else { continue };
        let Some(version) = version(&path).await else { continue };
        if minor(&version).is_some_and(|minor| MINORS.contains(&minor)) {
            return Ok(Python { path, version });
        }
        seen.push(format!("{} is {version}", path.display()));
    }
    let found = if seen.is_empty() { "no python3 on PATH".to_owned() } else { seen.join(", ") };
    Err(SetupError::NoPython { found })
}

async fn version(python: &Path) -> Option<String> {
    let script = "import platform; print(platform.python_version())";
    let finished = process::capture(process::command(python).args(["-c", script]), "python").await.ok()?;
    finished.status.success().then(|| finished.output.trim().to_owned())
}

fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_supported_python_is_found() {
        let python = find().await.unwrap();
        assert!(MINORS.contains(&minor(&python.version).unwrap()), "{python:?}");
    }

    #[test]
    fn the_minor_version_is_that_of_python_3() {
        assert_eq!(minor("3.11.7"), Some(11));
        assert_eq!(minor("3.14.0rc1"), Some(14));
        assert_eq!(minor("2.7.18"), None);
    }
}
