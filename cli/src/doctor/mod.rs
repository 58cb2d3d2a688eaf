//! `landfall doctor`: checks of a deployed stack and its project, with the user's own AWS credentials. Without
//! `--fix` it changes nothing.
//!
//! - [`finding`]: a finding, and its fix in a sentence.
//! - [`deployed`]: the stack in CloudFormation.
//! - [`state_bucket`]: the state bucket, the board and the release.
//! - [`landing_buckets`], [`notifications`]: the landing buckets, and where they send their events.
//! - [`event_rules`]: whether the stack gets the events of every location in the release.
//! - [`task_definition`]: the task definition and its image.
//! - [`schedules`]: the sweep and the dead-letter queues.
//! - [`project`]: landfall.yml against the manifest, also for `landfall check`.
//!
//! Two things are not checked, and the findings say so: whether the task's subnets reach the warehouse, and the logs
//! of the functions.

pub mod deployed;
pub mod event_rules;
pub mod finding;
pub mod landing_buckets;
pub mod notifications;
pub mod project;
pub mod schedules;
pub mod state_bucket;
pub mod task_definition;

use std::path::{Path, PathBuf};

use landfall_planner::unavailable_sources;

use crate::{
    args::{CheckArgs, DoctorArgs, FindingsFormat},
    environment, file_errors, jinja, release,
    stack::{Stack, StackError},
    terminal::Terminal,
    text::count,
};

pub use deployed::Deployed;
pub use finding::{DoctorReport, Finding, FindingVerdict};

/// Errors of the doctor; [`DoctorError::Broken`] means that the checks were made and something is broken.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The stack cannot be reached.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A file of the project cannot be read.
    #[error("cannot read {}: {}", file.display(), file_errors::reason(file, source))]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The findings cannot be serialized.
    #[error("cannot serialize the findings: {0}")]
    Json(#[from] serde_json::Error),
    /// The number of findings that are broken.
    #[error("{} broken: the lines above name the fix of each", count(*.0, "finding is", "findings are"))]
    Broken(usize),
}

/// Runs `landfall doctor`.
///
/// # Errors
///
/// The stack cannot be reached, or something is broken.
pub async fn run(terminal: &Terminal, args: &DoctorArgs) -> Result<(), DoctorError> {
    let stack = Stack::open(&args.stack).await?;
    let silent = Terminal::silent();
    let fix_terminal = match args.output {
        FindingsFormat::Text => terminal,
        // The question and the change of `--fix` would be mixed with the JSON.
        FindingsFormat::Json => &silent,
    };
    let fix = args.fix.then_some(landing_buckets::Fix { terminal: fix_terminal, yes: args.yes });
    let mut report = examine(&stack, fix).await?;
    if let Some(manifest) = &args.manifest {
        check_files(&mut report, manifest, args.landfall_yml.as_deref())?;
    }
    print(terminal, &format!("stack {}", stack.name), &report, args.output)
}

/// Runs `landfall check`.
///
/// # Errors
///
/// A file cannot be read, or a release would be refused.
pub fn check(terminal: &Terminal, args: &CheckArgs) -> Result<(), DoctorError> {
    let mut report = DoctorReport::default();
    check_files(&mut report, &args.manifest, args.landfall_yml.as_deref())?;
    print(terminal, &args.manifest.display().to_string(), &report, args.output)
}

/// Runs all checks; later checks use the results of earlier ones.
///
/// # Errors
///
/// The stack cannot be reached.
pub async fn examine(stack: &Stack, fix: Option<landing_buckets::Fix<'_>>) -> Result<DoctorReport, DoctorError> {
    let mut report = DoctorReport::default();
    let deployed = deployed::examine(&mut report, stack).await?;
    let found = state_bucket::examine(&mut report, stack).await?;
    landing_buckets::examine(&mut report, stack, &deployed, fix).await;
    task_definition::examine(&mut report, stack, &deployed, found.release.as_ref()).await;
    schedules::examine(&mut report, stack, &deployed, found.board.as_ref()).await;
    if let Some(release) = &found.release {
        event_rules::examine(&mut report, &deployed, stack.outputs.get("LandingBucket"), &release.compiled);
        let sources = found.board.as_ref().map(|board| unavailable_sources(release, board)).unwrap_or_default();
        project::examine(&mut report, release, &sources);
    }
    Ok(report)
}

fn check_files(report: &mut DoctorReport, manifest: &Path, settings: Option<&Path>) -> Result<(), DoctorError> {
    let read =
        |file: &Path| std::fs::read(file).map_err(|source| DoctorError::Unreadable { file: file.to_owned(), source });
    let bytes = read(manifest)?;
    let beside = manifest.parent().and_then(Path::parent).map(|project| project.join("landfall.yml"));
    let file = settings.map(Path::to_owned).or(beside.filter(|file| file.is_file()));
    let settings = file.map(|file| read(&file)).transpose()?;
    let settings = settings.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let bucket = release::bucket_of_sources(&bytes).unwrap_or_else(|| "landing".to_owned());
    let rendered = settings.map(|text| jinja::render(&text, environment::variable));
    match rendered.transpose() {
        Ok(settings) => project::check(report, &bytes, settings.as_deref(), &bucket),
        Err(error) => report.broken(
            "landfall.yml",
            format!("cannot be rendered: {error}"),
            "set the variable, or give it a default in landfall.yml: env_var('NAME', 'default')",
        ),
    }
    Ok(())
}

fn print(terminal: &Terminal, about: &str, report: &DoctorReport, output: FindingsFormat) -> Result<(), DoctorError> {
    match output {
        FindingsFormat::Json => terminal.print(serde_json::to_string_pretty(&report.findings)?),
        FindingsFormat::Text => {
            terminal.print(format!("{about}:"));
            for finding in &report.findings {
                terminal.print(finding.to_string());
            }
        }
    }
    match report.count(FindingVerdict::Broken) {
        0 => Ok(()),
        broken => Err(DoctorError::Broken(broken)),
    }
}
