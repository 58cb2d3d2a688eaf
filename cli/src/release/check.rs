//! The same check that `on-release` makes, before anything is uploaded; and what `landfall plan` needs.

use std::collections::BTreeSet;

use landfall_manifest::{Index, ResourceType};
use landfall_pipeline::{CompileInput, Compiled, Project, Release, ReleaseId, compile};

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
    let project = settings.map(Project::from_yaml).transpose()?.unwrap_or_default();
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
