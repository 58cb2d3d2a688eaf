//! Wiring: the environment, the runtime, the state bucket; the exit code is the run's (see [`landfall_task::exit_code`]).

use std::{io::Write as _, process::ExitCode};

use landfall_task::{Config, connect, run};

/// Could not run.
const BROKEN: u8 = 2;

fn main() -> ExitCode {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return broken(&error),
    };
    // One thread: a child, a few lines and an upload. It also keeps spawning dbt and reaping orphans from racing (see `reap`).
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => ExitCode::from(runtime.block_on(async {
            let store = connect(&config).await;
            Box::pin(run(&config, &store)).await
        })),
        Err(error) => broken(&error),
    }
}

fn broken(error: &dyn std::error::Error) -> ExitCode {
    // Nothing better is left to do when stderr is closed.
    let _ = writeln!(std::io::stderr(), "landfall-task: {error}");
    ExitCode::from(BROKEN)
}
