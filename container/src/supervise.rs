//! dbt's process: spawned in its own process group, read line by line, stopped by SIGINT.
//!
//! dbt has no handler for SIGTERM: it ends at once and leaves no results, and its queries run on in the warehouse. On SIGINT it cancels its
//! queries and writes `run_results.json` with the finished nodes. So on SIGTERM (from ECS) or SIGINT (from a terminal) landfall-task sends SIGINT
//! to dbt, and kills it after the grace period. In its own process group dbt does not receive a terminal's Ctrl-C a second time, which would
//! end it while it cancels.

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
/// The interval of [`Heard::Tick`].
const TICK: Duration = Duration::from_secs(5);

/// Whether landfall-task was told to stop. Once true it stays true.
pub type Stop = watch::Receiver<bool>;

/// Listens for SIGTERM, SIGINT and SIGHUP from now on. As PID 1 a process without handlers does not receive them. A handler also ensures that dbt
/// does not inherit an ignored SIGINT, as background jobs of a shell do: Python would leave it ignored.
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

/// Waits until landfall-task is told to stop; returns at once if it was told before.
pub async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The sender is gone, so no stop can come.
        std::future::pending::<()>().await;
    }
}

/// The time limits of a process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When dbt is stopped.
    pub deadline: Instant,
    /// The time from SIGINT to SIGKILL.
    pub grace: Duration,
}

/// What the supervisor observes.
#[derive(Debug)]
pub enum Heard {
    /// A line of standard output, without its end.
    Output(Vec<u8>),
    /// A line of standard error, without its end.
    Error(Vec<u8>),
    /// One interval passed.
    Tick,
    /// dbt was told to stop.
    Stopping(Stopped),
    /// dbt did not stop, so it was killed.
    Killing,
}

/// Why a process was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// A signal to landfall-task.
    Signal,
    /// The plan's time limit.
    Deadline,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The exit code, unless a signal ended the process.
    pub code: Option<i32>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// Why the process was told to stop, if it was.
    pub stopped: Option<Stopped>,
}

/// Runs the command to its end and passes on what it observes, in order.
///
/// # Errors
///
/// Fails if the process cannot be spawned or waited for.
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
    // Processes that a stopped dbt leaves behind must not write to the warehouse, nor hold its output open.
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
