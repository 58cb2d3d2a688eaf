//! Wiring: the environment, the runtime and the state bucket. [`landfall_task::exit_code`] lists the exit codes.

use std::{io::Write as _, process::ExitCode};

use landfall_task::{Config, connect, run};

/// The exit code if dbt could not be run.
const CANNOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    // One thread is enough for one child process and its output. It also prevents a race between the start of dbt and
    // the reaping of orphans (see `orphans`).
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => ExitCode::from(runtime.block_on(async {
            let store = connect(&config).await;
            Box::pin(run(&config, &store)).await
        })),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    // If stderr is closed, the exit code is the only report.
    let _ = writeln!(std::io::stderr(), "landfall-task: {error}");
    ExitCode::from(CANNOT_RUN)
}
