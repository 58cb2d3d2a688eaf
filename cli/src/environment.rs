//! The one place that reads the command's own environment.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A variable's value, if it is set, not empty, and UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Every variable with its value, for what must reach a child by name. Those that aren't UTF-8 are left out.
pub fn all() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Whether nobody watches: `CI` is set to something other than `false` or `0`.
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

/// Whether the path is a file that somebody may execute.
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
