//! The verbs, each in a module of its own.

mod docs;
mod load;
mod local;
mod operate;
mod plan;
mod recover;
mod release;
mod status;

use crate::{
    args::Verb, dbt::DbtError, demo::DemoError, docs_server::DocsError, doctor::DoctorError, home::NoHome,
    ledger::StateError, local::LocalError, release::ReleaseError, select::SelectCommandError, stack::StackError,
    story::StoryError, terminal::Terminal, why::WhyError,
};

pub(crate) use local::{binaries, follow};
pub use plan::{PlanError, Supposed, suppose};
pub use recover::RecoverError;

/// Whatever ended a verb.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// See there.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// See there.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// See there.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// See there.
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    /// See there.
    #[error(transparent)]
    Home(#[from] NoHome),
    /// See there.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// See there.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// See there.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// See there.
    #[error(transparent)]
    Select(#[from] SelectCommandError),
    /// See there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// See there.
    #[error(transparent)]
    State(#[from] StateError),
    /// See there.
    #[error(transparent)]
    Story(#[from] StoryError),
    /// See there.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// S3.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// Another service.
    #[error(transparent)]
    Call(#[from] landfall_aws::CallError),
    /// A name.
    #[error(transparent)]
    Name(#[from] landfall_planner::InvalidName),
    /// The warehouse, and what to do about it.
    #[error("{0}")]
    Warehouse(String),
    /// Nothing of that name waits for an operator.
    #[error("nothing that failed is called {0}: `landfall status` shows what waits for an operator, and why")]
    NothingStuck(String),
    /// No board to restore, or a bad choice of one.
    #[error(transparent)]
    Recover(#[from] recover::RecoverError),
    /// The emulator went away.
    #[error("the emulator ended by itself: see {0}")]
    EmulatorEnded(String),
}

/// Does what was asked.
pub async fn run(terminal: &Terminal, verb: &Verb) -> Result<(), CommandError> {
    match verb {
        Verb::Local(args) => local::run(terminal, args).await,
        Verb::Demo(args) => Ok(Box::pin(crate::demo::run(terminal, args)).await?),
        Verb::Release(args) => release::run(terminal, args).await,
        Verb::Plan(args) => plan::run(terminal, args),
        Verb::Why(args) => Ok(crate::why::run(terminal, args).await?),
        Verb::Status(args) => status::run(terminal, args).await,
        Verb::Doctor(args) => Ok(crate::doctor::run(terminal, args).await?),
        Verb::Check(args) => Ok(crate::doctor::check(terminal, args)?),
        Verb::Load(args) => load::run(terminal, args).await,
        Verb::Pause(args) => operate::pause(terminal, args, true).await,
        Verb::Resume(args) => operate::pause(terminal, args, false).await,
        Verb::Retry(args) => operate::retry(terminal, args).await,
        // Not through the terminal: its output is data.
        Verb::Select(args) => {
            Ok(crate::select::run(args, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())?)
        }
        Verb::Recover(args) => recover::run(terminal, args).await,
        Verb::Setup => {
            crate::local::prepare(terminal, &crate::home::Home::find()?, true).await?;
            terminal.say("everything that a local stack needs is installed");
            Ok(())
        }
        Verb::Docs(args) => docs::run(terminal, args).await,
    }
}
