//! The Python environments of a local stack.

use super::LocalError;
use crate::{
    home::Home,
    setup::{self, Venv},
    terminal::Terminal,
};

/// What the two environments and a stack's own files take, with room for growth.
const DISK: u64 = 2_000_000_000;

/// Where the emulator, the SAM CLI and, for the example, dbt are installed.
#[derive(Debug, Clone)]
pub struct Environments {
    /// ministack.
    pub emulator: Venv,
    /// The SAM CLI.
    pub sam: Venv,
    /// dbt for the example; a project of the user's has its own.
    pub dbt: Option<Venv>,
}

/// Checks the machine and installs what is missing; takes no time when nothing is.
pub async fn prepare(terminal: &Terminal, home: &Home, with_dbt: bool) -> Result<Environments, LocalError> {
    let python = setup::find_python().await?;
    setup::require_disk(home.root(), DISK)?;
    let venv = |name: &'static str, requirements: &'static str, what: &'static str| {
        let (requirements, folder, python) = (home.join(requirements), home.venv(name), &python);
        async move { setup::install(terminal, python, &requirements, &folder, what).await }
    };
    Ok(Environments {
        emulator: venv("emulator", "cli/emulator/requirements.txt", "the AWS emulator").await?,
        sam: venv("sam", "cli/emulator/requirements-sam.txt", "the SAM CLI").await?,
        dbt: if with_dbt { Some(venv("dbt", "example/requirements.txt", "dbt and DuckDB").await?) } else { None },
    })
}
