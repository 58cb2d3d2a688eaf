//! The reasons why a file that the user named cannot be read, each with the next step.

use std::{
    io::{Error, ErrorKind},
    path::Path,
};

/// Describes why a file cannot be read, and what to do.
pub fn reason(file: &Path, error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound if is_manifest(file) => {
            "the file does not exist; `dbt parse` writes it to the project's target folder".to_owned()
        }
        ErrorKind::NotFound => "the file does not exist; check the path".to_owned(),
        ErrorKind::IsADirectory => "this is a folder; name a file in it".to_owned(),
        ErrorKind::PermissionDenied => "you may not read the file; check its permissions".to_owned(),
        _ => error.to_string(),
    }
}

fn is_manifest(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("manifest.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_manifest_names_dbt_parse_and_a_folder_is_named_as_such() {
        let missing = |file: &str| reason(Path::new(file), &ErrorKind::NotFound.into());
        assert!(missing("target/manifest.json").contains("dbt parse"));
        assert!(missing("landfall.yml").contains("check the path"));
        assert!(reason(Path::new("target"), &ErrorKind::IsADirectory.into()).contains("is a folder"));
    }
}
