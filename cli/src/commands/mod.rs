//! The verbs of the command line, one module for each.

mod docs;
mod load;
mod local;
mod operator_commands;
mod plan;
mod recover;
mod release;
mod status;

use crate::{
    activity::ActivityError, args::Verb, dbt::DbtError, demo, demo::DemoError, docs_server::DocsError, doctor,
    doctor::DoctorError, home::Home, home::HomeNotFound, landing_folder::FollowError, ledger::StateError,
    local::LocalError, release::ReleaseCommandError, select, select::SelectCommandError, stack::StackError,
    terminal::Terminal, why, why::WhyError,
};

pub use plan::{PlanError, Simulation, simulate};
pub use recover::RecoverError;

/// Errors that end a verb.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// dbt or the project's profile cannot be used.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// The demo did not go as expected.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The docs cannot be served.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// The doctor found something broken, or could not look.
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    /// The landing folder of a local stack cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// Landfall's own files are missing.
    #[error(transparent)]
    Home(#[from] HomeNotFound),
    /// A local stack cannot be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A load cannot be simulated.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A project cannot be released.
    #[error(transparent)]
    Release(#[from] ReleaseCommandError),
    /// A selection cannot be evaluated.
    #[error(transparent)]
    Select(#[from] SelectCommandError),
    /// A stack cannot be reached.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The board, the ledger or the release cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The activity of a stack cannot be read.
    #[error(transparent)]
    Activity(#[from] ActivityError),
    /// An explanation cannot be given.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// A request to S3 failed.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// A request to another AWS service failed.
    #[error(transparent)]
    Call(#[from] landfall_aws::CallError),
    /// A dataset's name is not valid.
    #[error(transparent)]
    Name(#[from] landfall_planner::InvalidName),
    /// The warehouse of the project cannot be used locally; the text says why and what to do.
    #[error("{0}")]
    Warehouse(String),
    /// `landfall retry` names something that is not in quarantine.
    #[error(
        "{0} has nothing in quarantine, so there is nothing to retry: `landfall status` shows what failed, and why"
    )]
    NothingToRetry(String),
    /// `landfall load` names a dataset that the release in place does not have.
    #[error("the event is no load: {0}")]
    NoLoad(String),
    /// `landfall load` did not find its event in the ledger.
    #[error(
        "event {event} was sent, but is not in the ledger after {waited}: `landfall doctor` shows whether events reach the stack; the event is not lost, so do not send it again"
    )]
    NotRecorded {
        /// The id of the event.
        event: String,
        /// How long the command waited.
        waited: String,
    },
    /// No board can be restored.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

/// Runs a verb to its end.
///
/// # Errors
///
/// Each verb has its own errors; [`CommandError`] lists them.
pub async fn run(terminal: &Terminal, verb: &Verb) -> Result<(), CommandError> {
    match verb {
        Verb::Local(args) => local::run(terminal, args).await,
        Verb::Demo(args) => Ok(Box::pin(demo::run(terminal, args)).await?),
        Verb::Release(args) => release::run(terminal, args).await,
        Verb::Plan(args) => plan::run(terminal, args),
        Verb::Why(args) => Ok(why::run(terminal, args).await?),
        Verb::Status(args) => status::run(terminal, args).await,
        Verb::Doctor(args) => Ok(doctor::run(terminal, args).await?),
        Verb::Check(args) => Ok(doctor::check(terminal, args)?),
        Verb::Load(args) => load::run(terminal, args).await,
        Verb::Pause(args) => operator_commands::pause(terminal, args).await,
        Verb::Resume(args) => operator_commands::resume(terminal, args).await,
        Verb::Retry(args) => operator_commands::retry(terminal, args).await,
        // The output of `select` is data, so it goes to standard output without the terminal's formatting.
        Verb::Select(args) => Ok(select::run(args, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())?),
        Verb::Recover(args) => recover::run(terminal, args).await,
        Verb::Setup => {
            crate::local::prepare(terminal, &Home::find()?, true).await?;
            terminal.print("Everything that a local stack needs is installed.");
            Ok(())
        }
        Verb::Docs(args) => docs::run(terminal, args).await,
    }
}
