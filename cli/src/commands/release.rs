//! `landfall release`.

use super::CommandError;
use crate::{
    args::ReleaseArgs,
    dbt::{self, Dbt},
    local::{self, Images},
    release::{ReleaseRequest, release},
    stack::Stack,
    terminal::Terminal,
};

pub(super) async fn run(terminal: &Terminal, args: &ReleaseArgs) -> Result<(), CommandError> {
    let project = dbt::project(&args.project)?;
    let stack = Stack::open(&args.stack).await?;
    let released = match &stack.local {
        Some(state) => {
            // As the running stack runs dbt, unless another is asked for.
            let mut dbt = match (&state.dbt, &args.dbt) {
                (Some(dbt), None) => dbt.clone(),
                (_, given) => {
                    let base = state.dbt.as_ref().map(|dbt| dbt.variables.clone()).unwrap_or_default();
                    Dbt { program: dbt::find(given.as_deref())?, profiles: None, target: None, variables: base }
                        .with_profiles_found(&project)?
                }
            };
            if args.target.is_some() {
                dbt.target.clone_from(&args.target);
            }
            let task = std::env::current_exe()
                .map(|program| program.with_file_name("landfall-task"))
                .map_err(|source| local::LocalError::Files { path: "landfall".into(), source })?;
            let images = Images::new(&state.folder)?;
            local::release_locally(terminal, &stack, &images, &task, state, &project, &dbt).await?
        }
        None => {
            let dbt = Dbt {
                program: dbt::find(args.dbt.as_deref())?,
                profiles: None,
                target: args.target.clone(),
                variables: std::collections::BTreeMap::new(),
            };
            let work = tempfile::tempdir()
                .map_err(|source| local::LocalError::Files { path: std::env::temp_dir(), source })?;
            let landing = stack.output("LandingBucket")?;
            let request = ReleaseRequest {
                project: &project,
                dbt: &dbt,
                image: args.image.as_deref(),
                force: args.force,
                work: work.path(),
                landing_bucket: Some(landing),
                emulated: false,
            };
            release(terminal, &stack, &request).await?
        }
    };
    terminal.say(format!("release {} is in place: {}", released.id, released.summary));
    Ok(())
}
