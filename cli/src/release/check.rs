//! The check of landfall.yml against the manifest, as `on-release` makes it. `landfall release` runs it before the
//! upload.

use std::collections::{BTreeMap, BTreeSet};

use landfall_manifest::{Index, ResourceType};
use landfall_planner::{CompileInput, Compiled, LandfallYml, Release, ReleaseId, compile};

use super::ReleaseCommandError;

/// A project that `on-release` would accept.
#[derive(Debug)]
pub struct CheckedProject {
    /// The compiled landfall.yml and manifest.
    pub compiled: Compiled,
    /// The index of the manifest.
    pub index: Index,
}

impl CheckedProject {
    /// The number of models of the project.
    pub fn models(&self) -> usize {
        self.index.nodes().filter(|node| node.resource_type() == ResourceType::Model).count()
    }

    /// Converts the project into a release for the planner.
    pub fn into_release(self) -> Release {
        Release::new(self.compiled, self.index)
    }
}

/// Checks landfall.yml against the manifest. `settings` is the rendered landfall.yml; `None` means all defaults.
///
/// # Errors
///
/// The manifest or landfall.yml is not valid, or they do not fit together.
pub fn check(
    manifest: &[u8],
    settings: Option<&str>,
    landing_bucket: Option<&str>,
) -> Result<CheckedProject, ReleaseCommandError> {
    let index = Index::from_slice(manifest)
        .map_err(|error| ReleaseCommandError::Manifest { file: "manifest.json".into(), reason: error.to_string() })?;
    let project = settings.map(LandfallYml::from_yaml).transpose()?.unwrap_or_default();
    let id = ReleaseId::parse("check")
        .map_err(|error| ReleaseCommandError::Manifest { file: "manifest.json".into(), reason: error.to_string() })?;
    let compiled = compile(&CompileInput {
        id: &id,
        index: &index,
        project: &project,
        landing_bucket,
        base: None,
        existing: &BTreeSet::new(),
        task_definition: None,
    })?;
    Ok(CheckedProject { compiled, index })
}

/// The bucket that most sources of the manifest name in their location; `None` if no source names one.
pub fn bucket_of_sources(manifest: &[u8]) -> Option<String> {
    let index = Index::from_slice(manifest).ok()?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in index.nodes().filter(|node| node.resource_type() == ResourceType::Source) {
        let stated = node.external_location().chain(node.relation_name()).find_map(bucket);
        if let Some(bucket) = stated {
            *counts.entry(bucket.to_owned()).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(bucket, _)| bucket)
}

/// The first bucket in a text such as `read_csv('s3://bucket/orders/*.csv')`.
fn bucket(text: &str) -> Option<&str> {
    let rest = text.split("s3://").nth(1)?;
    let bucket = rest.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))).next()?;
    (!bucket.is_empty()).then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_found_in_a_location_of_dbt_duckdb() {
        assert_eq!(bucket("read_csv('s3://my-bucket.x/orders/*.csv', header=true)"), Some("my-bucket.x"));
        assert_eq!(bucket("\"db\".\"schema\".\"orders\""), None);
    }
}
