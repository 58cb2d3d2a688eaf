//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{select::SelectArgs, stack::StackChoice};

/// dbt, run when data lands: deploy it, release a project, see what happens and why.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the whole stack on this machine for a dbt project of yours, with no AWS account
    Local(LocalArgs),
    /// Watch it all work on the example project: files land, models run, a bad file fails and is repaired
    Demo(DemoArgs),
    /// Parse a dbt project and put it into place
    Release(ReleaseArgs),
    /// Show which models a load would run, and why; needs nothing but a manifest
    Plan(PlanArgs),
    /// Say what became of an object, a model or a run
    Why(WhyArgs),
    /// Show the datasets, what is pending and why it waits, live runs, and the docs
    Status(StatusArgs),
    /// Examine a deployed stack and its project: what is wrong, and the fix of each
    Doctor(DoctorArgs),
    /// Check landfall.yml against a manifest, before it is released
    Check(CheckArgs),
    /// Say that a dataset's rows are in the warehouse: the event `Dataset Loaded`
    Load(LoadArgs),
    /// Plan no runs any more, of a dataset or at all; what lands is kept as pending, and what runs goes on
    Pause(PauseArgs),
    /// Plan runs again
    Resume(PauseArgs),
    /// Try again what failed and waits for an operator
    Retry(RetryArgs),
    /// Put an older version of the board in the place of one that was lost
    Recover(RecoverArgs),
    /// Install what a local stack needs (emulator, SAM CLI, the example's dbt) into .landfall/; takes no time once it is there
    Setup,
    /// List what dbt would select, from a manifest alone
    Select(SelectArgs),
    /// Show the published docs in a browser, through your own credentials
    Docs(DocsArgs),
}

/// `landfall local`.
#[derive(Debug, Clone, Args)]
pub struct LocalArgs {
    /// The dbt project's folder
    #[arg(long, value_name = "DIR")]
    pub project: PathBuf,
    /// The target of its profile; unset: the profile's own
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The project's dbt; unset: that of the active virtual environment, or the one on PATH
    #[arg(long, value_name = "PATH")]
    pub dbt: Option<PathBuf>,
    /// The folder whose files land, below the names they have there
    #[arg(long, value_name = "DIR", default_value = "landing")]
    pub landing: PathBuf,
    /// Only show what each landed file would run; dbt touches no warehouse
    #[arg(long)]
    pub plan_only: bool,
    /// Let dbt touch a warehouse that is not on this machine, without asking
    #[arg(long)]
    pub yes: bool,
    /// The local stack's name; unset: the project's
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The emulator's port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// The docs' port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub docs_port: u16,
}

/// `landfall demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// The emulator's port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// The docs' port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub docs_port: u16,
}

/// `landfall release`.
#[derive(Debug, Clone, Args)]
pub struct ReleaseArgs {
    /// The dbt project's folder
    #[arg(long, value_name = "DIR")]
    pub project: PathBuf,
    /// The target of its profile; unset: the profile's own
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The project's dbt; unset: that of the active virtual environment, or the one on PATH
    #[arg(long, value_name = "PATH")]
    pub dbt: Option<PathBuf>,
    /// The image that holds this project, by its digest (repo@sha256:...); unset: the stack's own image
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Put it into place even if the release in place is newer
    #[arg(long)]
    pub force: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// dbt's manifest.json, as `dbt parse` leaves it in target/
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// landfall.yml; unset: the one beside the manifest's target folder, if there is one
    #[arg(long, value_name = "FILE")]
    pub landfall_yml: Option<PathBuf>,
    /// The bucket that relative locations of landfall.yml are in; unset: the one that the manifest's sources name, else the event's
    #[arg(long, value_name = "BUCKET")]
    pub landing_bucket: Option<String>,
    /// As if nothing had been built yet: what waits for its first load is left out
    #[arg(long)]
    pub nothing_built: bool,
    /// What lands.
    #[command(flatten)]
    pub what: PlanWhat,
}

/// What `landfall plan` supposes to land.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct PlanWhat {
    /// A load of this dataset
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// This event: `Object Created` or `Dataset Loaded` of `EventBridge`, or a notification of S3, as JSON
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
}

/// `landfall why`.
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// An object (`s3://bucket/key`), a model's name or unique id, or a run id
    #[arg(value_name = "WHAT")]
    pub what: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Switch `EventBridge` on for landing buckets that lack it: shows the change to the bucket's notifications, keeps what is there, and asks
    #[arg(long)]
    pub fix: bool,
    /// With --fix: do not ask
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Check this manifest and its landfall.yml too, before they are released
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// landfall.yml; unset: the one beside the manifest's target folder, if there is one
    #[arg(long, value_name = "FILE", requires = "manifest")]
    pub landfall_yml: Option<PathBuf>,
    /// How the findings are printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// dbt's manifest.json, as `dbt parse` leaves it in target/
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// landfall.yml; unset: the one beside the manifest's target folder, if there is one
    #[arg(long, value_name = "FILE")]
    pub landfall_yml: Option<PathBuf>,
    /// How the findings are printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// For whom findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// People
    Text,
    /// Programs
    Json,
}

/// `landfall load`.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The dataset
    #[arg(value_name = "NAME")]
    pub dataset: String,
    /// Your own mark of the batch, for the ledger
    #[arg(long, value_name = "ID")]
    pub batch_id: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall pause` and `landfall resume`.
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// The dataset; unset: everything
    #[arg(value_name = "DATASET")]
    pub dataset: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall retry`.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// A dataset, `release`, or a model that failed; unset: everything that failed
    #[arg(value_name = "WHAT", conflicts_with = "approve")]
    pub what: Option<String>,
    /// Let a release run that changes so many nodes that it waits for an approval
    #[arg(long)]
    pub approve: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The version of board.json, as S3 names it; unset: the newest that can be read
    #[arg(long, value_name = "ID")]
    pub version: Option<String>,
    /// Do it; without this it is only shown what would be done
    #[arg(long)]
    pub yes: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// `landfall docs`.
#[derive(Debug, Clone, Args)]
pub struct DocsArgs {
    /// The port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackChoice,
}
