//! The Python virtual environments of a local stack.

use super::LocalError;
use crate::{
    home::Home,
    setup::{self, Venv},
    terminal::Terminal,
};

/// The free disk space that the environments and the files of a stack need, in bytes.
const DISK: u64 = 2_000_000_000;

/// The virtual environments of the emulator, the SAM CLI and, for the example project, dbt.
#[derive(Debug, Clone)]
pub struct Environments {
    /// The environment of the emulator (ministack).
    pub emulator: Venv,
    /// The environment of the SAM CLI.
    pub sam: Venv,
    /// The environment of the example's dbt; the user's own project brings its dbt.
    pub dbt: Option<Venv>,
}

/// Checks Python and disk space, and installs the environments that are missing.
///
/// # Errors
///
/// No supported Python, too little disk space, or a failed installation.
pub async fn prepare(terminal: &Terminal, home: &Home, with_dbt: bool) -> Result<Environments, LocalError> {
    let python = setup::find_python().await?;
    setup::require_disk_space(home.root(), DISK)?;
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
