//! The same check that `on-release` makes, before anything is uploaded; and what `landfall plan` needs.

use std::collections::{BTreeMap, BTreeSet};

use landfall_manifest::{Index, ResourceType};
use landfall_planner::{CompileInput, Compiled, LandfallYml, Release, ReleaseId, compile};

use super::ReleaseError;

/// A project that would be accepted.
#[derive(Debug)]
pub struct Checked {
    /// landfall.yml and manifest, resolved.
    pub compiled: Compiled,
    /// The manifest.
    pub index: Index,
}

impl Checked {
    /// How many models the project has.
    pub fn models(&self) -> usize {
        self.index.nodes().filter(|node| node.resource_type() == ResourceType::Model).count()
    }

    /// As a release that can be asked.
    pub fn into_release(self) -> Release {
        Release::new(self.compiled, self.index)
    }
}

/// Checks landfall.yml (rendered; none: all defaults) and the manifest against each other.
pub fn check(manifest: &[u8], settings: Option<&str>, landing_bucket: Option<&str>) -> Result<Checked, ReleaseError> {
    let index = Index::from_slice(manifest)
        .map_err(|error| ReleaseError::Manifest { file: "manifest.json".into(), reason: error.to_string() })?;
    let project = settings.map(LandfallYml::from_yaml).transpose()?.unwrap_or_default();
    let id = ReleaseId::parse("check")
        .map_err(|error| ReleaseError::Manifest { file: "manifest.json".into(), reason: error.to_string() })?;
    let compiled = compile(&CompileInput {
        id: &id,
        index: &index,
        project: &project,
        landing_bucket,
        base: None,
        existing: &BTreeSet::new(),
        task_definition: None,
    })?;
    Ok(Checked { compiled, index })
}

/// The bucket that most sources of the manifest say they lie in; none if none says.
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
    fn a_bucket_is_found_in_what_dbt_duckdb_writes() {
        assert_eq!(bucket("read_csv('s3://my-bucket.x/orders/*.csv', header=true)"), Some("my-bucket.x"));
        assert_eq!(bucket("\"db\".\"schema\".\"orders\""), None);
    }
}
