//! dbt's process: started in its own process group, read line by line, and stopped with SIGINT.
//!
//! dbt has no handler for SIGTERM. It ends at once without results, and its queries go on in the warehouse. On SIGINT
//! it cancels its queries and writes `run_results.json` with the finished nodes. So every stop request (ECS sends
//! SIGTERM, a terminal sends SIGINT) becomes a SIGINT to dbt, and a SIGKILL after the grace period. The process group
//! keeps Ctrl-C in a terminal from reaching dbt a second time, which would end dbt while it cancels its queries.

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

use crate::orphans::SupervisedChild;

/// The time to read the rest of the output after dbt's end. A process that dbt left behind can hold the output open.
const DRAIN: Duration = Duration::from_secs(3);
/// The interval of [`ProcessEvent::Tick`].
const TICK: Duration = Duration::from_secs(5);

/// Whether this process was asked to stop. It becomes true once and stays true.
pub type StopSignal = watch::Receiver<bool>;

/// Installs handlers for SIGTERM, SIGINT and SIGHUP.
///
/// Linux does not deliver a signal without a handler to PID 1. A handler also prevents that dbt inherits an ignored
/// SIGINT (shells ignore it for background jobs), which Python would leave ignored.
///
/// # Errors
///
/// Fails if the operating system refuses a handler.
pub fn listen_for_signals() -> io::Result<StopSignal> {
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

/// Waits for a request to stop. Returns at once if there was one before.
pub async fn stop_requested(stop: &mut StopSignal) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Without a sender no request can come, so the caller's other branches decide.
        std::future::pending::<()>().await;
    }
}

/// The time limits of one process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time at which the process gets SIGINT.
    pub deadline: Instant,
    /// The time from SIGINT to SIGKILL.
    pub grace: Duration,
}

/// An event while the process runs.
#[derive(Debug)]
pub enum ProcessEvent {
    /// A line of standard output, without the line end.
    Output(Vec<u8>),
    /// A line of standard error, without the line end.
    ErrorOutput(Vec<u8>),
    /// Five seconds passed.
    Tick,
    /// The process gets SIGINT.
    Stopping(StopReason),
    /// The grace period is over, and the process gets SIGKILL.
    Killing,
}

/// Why a process was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// landfall-task received a signal.
    Signal,
    /// The run's time limit passed.
    Deadline,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessEnd {
    /// The exit code, unless a signal ended the process.
    pub code: Option<i32>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// Why the process got SIGINT, if it did.
    pub stopped: Option<StopReason>,
}

/// Runs the command to its end, and calls `on_event` for each event in order.
///
/// # Errors
///
/// Fails if the process cannot be started or waited for.
pub async fn supervise(
    mut command: Command,
    supervised: &SupervisedChild,
    stop: &mut StopSignal,
    limits: Limits,
    mut on_event: impl FnMut(ProcessEvent),
) -> io::Result<ProcessEnd> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn()?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    supervised.set(group.map_or(0, Pid::as_raw));
    // The only likely error is that the group has ended already.
    let send = |signal: Signal| group.map(|group| killpg(group, signal));

    let (sender, mut lines) = mpsc::channel(256);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(read_lines(output, sender.clone(), ProcessEvent::Output));
    }
    if let Some(errors) = child.stderr.take() {
        tokio::spawn(read_lines(errors, sender.clone(), ProcessEvent::ErrorOutput));
    }
    drop(sender);

    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped_by = None;
    let mut kill_at = None;
    let mut open = true;
    let status = loop {
        let stop_reason = tokio::select! {
            line = lines.recv(), if open => {
                match line {
                    Some(line) => on_event(line),
                    None => open = false,
                }
                None
            }
            status = child.wait() => break status?,
            () = stop_requested(stop), if stopped_by.is_none() => Some(StopReason::Signal),
            () = sleep_until(limits.deadline), if stopped_by.is_none() => Some(StopReason::Deadline),
            () = sleep_until(kill_at.unwrap_or(limits.deadline)), if kill_at.is_some() => {
                kill_at = None;
                on_event(ProcessEvent::Killing);
                send(Signal::SIGKILL);
                None
            }
            _ = ticks.tick() => {
                on_event(ProcessEvent::Tick);
                None
            }
        };
        if let Some(reason) = stop_reason {
            stopped_by = Some(reason);
            kill_at = Some(Instant::now() + limits.grace);
            on_event(ProcessEvent::Stopping(reason));
            send(Signal::SIGINT);
        }
    };
    supervised.set(0);
    let drained = timeout(DRAIN, async {
        while let Some(line) = lines.recv().await {
            on_event(line);
        }
    });
    // Child processes of a stopped dbt must not go on writing to the warehouse, and none may hold the output open.
    if drained.await.is_err() || stopped_by.is_some() {
        send(Signal::SIGKILL);
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    Ok(ProcessEnd { code: status.code(), signal, stopped: stopped_by })
}

async fn read_lines(
    from: impl AsyncRead + Unpin,
    to: mpsc::Sender<ProcessEvent>,
    as_event: fn(Vec<u8>) -> ProcessEvent,
) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        // A read error counts as the end of the output. The exit code still decides the outcome.
        match from.read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if to.send(as_event(line)).await.is_err() {
            return;
        }
    }
}
