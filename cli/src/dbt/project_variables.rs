//! The environment variables that a project uses.
//!
//! A container sees only the variables of its image and task definition. So a local task gets only those variables of
//! the user's environment that the project or its profile names in `env_var('…')`, and dbt's own settings.

use std::{collections::BTreeMap, path::Path};

use walkdir::WalkDir;

use crate::environment;

/// The endings of files that may hold Jinja.
const ENDINGS: [&str; 5] = ["sql", "yml", "yaml", "md", "py"];

/// Returns the variables of this process that the project or profiles.yml names, and dbt's own settings.
pub fn variables_used_by(project: &Path, profiles: Option<&Path>) -> BTreeMap<String, String> {
    let mut text = String::new();
    let walk = WalkDir::new(project).follow_links(true).into_iter();
    let walk = walk.filter_entry(|entry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.') && entry.file_name() != "target"
    });
    let files = walk.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    let files = files.filter(|file| file.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e == *ending)));
    for file in files.chain(profiles.map(|folder| folder.join("profiles.yml"))) {
        // A file that is not UTF-8 names no variable.
        if let Ok(content) = std::fs::read_to_string(file) {
            collect(&content, &mut text);
        }
    }
    let named: Vec<&str> = text.lines().collect();
    environment::all()
        .filter(|(name, _)| named.contains(&name.as_str()) || name.starts_with("DBT_"))
        // The variables of the emulated account replace the user's.
        .filter(|(name, _)| !name.starts_with("AWS_"))
        .collect()
}

/// Appends each name in `env_var('NAME'` or `env_var("NAME"`, one on a line.
fn collect(content: &str, into: &mut String) {
    for rest in content.split("env_var").skip(1) {
        let Some(rest) = rest.trim_start().strip_prefix('(') else { continue };
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else { continue };
        if let Some(name) = rest.get(1..).and_then(|rest| rest.split(quote).next()) {
            into.push_str(name);
            into.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_any_spaces_and_quotes() {
        let mut found = String::new();
        collect("{{ env_var('A') }} {{ env_var( \"B\", 'x') }} env_var(name) my_env_var ('C')", &mut found);
        assert_eq!(found, "A\nB\nC\n");
    }

    #[test]
    fn only_variables_that_the_project_names_are_returned() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.sql"), "{{ env_var('PATH') }} {{ env_var('NOT_SET_ANYWHERE') }}").unwrap();
        let used = variables_used_by(folder.path(), None);
        assert!(used.contains_key("PATH") && !used.contains_key("HOME"), "{used:?}");
    }
}
