//! dbt's process: spawned in a process group of its own, heard line by line, stopped by the signal that it understands.
//!
//! dbt has no handler for SIGTERM: it dies at once and leaves no results, and its queries run on in the warehouse. SIGINT is what it
//! understands: it cancels its queries and writes `run_results.json` with what is finished. So whoever stops us (ECS sends SIGTERM, a terminal
//! SIGINT) makes us send SIGINT to dbt; what outlives the grace period is killed. Its own process group keeps a terminal's Ctrl-C from reaching
//! dbt a second time, which would end it in the middle of its cancelling.

use std::{io, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use crate::reap::Own;

/// After dbt's end a process that it left behind may hold its output open.
const DRAIN: Duration = Duration::from_secs(3);
/// How often [`Heard::Tick`] comes.
const TICK: Duration = Duration::from_secs(5);

/// Turns true when somebody wants us to stop, and never false again.
pub type Stop = watch::Receiver<bool>;

/// Listens to SIGTERM, SIGINT and SIGHUP from now on. As PID 1 a process without handlers is not even told. A handler also makes sure that
/// dbt does not inherit an ignored SIGINT (as background jobs of a shell do): Python would leave it ignored.
pub fn listen() -> io::Result<Stop> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            sender.send_replace(true);
        }
    });
    Ok(receiver)
}

/// Resolves when somebody wants us to stop; at once if that was so before.
pub async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody can say stop any more.
        std::future::pending::<()>().await;
    }
}

/// Until when, and how patiently.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// dbt is stopped then.
    pub deadline: Instant,
    /// From SIGINT to SIGKILL.
    pub grace: Duration,
}

/// What reaches the supervisor's ear.
#[derive(Debug)]
pub enum Heard {
    /// A line of standard output, without its end.
    Output(Vec<u8>),
    /// A line of standard error, without its end.
    Error(Vec<u8>),
    /// Some seconds went by.
    Tick,
    /// dbt was told to stop.
    Stopping(Stopped),
    /// It did not, so it was killed.
    Killing,
}

/// Why a process was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// By a signal to us.
    Signal,
    /// By the plan's time limit.
    Deadline,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether and why it was told to stop.
    pub stopped: Option<Stopped>,
}

/// Runs the command to its end and tells what is heard, in order. Errors only if it cannot be spawned or waited for.
pub async fn supervise(
    mut command: Command,
    own: &Own,
    stop: &mut Stop,
    limits: Limits,
    mut hear: impl FnMut(Heard),
) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn()?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    own.set(group.map_or(0, Pid::as_raw));
    // A signal to a group that is gone already is no error worth telling.
    let send = |signal: Signal| group.map(|group| killpg(group, signal));

    let (sender, mut lines) = mpsc::channel(256);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(read_lines(output, sender.clone(), Heard::Output));
    }
    if let Some(errors) = child.stderr.take() {
        tokio::spawn(read_lines(errors, sender.clone(), Heard::Error));
    }
    drop(sender);

    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped_by = None;
    let mut kill_at = None;
    let mut open = true;
    let status = loop {
        let told = tokio::select! {
            line = lines.recv(), if open => {
                match line {
                    Some(line) => hear(line),
                    None => open = false,
                }
                None
            }
            status = child.wait() => break status?,
            () = stopped(stop), if stopped_by.is_none() => Some(Stopped::Signal),
            () = sleep_until(limits.deadline), if stopped_by.is_none() => Some(Stopped::Deadline),
            () = sleep_until(kill_at.unwrap_or(limits.deadline)), if kill_at.is_some() => {
                kill_at = None;
                hear(Heard::Killing);
                send(Signal::SIGKILL);
                None
            }
            _ = ticks.tick() => {
                hear(Heard::Tick);
                None
            }
        };
        if let Some(reason) = told {
            stopped_by = Some(reason);
            kill_at = Some(Instant::now() + limits.grace);
            hear(Heard::Stopping(reason));
            send(Signal::SIGINT);
        }
    };
    own.set(0);
    let drained = timeout(DRAIN, async {
        while let Some(line) = lines.recv().await {
            hear(line);
        }
    });
    // What a stopped dbt leaves behind must not write on, and neither may what holds its output open.
    if drained.await.is_err() || stopped_by.is_some() {
        send(Signal::SIGKILL);
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    Ok(Ended { code: status.code(), signal, stopped: stopped_by })
}

async fn read_lines(from: impl AsyncRead + Unpin, to: mpsc::Sender<Heard>, as_heard: fn(Vec<u8>) -> Heard) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        // A read error is the end of the output; the exit code tells the rest.
        match from.read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if to.send(as_heard(line)).await.is_err() {
            return;
        }
    }
}
