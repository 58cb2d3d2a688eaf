//! The arguments of the command line, and the help that `--help` prints.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{select::SelectArgs, stack::StackChoice};

/// Run dbt when data lands: release a project, and see what runs and why
///
/// Without --stack, verbs that need a stack use the local stack that runs on this machine.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, disable_help_subcommand = true)]
pub struct Cli {
    /// The verb of the command line.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs of the command line.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a local stack for your dbt project, without an AWS account
    ///
    /// Starts an emulated AWS on this machine, deploys Landfall to it and releases your project. Files that you put
    /// into the landing folder are uploaded and start runs. Your own dbt runs the models. Ctrl-C ends the stack.
    Local(LocalArgs),
    /// Show a complete run of the example project on this machine
    ///
    /// Installs what is missing, starts a local stack with the example project and DuckDB, and lands files: models run,
    /// one run fails because of a bad file, and succeeds after a correct file replaced it.
    Demo(DemoArgs),
    /// Release a dbt project to a stack
    ///
    /// Parses the project with your own dbt, checks landfall.yml against it, uploads both, and waits until the stack
    /// has accepted the release. The first release makes the stack's board.
    Release(ReleaseArgs),
    /// Show which models a load would run, and why
    ///
    /// Needs only a manifest: no stack, no AWS account, no dbt.
    Plan(PlanArgs),
    /// Explain what happened to an object, a model or a run
    Why(WhyArgs),
    /// Show what is pending, running and failed, and the address of the docs
    Status(StatusArgs),
    /// Check a deployed stack and its project, and name the fix of each problem
    ///
    /// Changes nothing without --fix. Ends with exit code 1 if something is broken.
    Doctor(DoctorArgs),
    /// Check landfall.yml against a manifest before you release it
    ///
    /// Needs no stack. Ends with exit code 1 if a release would be refused.
    Check(CheckArgs),
    /// Announce that a dataset is loaded, with the event `Dataset Loaded`
    ///
    /// For data that a loader writes to the warehouse itself, so that no object lands in S3. Waits until the event is in
    /// the ledger, and prints its outcome. Does not wait for the run.
    Load(LoadArgs),
    /// Pause a dataset, or everything
    ///
    /// No new run starts. New data stays pending, and running tasks finish.
    Pause(PauseArgs),
    /// Resume a dataset, or everything, after a pause
    ///
    /// What became pending during the pause runs now.
    Resume(PauseArgs),
    /// Retry nodes that failed, or approve a release that waits
    Retry(RetryArgs),
    /// Restore an older version of the board after it was lost
    ///
    /// For a board.json that was deleted or overwritten. Shows what would be restored; --yes restores it. Every dataset
    /// becomes pending and runs once more, and attempts that no task has claimed are revoked.
    Recover(RecoverArgs),
    /// Install what a local stack needs into .landfall/
    ///
    /// Installs the AWS emulator, the SAM CLI and the example's dbt, each in a virtual environment. Does nothing if
    /// they are installed. `landfall local` and `landfall demo` run this step themselves.
    Setup,
    /// List the nodes that dbt would select, from a manifest alone
    ///
    /// Evaluates dbt's selection syntax without dbt, and prints nodes as `dbt ls` does.
    Select(SelectArgs),
    /// Show the published dbt docs in a browser
    ///
    /// Serves the private docs bucket on 127.0.0.1, with your own AWS credentials, until Ctrl-C.
    Docs(DocsArgs),
}

/// Arguments of `landfall local`.
#[derive(Debug, Clone, Args)]
pub struct LocalArgs {
    /// Folder of the dbt project
    #[arg(long, value_name = "DIR")]
    pub project: PathBuf,
    /// Target of the profile [default: the profile's own]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// dbt program [default: dbt of the active virtual environment, else on PATH]
    #[arg(long, value_name = "PATH")]
    pub dbt: Option<PathBuf>,
    /// Folder whose files are uploaded to the landing bucket
    ///
    /// A file's path below this folder is its key in the landing bucket. If the first folder of the path has the name
    /// of another landing bucket, the file goes to that bucket.
    #[arg(long, value_name = "DIR", default_value = "landing")]
    pub landing: PathBuf,
    /// Only show what each file would run; dbt does not connect to a warehouse
    #[arg(long)]
    pub plan_only: bool,
    /// Build in a warehouse that is not on this machine, without asking
    #[arg(long)]
    pub yes: bool,
    /// Name of the local stack [default: the project's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Port of the emulator on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Port of the docs on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub docs_port: u16,
}

