//! The release of a dbt project: the user's own dbt parses it, it is checked here, its files are uploaded to the state
//! bucket with release.json last, and `on-release` accepts or refuses it.

mod acceptance;
mod artifacts;
mod check;
mod upload;

use std::path::{Path, PathBuf};

use landfall_aws::{ConnectError, StoreError};
use landfall_planner::{BoardError, CompileError, LandfallYmlError, ReleaseId, unavailable_sources};

use crate::{
    dbt::{Dbt, DbtError},
    file_errors,
    ledger::{self, StateError},
    process::ProcessError,
    stack::{Stack, StackError},
    terminal::Terminal,
    text::{count, printable},
};

pub use acceptance::describe_schedules;
pub use artifacts::{parse, rendered_settings};
pub use check::{CheckedProject, bucket_of_sources, check};

/// Errors of releasing or checking a project.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseCommandError {
    /// dbt or the profile cannot be used.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// A child process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The stack cannot be reached.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A request to S3 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The board or its release cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The AWS clients cannot be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The board is not valid, or of another version.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A file cannot be read.
    #[error("cannot read {}: {}", file.display(), file_errors::reason(file, source))]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A Jinja expression of landfall.yml cannot be rendered.
    #[error("landfall.yml cannot be rendered: {0}")]
    Render(String),
    /// landfall.yml is not valid.
    #[error(transparent)]
    Settings(#[from] LandfallYmlError),
    /// The manifest is not valid.
    #[error("cannot use {}: {reason}", file.display())]
    Manifest {
        /// The path of the file.
        file: PathBuf,
        /// The error of the parser.
        reason: String,
    },
    /// landfall.yml does not fit the manifest.
    #[error("landfall.yml does not fit the project, and a release would be refused:\n  {}", .0.problems.join("\n  "))]
    Compile(#[from] CompileError),
    /// The board was deleted.
    #[error("{0} was deleted, and older versions of it exist: run `landfall recover` to restore the newest one")]
    BoardLost(String),
    /// release.json cannot be serialized.
    #[error("cannot serialize release.json: {0}")]
    Json(#[from] serde_json::Error),
    /// A release of the same second and content exists.
    #[error(
        "release {0} exists already, with the same content and made in the same second, so nothing was changed; run the command again to make another release"
    )]
    Exists(ReleaseId),
    /// `on-release` refused the release.
    #[error("release {id} was refused, and the release before stays in place: {reason}")]
    Refused {
        /// The id of the release.
        id: ReleaseId,
        /// The reason that `on-release` gives.
        reason: String,
    },
    /// `on-release` did not answer in time.
    #[error(
        "release {id} was uploaded to s3://{bucket}/releases/{id}/, but on-release did not answer within {waited}: see {look}"
    )]
    NoVerdict {
        /// The id of the release.
        id: ReleaseId,
        /// The state bucket.
        bucket: String,
        /// The time that was waited.
        waited: String,
        /// The log to read.
        look: String,
    },
}

/// The inputs of a release.
#[derive(Debug)]
pub struct ReleaseRequest<'a> {
    /// The folder of the project.
    pub project: &'a Path,
    /// The dbt of the project.
    pub dbt: &'a Dbt,
    /// The image, by its digest; `None` means the stack's own image.
    pub image: Option<&'a str>,
    /// Whether to replace a newer release.
    pub force: bool,
    /// The folder to which dbt writes; its target folder is `work/target`.
    pub work: &'a Path,
    /// The bucket of relative locations, for the check before the upload.
    pub landing_bucket: Option<&'a str>,
    /// Whether dbt runs without the variables of the user's AWS account.
    pub emulated: bool,
}

/// A release that is in place.
#[derive(Debug, Clone)]
pub struct Released {
    /// The id of the release.
    pub id: ReleaseId,
    /// The numbers of datasets and models.
    pub summary: String,
}

/// Parses, checks and uploads the project, and waits until `on-release` accepted it.
///
/// # Errors
///
/// dbt fails, landfall.yml does not fit the project, S3 fails, or `on-release` refuses the release or does not answer.
pub async fn release(
    terminal: &Terminal,
    stack: &Stack,
    request: &ReleaseRequest<'_>,
) -> Result<Released, ReleaseCommandError> {
    let phase = terminal.begin("dbt parse");
    let files = artifacts::parse(request.dbt, request.project, request.work, request.emulated).await?;
    phase.done("");
    let settings = artifacts::rendered_settings(request.dbt, request.project)?;
    let checked = check::check(&files.manifest, settings.as_deref(), request.landing_bucket)?;
    let summary = format!(
        "{}, {}",
        count(checked.compiled.datasets.len(), "dataset", "datasets"),
        count(checked.models(), "model", "models")
    );
    let state = stack.state()?;
    let first = upload::ensure_board(&state).await?;
    let catalog = artifacts::catalog(terminal, request, &checked, first).await?;

    let phase = terminal.begin("upload the release and wait for on-release");
    let id = upload::upload(&state, request, &files, settings.as_deref(), catalog.as_deref()).await?;
    let warning = acceptance::wait(stack, &state, &id).await?;
    phase.done(&format!("{id} ({summary})"));
    for note in &checked.compiled.notes {
        terminal.print(format!("note: {}", printable(note)));
    }
    if let Some(warning) = warning {
        terminal.warn(&warning);
    }
    if let (board, Some(release)) = ledger::snapshot(&state).await? {
        for text in unavailable_sources(&release, &board) {
            terminal.warn(&format!("models wait for {text}"));
        }
    }
    Ok(Released { id, summary })
}
