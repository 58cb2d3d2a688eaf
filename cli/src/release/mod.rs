//! `landfall release`: the project is parsed by the user's own dbt, checked here, put into the state bucket with release.json last, and waited for
//! until `on-release` has accepted or refused it.

mod check;
mod prepare;
mod upload;
mod verdict;

use std::path::{Path, PathBuf};

use landfall_aws::{ConnectError, StoreError};
use landfall_planner::{BoardError, CompileError, LandfallYmlError, ReleaseId};

use crate::{
    dbt::{Dbt, DbtError},
    local::LocalError,
    process::ProcessError,
    stack::{Stack, StackError},
    terminal::{Terminal, count},
};

pub use check::{Checked, bucket_of_sources, check};
pub use prepare::{parse, rendered_settings};

/// A release that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// dbt itself.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// A child failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The local image.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// S3.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The SDK.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A file that cannot be read or written.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// landfall.yml's jinja.
    #[error("landfall.yml: {0}")]
    Render(String),
    /// landfall.yml.
    #[error(transparent)]
    Settings(#[from] LandfallYmlError),
    /// manifest.json.
    #[error("{}: {reason}", file.display())]
    Manifest {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// landfall.yml and the manifest together.
    #[error("the release would be refused:\n  {}", .0.problems.join("\n  "))]
    Compile(#[from] CompileError),
    /// There was a board.
    #[error("{0} is gone, and older versions of it are there: `landfall recover` puts the newest in its place")]
    BoardLost(String),
    /// release.json cannot be written.
    #[error("cannot write release.json: {0}")]
    Json(#[from] serde_json::Error),
    /// Somebody made the same release in the same second.
    #[error(
        "there is a release {0} already, of the same second and content: nothing was changed; run it again if you meant another"
    )]
    Exists(ReleaseId),
    /// `on-release` said no.
    #[error("release {id} was refused, and the one before stays in place: {reason}")]
    Refused {
        /// The release.
        id: ReleaseId,
        /// In the function's words.
        reason: String,
    },
    /// `on-release` said nothing.
    #[error(
        "release {id} lies in s3://{bucket}/releases/{id}/, but on-release gave no verdict within {waited}: see {look}"
    )]
    NoVerdict {
        /// The release.
        id: ReleaseId,
        /// The state bucket.
        bucket: String,
        /// How long.
        waited: String,
        /// Where to look.
        look: String,
    },
}

/// What to release.
#[derive(Debug)]
pub struct ReleaseRequest<'a> {
    /// The project's folder.
    pub project: &'a Path,
    /// How its dbt is run.
    pub dbt: &'a Dbt,
    /// The image, by its digest; none: the stack's own.
    pub image: Option<&'a str>,
    /// Put into place even if the release in place is newer.
    pub force: bool,
    /// Where dbt writes: its target folder is `work/target`.
    pub work: &'a Path,
    /// For the check before the upload.
    pub landing_bucket: Option<&'a str>,
    /// The user's own AWS account is nothing of dbt's business.
    pub emulated: bool,
}

/// A release that is in place.
#[derive(Debug, Clone)]
pub struct Released {
    /// Its id.
    pub id: ReleaseId,
    /// What it has, in words.
    pub summary: String,
}

/// Parses, checks, uploads and waits.
pub async fn release(
    terminal: &Terminal,
    stack: &Stack,
    request: &ReleaseRequest<'_>,
) -> Result<Released, ReleaseError> {
    let phase = terminal.begin("dbt parse");
    let files = prepare::parse(request.dbt, request.project, request.work, request.emulated).await?;
    phase.done("");
    let settings = prepare::rendered_settings(request.dbt, request.project)?;
    let checked = check::check(&files.manifest, settings.as_deref(), request.landing_bucket)?;
    let summary = format!(
        "{}, {}",
        count(checked.compiled.datasets.len(), "dataset", "datasets"),
        count(checked.models(), "model", "models")
    );
    let state = stack.state()?;
    let first = upload::ensure_board(&state).await?;
    let catalog = prepare::catalog(terminal, request, &checked, first).await?;

    let phase = terminal.begin("release the project");
    let id = upload::upload(&state, request, &files, settings.as_deref(), catalog.as_deref()).await?;
    verdict::wait(stack, &state, &id).await?;
    phase.done(&format!("{id} ({summary})"));
    Ok(Released { id, summary })
}
