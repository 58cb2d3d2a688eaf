//! The `landfall` program: parses the command line, runs the verb, and prints its error.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use landfall::{args::Cli, commands, terminal::Terminal};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code that shells use for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let code = runtime.block_on(async {
        let terminal = Terminal::new();
        tokio::select! {
            ended = commands::run(&terminal, &cli.verb) => match ended {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error),
            },
            // The verb's future is dropped here, which ends its child processes.
            () = interrupted() => {
                terminal.print("ending every process that was started ...");
                if terminal.ends_by_interruption() { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) }
            }
        }
    });
    // A thread may still wait for an answer at the terminal; the program does not wait for it.
    runtime.shutdown_background();
    code
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // If standard error is closed, there is no place to report that.
    let _ = writeln!(std::io::stderr(), "{} {error}", console::style("error:").for_stderr().red());
    ExitCode::FAILURE
}

/// Waits for SIGINT (Ctrl-C), SIGTERM, or SIGHUP (a closed terminal).
async fn interrupted() {
    let listen = |kind| signal(kind).ok();
    let (Some(mut int), Some(mut term), Some(mut hup)) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()))
    else {
        // Without handlers the signals end this process at once, and the guardian ends its children.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}