/// Arguments of `landfall demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Port of the emulator on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Port of the docs on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub docs_port: u16,
}

/// Arguments of `landfall release`.
#[derive(Debug, Clone, Args)]
pub struct ReleaseArgs {
    /// Folder of the dbt project
    #[arg(long, value_name = "DIR")]
    pub project: PathBuf,
    /// Target of the profile [default: the profile's own]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// dbt program [default: dbt of the active virtual environment, else on PATH]
    #[arg(long, value_name = "PATH")]
    pub dbt: Option<PathBuf>,
    /// Image with this project, as REPOSITORY@sha256:... [default: the stack's image]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Replace the release in place even if it is newer
    #[arg(long)]
    pub force: bool,
    /// The stack that gets the release.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// manifest.json, which `dbt parse` writes to target/
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// landfall.yml [default: landfall.yml in the parent of the manifest's folder]
    #[arg(long, value_name = "FILE")]
    pub landfall_yml: Option<PathBuf>,
    /// Bucket of relative locations [default: the bucket of the manifest's sources]
    #[arg(long, value_name = "BUCKET")]
    pub landing_bucket: Option<String>,
    /// Plan for a new warehouse: nodes wait for datasets that were never loaded
    #[arg(long)]
    pub nothing_built: bool,
    /// The load to plan for.
    #[command(flatten)]
    pub load: PlannedLoad,
}

/// The load that `landfall plan` plans for: a dataset or an event.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct PlannedLoad {
    /// Plan for a load of this dataset
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Plan for the event in this JSON file
    ///
    /// The event is `Object Created`, `Object Deleted` or `Dataset Loaded` of `EventBridge`, a notification of S3, or a
    /// batch of SQS messages with such events.
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
}

/// Arguments of `landfall why`.
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// Object, model or run to explain
    ///
    /// An object is `s3://BUCKET/KEY`, a model is its name or unique id, and a run is its id.
    #[arg(value_name = "WHAT")]
    pub what: String,
    /// The stack to ask.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The stack to ask.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Make landing buckets send their events to `EventBridge`, after asking
    ///
    /// Shows the change to the bucket's notifications first. The notifications that the bucket has are kept.
    #[arg(long)]
    pub fix: bool,
    /// With --fix: do not ask
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Also check this manifest and its landfall.yml, before you release them
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// landfall.yml [default: landfall.yml in the parent of the manifest's folder]
    #[arg(long, value_name = "FILE", requires = "manifest")]
    pub landfall_yml: Option<PathBuf>,
    /// Format of the findings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: FindingsFormat,
    /// The stack to check.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// manifest.json, which `dbt parse` writes to target/
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// landfall.yml [default: landfall.yml in the parent of the manifest's folder]
    #[arg(long, value_name = "FILE")]
    pub landfall_yml: Option<PathBuf>,
    /// Format of the findings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: FindingsFormat,
}

/// The format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// Lines of text
    Text,
    /// A JSON array
    Json,
}

/// Arguments of `landfall load`.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// Name of the dataset
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Your own id of the batch, recorded in the ledger
    ///
    /// The same id may be sent again: each call of this command is a load.
    #[arg(long, value_name = "ID")]
    pub batch_id: Option<String>,
    /// Do not wait until the event is in the ledger
    #[arg(long)]
    pub no_wait: bool,
    /// The stack that gets the event.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall pause` and `landfall resume`.
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// Name of the dataset [default: everything]
    #[arg(value_name = "DATASET")]
    pub dataset: Option<String>,
    /// The stack that gets the command.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall retry`.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// Dataset, `release`, or a node that failed [default: everything that failed]
    #[arg(value_name = "WHAT", conflicts_with = "approve")]
    pub what: Option<String>,
    /// Approve a release that changes so many nodes that it waits for approval
    #[arg(long)]
    pub approve: bool,
    /// The stack that gets the command.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// S3 version id of board.json [default: the newest version that can be read]
    #[arg(long, value_name = "ID")]
    pub version: Option<String>,
    /// Restore the board; without this flag the command only shows what it would do
    #[arg(long)]
    pub yes: bool,
    /// The stack whose board is restored.
    #[command(flatten)]
    pub stack: StackChoice,
}

/// Arguments of `landfall docs`.
#[derive(Debug, Clone, Args)]
pub struct DocsArgs {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// The stack whose docs are shown.
    #[command(flatten)]
    pub stack: StackChoice,
}
