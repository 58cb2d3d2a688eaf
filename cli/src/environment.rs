//! The environment of the command. No other module reads environment variables.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The value of a variable; `None` if it is not set, empty, or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Every variable with its value, except those that are not UTF-8.
pub fn all() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Whether the command runs in continuous integration: `CI` is set to another value than `false` or `0`.
pub fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

/// The executable with this name on `PATH`, as an absolute path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
        .and_then(|file| std::path::absolute(file).ok())
}

/// Whether the path is an executable file.
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
