//! `landfall release`: to a stack in AWS, or to the local stack that runs.

use std::{collections::BTreeMap, path::Path};

use super::CommandError;
use crate::{
    args::ReleaseArgs,
    dbt::{self, Dbt},
    local::{self, Images},
    release::{ReleaseRequest, Released, release},
    stack::{LocalState, Stack},
    terminal::Terminal,
};

pub(super) async fn run(terminal: &Terminal, args: &ReleaseArgs) -> Result<(), CommandError> {
    let project = dbt::project(&args.project)?;
    let stack = Stack::open(&args.stack).await?;
    let released = match &stack.local {
        Some(state) => release_to_local(terminal, args, &stack, state, &project).await?,
        None => release_to_aws(terminal, args, &stack, &project).await?,
    };
    terminal.print(format!("Release {} is in place: {}.", released.id, released.summary));
    Ok(())
}

/// Releases with the dbt, profile and variables of the running local stack, unless the arguments name others.
async fn release_to_local(
    terminal: &Terminal,
    args: &ReleaseArgs,
    stack: &Stack,
    state: &LocalState,
    project: &Path,
) -> Result<Released, CommandError> {
    let mut dbt = match (&state.dbt, &args.dbt) {
        (Some(dbt), None) => dbt.clone(),
        (_, given) => {
            let variables = state.dbt.as_ref().map(|dbt| dbt.variables.clone()).unwrap_or_default();
            Dbt { program: dbt::find(given.as_deref())?, profiles: None, target: None, variables }
                .with_profiles_found(project)?
        }
    };
    if args.target.is_some() {
        dbt.target.clone_from(&args.target);
    }
    let task = local::binaries_folder()?.join("landfall-task");
    let images = Images::new(&state.folder)?;
    Ok(local::release_locally(terminal, stack, &images, &task, state, project, &dbt).await?)
}

/// Releases with the user's own dbt, environment and AWS credentials.
async fn release_to_aws(
    terminal: &Terminal,
    args: &ReleaseArgs,
    stack: &Stack,
    project: &Path,
) -> Result<Released, CommandError> {
    let dbt = Dbt {
        program: dbt::find(args.dbt.as_deref())?,
        profiles: None,
        target: args.target.clone(),
        variables: BTreeMap::new(),
    };
    let work = tempfile::tempdir().map_err(|source| local::LocalError::Files { path: std::env::temp_dir(), source })?;
    let request = ReleaseRequest {
        project,
        dbt: &dbt,
        image: args.image.as_deref(),
        force: args.force,
        work: work.path(),
        landing_bucket: Some(stack.output("LandingBucket")?),
        emulated: false,
    };
    Ok(release(terminal, stack, &request).await?)
}
