//! `landfall demo`: the example project on a local stack, in four steps. The command fails if a step has another result
//! than the one that it shows.

mod steps;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use crate::{
    activity::ActivityError,
    args::DemoArgs,
    dbt::{Dbt, DbtError},
    docs_server::{DocsError, DocsServer},
    file_errors,
    home::{Home, HomeNotFound},
    landing_folder::{self, FollowError},
    local::{self, LocalError, LocalOptions, LocalStack},
    stack::StackError,
    terminal::Terminal,
    text::seconds,
    why::WhyError,
};

/// The name of the demo's local stack.
const NAME: &str = "demo";

/// Errors of the demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A step had another result than expected.
    #[error("the demo failed at {step:?}: {what}\n  the logs of the stack are in {}", logs.display())]
    Unexpected {
        /// The title of the step.
        step: &'static str,
        /// The expected and the actual result.
        what: String,
        /// The folder of the stack, with its logs.
        logs: PathBuf,
    },
    /// A file of the example cannot be read.
    #[error("cannot read {}: {}", file.display(), file_errors::reason(file, source))]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The example's dbt is not installed.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// The docs cannot be served.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// Landfall's own files are missing.
    #[error(transparent)]
    Home(#[from] HomeNotFound),
    /// The local stack cannot be started, or the example not released.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The stack lacks an output.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A file cannot be uploaded.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// The ledger or the docs cannot be read.
    #[error(transparent)]
    Activity(#[from] ActivityError),
    /// An explanation cannot be given.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// The landing folder cannot be followed after the last step.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// Runs the demo. At a terminal the stack stays up until Ctrl-C, and files of the landing folder are uploaded to it.
///
/// # Errors
///
/// The stack cannot be started, or a step has another result than expected.
pub async fn run(terminal: &Terminal, args: &DemoArgs) -> Result<(), DemoError> {
    let began = Instant::now();
    let home = Home::find()?;
    let installed = ["emulator", "sam", "dbt"].iter().all(|name| home.venv(name).join("landfall-stamp").exists());
    terminal.print("This demo runs Landfall's real template, functions and container entrypoint on an emulated AWS, with real dbt on DuckDB.");
    terminal.print(if installed {
        "Everything is installed. The demo takes one to two minutes and 500 MB in .landfall/."
    } else {
        "The first start installs three pinned Python environments: about 3 minutes and 1.2 GB in .landfall/. Later starts take one to two minutes."
    });
    terminal.print("It listens on 127.0.0.1 only, uses no AWS account, and ends every process that it starts.");

    terminal.heading("1. Set up");
    let environments = local::prepare(terminal, &home, true).await?;
    let Some(venv) = &environments.dbt else { return Err(DbtError::NotFound.into()) };
    let options = LocalOptions {
        binaries: local::binaries_folder()?,
        name: NAME.to_owned(),
        port: args.port,
        landing_buckets: Vec::new(),
        packages: local::Packages::Launchers,
        parameters: BTreeMap::new(),
        home: home.clone(),
    };
    let mut stack = LocalStack::start(terminal, &options, &environments).await?;

    terminal.heading("2. Release the example project");
    let project = home.join("example");
    let warehouse = home.local(NAME).join("warehouse");
    std::fs::create_dir_all(&warehouse).map_err(|source| LocalError::files(&warehouse, source))?;
    let mut variables = stack.project_variables();
    variables.insert("DUCKDB_PATH".to_owned(), warehouse.join("jaffle.duckdb").to_string_lossy().into_owned());
    let dbt = Dbt { program: venv.program("dbt"), profiles: None, target: Some("local".to_owned()), variables };
    stack.release(terminal, &project, &dbt).await?;
    let docs = DocsServer::start(stack.stack.docs()?, args.docs_port).await?;
    stack.state.dbt = Some(dbt);
    stack.state.docs = Some(docs.address.clone());
    stack.publish(&home)?;

    let summary = steps::run(terminal, &stack, &project, &docs.address).await?;
    terminal.heading(&format!("Done in {}", seconds(began.elapsed())));
    for line in summary {
        terminal.print(format!("  {line}"));
    }
    if !terminal.is_interactive() {
        terminal.print("  This is no terminal, or CI is set: the demo ends here and stops the stack.");
        return Ok(());
    }
    terminal.print("  Now try `cp example/landing/payments/* landing/payments/` in another terminal.");
    let landing = home.join("landing");
    Ok(landing_folder::follow(terminal, &mut stack, &docs.address, &landing, false).await?)
}
