//! `landfall doctor`: a deployed stack and its project, looked at from outside with the user's own rights. It changes nothing, but for what
//! `--fix` names and asks.
//!
//! - [`finding`]: what is found, each with its fix in a sentence.
//! - [`deployed`]: what CloudFormation says. [`state`]: the state bucket, the board, the release. [`landing`] and [`notifications`]: where data
//!   lands, and who hears of it. [`task`]: the task definition and its image. [`schedules`]: the sweep and the dead letters.
//! - [`event_rules`]: whether the stack is told of what lands where the release says.
//! - [`project`]: landfall.yml against the manifest, also as `landfall check`.
//!
//! Not looked at, and said so: whether the task's subnets reach the warehouse (only a run tells), and the functions' logs.

pub mod deployed;
pub mod event_rules;
pub mod finding;
pub mod landing;
pub mod notifications;
pub mod project;
pub mod schedules;
pub mod state;
pub mod task;

use std::path::{Path, PathBuf};

use crate::{
    args::{CheckArgs, DoctorArgs, Output},
    environment, release, render,
    stack::{Stack, StackError},
    terminal::{Terminal, count},
};

pub use deployed::Deployed;
pub use finding::{Finding, Report, Verdict};

/// An examination that could not be made, or that found something broken.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A file of the project.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The report as JSON.
    #[error("the findings cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// What was found.
    #[error("{}: see above for the fix of each", count(*.0, "thing is broken", "things are broken"))]
    Broken(usize),
}

/// `landfall doctor`.
pub async fn run(terminal: &Terminal, args: &DoctorArgs) -> Result<(), DoctorError> {
    let stack = Stack::open(&args.stack).await?;
    let quiet = Terminal::silent();
    let asks = match args.output {
        Output::Text => terminal,
        // What is asked and shown would stand amid the JSON.
        Output::Json => &quiet,
    };
    let fix = args.fix.then_some(landing::Fix { terminal: asks, yes: args.yes });
    let mut report = examine(&stack, fix).await?;
    if let Some(manifest) = &args.manifest {
        check_files(&mut report, manifest, args.landfall_yml.as_deref())?;
    }
    tell(terminal, &format!("stack {}", stack.name), &report, args.output)
}

/// `landfall check`.
pub fn check(terminal: &Terminal, args: &CheckArgs) -> Result<(), DoctorError> {
    let mut report = Report::default();
    check_files(&mut report, &args.manifest, args.landfall_yml.as_deref())?;
    tell(terminal, &args.manifest.display().to_string(), &report, args.output)
}

/// Looks at everything, in the order in which things depend on each other.
pub async fn examine(stack: &Stack, fix: Option<landing::Fix<'_>>) -> Result<Report, DoctorError> {
    let mut report = Report::default();
    let deployed = deployed::examine(&mut report, stack).await?;
    let found = state::examine(&mut report, stack).await?;
    landing::examine(&mut report, stack, &deployed, fix).await;
    task::examine(&mut report, stack, &deployed, found.release.as_ref()).await;
    schedules::examine(&mut report, stack, &deployed, found.board.as_ref()).await;
    if let Some(release) = &found.release {
        event_rules::examine(&mut report, &deployed, stack.outputs.get("LandingBucket"), &release.compiled);
        project::examine(&mut report, &release.compiled, &release.index);
    }
    Ok(report)
}

fn check_files(report: &mut Report, manifest: &Path, settings: Option<&Path>) -> Result<(), DoctorError> {
    let read =
        |file: &Path| std::fs::read(file).map_err(|source| DoctorError::Unreadable { file: file.to_owned(), source });
    let bytes = read(manifest)?;
    let beside = manifest.parent().and_then(Path::parent).map(|project| project.join("landfall.yml"));
    let file = settings.map(Path::to_owned).or(beside.filter(|file| file.is_file()));
    let settings = file.map(|file| read(&file)).transpose()?;
    let settings = settings.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let bucket = release::bucket_of_sources(&bytes).unwrap_or_else(|| "landing".to_owned());
    let rendered = settings.map(|text| render::render(&text, environment::variable));
    match rendered.transpose() {
        Ok(settings) => project::check(report, &bytes, settings.as_deref(), &bucket),
        Err(error) => report.broken(
            "landfall.yml",
            format!("cannot be filled in: {error}"),
            "set the variable that it names, or give it a default: env_var('NAME', 'default')",
        ),
    }
    Ok(())
}

fn tell(terminal: &Terminal, about: &str, report: &Report, output: Output) -> Result<(), DoctorError> {
    match output {
        Output::Json => terminal.say(serde_json::to_string_pretty(&report.findings)?),
        Output::Text => {
            terminal.say(format!("{about}:"));
            for finding in &report.findings {
                terminal.say(finding.to_string());
            }
        }
    }
    match report.count(Verdict::Broken) {
        0 => Ok(()),
        broken => Err(DoctorError::Broken(broken)),
    }
}
