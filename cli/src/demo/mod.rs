//! `landfall demo`: the example project on a local stack, and a story in four acts. It fails if an act does not go as it should.

mod script;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use crate::{
    args::DemoArgs,
    commands,
    dbt::{Dbt, DbtError},
    docs_server::{DocsError, DocsServer},
    home::{Home, NoHome},
    local::{self, LocalError, LocalOptions, LocalStack},
    release::ReleaseError,
    stack::StackError,
    story::StoryError,
    terminal::{Terminal, seconds},
    why::WhyError,
};

/// The name of the demo's local stack.
const NAME: &str = "demo";

/// A demo that did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something else happened than the script says.
    #[error("{act}: {what}\n  the stack's logs are in {}", logs.display())]
    Unexpected {
        /// The act.
        act: &'static str,
        /// What was expected, and what was seen.
        what: String,
        /// Where to look.
        logs: PathBuf,
    },
    /// A file of the example.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// See there.
    #[error(transparent)]
    Dbt(#[from] DbtError),
    /// See there.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// See there.
    #[error(transparent)]
    Home(#[from] NoHome),
    /// See there.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// See there.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// See there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// See there.
    #[error(transparent)]
    Store(#[from] landfall_aws::StoreError),
    /// See there.
    #[error(transparent)]
    Story(#[from] StoryError),
    /// See there.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// What follows at a terminal.
    #[error(transparent)]
    After(#[from] Box<commands::CommandError>),
}

/// Plays the demo; at a terminal it runs on until Ctrl-C.
pub async fn run(terminal: &Terminal, args: &DemoArgs) -> Result<(), DemoError> {
    let began = Instant::now();
    let home = Home::find()?;
    let installed = ["emulator", "sam", "dbt"].iter().all(|name| home.venv(name).join("landfall-stamp").exists());
    terminal.say("Landfall's demo: the real template, functions and container entrypoint on an emulated AWS, and real dbt on DuckDB.");
    terminal.say(if installed {
        "Everything is installed, so this takes one to two minutes and 500 MB in .landfall/."
    } else {
        "The first time this installs three pinned Python environments: about 3 minutes and 1.2 GB in .landfall/. After that, a minute or two."
    });
    terminal.say("It listens on 127.0.0.1 alone, touches no AWS account, and ends everything that it starts.");

    terminal.heading("1. Set up");
    let environments = local::prepare(terminal, &home, true).await?;
    let Some(venv) = &environments.dbt else { return Err(DbtError::NotFound.into()) };
    let options = LocalOptions {
        binaries: commands::binaries()?,
        name: NAME.to_owned(),
        port: args.port,
        landing_buckets: Vec::new(),
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

    let summary = script::play(terminal, &stack, &project, &docs.address).await?;
    terminal.heading(&format!("Done in {}", seconds(began.elapsed())));
    for line in summary {
        terminal.say(format!("  {line}"));
    }
    if !terminal.is_interactive() {
        terminal.say("  no terminal, or CI: ending everything that was started");
        return Ok(());
    }
    terminal.say("  try `cp example/landing/payments/* landing/payments/`, or any file of your own");
    let landing = home.join("landing");
    commands::follow(terminal, &mut stack, &docs.address, &landing, false)
        .await
        .map_err(|error| DemoError::After(Box::new(error)))
}
