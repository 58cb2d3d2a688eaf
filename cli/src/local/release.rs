//! A release of a project to a local stack: a local image of the project, then the same release as in AWS.

use std::path::{Path, PathBuf};

use super::{Images, LocalError, LocalImage};
use crate::{
    dbt::Dbt,
    emulated_account,
    release::{self, ReleaseRequest, Released},
    stack::{LocalState, Stack},
    terminal::Terminal,
};

/// Makes a local image of the project and releases it, and waits until `on-release` accepted it.
///
/// # Errors
///
/// The project cannot be copied or parsed, landfall.yml does not fit it, or `on-release` refuses it.
pub async fn release_locally(
    terminal: &Terminal,
    stack: &Stack,
    images: &Images,
    task: &Path,
    state: &LocalState,
    project: &Path,
    dbt: &Dbt,
) -> Result<Released, LocalError> {
    let mut copy = PathBuf::new();
    let image = images.add(project, &state.name, |folder| {
        folder.clone_into(&mut copy);
        let mut env = dbt.image_variables();
        env.insert("LANDFALL_PROJECT_DIR".to_owned(), folder.to_string_lossy().into_owned());
        LocalImage { argv: vec![task.to_string_lossy().into_owned()], env }
    })?;
    let mut dbt = dbt.clone();
    let on_host = [
        ("AWS_ACCESS_KEY_ID", emulated_account::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", emulated_account::SECRET_KEY),
        ("AWS_DEFAULT_REGION", emulated_account::REGION),
        ("AWS_ENDPOINT_URL", state.endpoint.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    dbt.variables.extend(on_host.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let request = ReleaseRequest {
        project: &copy,
        dbt: &dbt,
        image: Some(&image),
        force: false,
        work: &state.folder.join("release"),
        landing_bucket: state.landing_buckets.first().map(String::as_str),
        emulated: true,
    };
    Ok(release::release(terminal, stack, &request).await?)
}
