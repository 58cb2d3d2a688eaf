//! Wiring: the command line, the runtime, and what ends it.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use landfall::{args::Cli, commands, terminal::Terminal};
use tokio::signal::unix::{SignalKind, signal};

/// As a shell says it of a program that Ctrl-C ended.
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
            // What runs is dropped here, and with it every child.
            () = interrupted() => {
                terminal.say("ending what was started ...");
                if terminal.ends_by_interruption() { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) }
            }
        }
    });
    // A thread that still waits for an answer at the terminal must not hold us up.
    runtime.shutdown_background();
    code
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // Nothing better is left to do when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{} {error}", console::style("error:").for_stderr().red());
    ExitCode::FAILURE
}

/// Ctrl-C, a polite kill, or a terminal that was closed.
async fn interrupted() {
    let listen = |kind| signal(kind).ok();
    let (Some(mut int), Some(mut term), Some(mut hup)) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()))
    else {
        // Without handlers the signals end us at once, and the guardian ends our children.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}
