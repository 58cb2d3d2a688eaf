//! Child processes. Each leads a process group of its own, and none outlives this process.
//!
//! Ctrl-C at the terminal reaches only this process, which then ends its children in order by dropping them. The
//! guardian (`guardian.rs`) ends them if this process is killed.

mod guardian;
mod run;

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};

pub use run::{CommandOutput, capture, run_logged};

/// The signals that end a group, each with the time to wait for the end. At the second SIGTERM the emulator ends
/// without waiting for its tasks. The wait after SIGKILL is short, because a process in uninterruptible sleep may
/// never end.
const ENDING: [(Signal, Duration); 3] = [
    (Signal::SIGTERM, Duration::from_secs(8)),
    (Signal::SIGTERM, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(2)),
];

/// Errors of a child process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start {what}: {source}")]
    Start {
        /// The name of the program.
        what: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The output could not be read or written to the log.
    #[error("cannot read the output of {what} or write its log: {source}")]
    Output {
        /// The name of the program.
        what: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The program ended with another exit code than 0.
    #[error("{what} failed ({status}): {last}{}", log.as_ref().map(|log| format!("\n  its full output is in {}", log.display())).unwrap_or_default())]
    Failed {
        /// The program and its subcommand, such as `sam deploy`.
        what: String,
        /// The exit status, as text.
        status: String,
        /// The last lines of the output.
        last: String,
        /// The file with the full output.
        log: Option<PathBuf>,
    },
}

/// A child process and every process that it starts. Dropping the value ends them.
#[derive(Debug)]
pub struct ProcessGroup {
    /// The first process of the group, with its streams.
    pub child: Child,
    leader: Pid,
    ended: bool,
}

impl ProcessGroup {
    /// Starts the command as the leader of a new process group.
    ///
    /// # Errors
    ///
    /// The program or the guardian cannot be started.
    pub fn spawn(command: &mut Command, what: &str) -> Result<Self, ProcessError> {
        let start = |source| ProcessError::Start { what: what.to_owned(), source };
        let child = command.process_group(0).spawn().map_err(start)?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let number = number.ok_or_else(|| start(std::io::Error::other("it ended immediately")))?;
        let group = Self { child, leader: Pid::from_raw(number), ended: false };
        guardian::add(number).map_err(start)?;
        Ok(group)
    }

    /// Waits for the leader to end, then ends the other processes of the group.
    ///
    /// # Errors
    ///
    /// The operating system does not report the exit status.
    pub async fn wait(&mut self, what: &str) -> Result<ExitStatus, ProcessError> {
        let output = |source| ProcessError::Output { what: what.to_owned(), source };
        let status = self.child.wait().await.map_err(output)?;
        self.end();
        Ok(status)
    }

    /// Ends the group with SIGTERM, and with SIGKILL 13 s later. Returns when the group is gone. May be called again.
    pub fn end(&mut self) {
        self.end_by(&ENDING);
    }

    fn end_by(&mut self, ending: &[(Signal, Duration)]) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        for (signal, grace) in ending {
            // Fails only if the group is gone, which the loop below finds too.
            let _ = killpg(self.leader, *signal);
            let deadline = Instant::now() + *grace;
            while !self.is_gone() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            if self.is_gone() {
                break;
            }
        }
        guardian::remove(self.leader.as_raw());
    }
}

impl ProcessGroup {
    /// Whether the group is gone. Reaps the leader, because a group with a zombie leader still exists.
    fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None)) && killpg(self.leader, None).is_err()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command with empty standard input, whose output is piped as [`run_logged`] and [`capture`] need it.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropping_a_group_ends_every_process_of_it() {
        let mut group =
            ProcessGroup::spawn(command("/bin/sh").args(["-c", "sleep 300 & echo up; wait"]), "sh").unwrap();
        let mut lines = tokio::io::BufReader::new(group.child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
        let pid = group.leader;
        assert_eq!(killpg(pid, None), Ok(()));
        drop(group);
        assert_ne!(killpg(pid, None), Ok(()));
    }

    #[tokio::test]
    async fn a_child_that_ignores_sigterm_is_killed() {
        let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
        let mut group = ProcessGroup::spawn(command("/bin/sh").args(["-c", script]), "sh").unwrap();
        let mut lines = tokio::io::BufReader::new(group.child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
        group.end_by(&[(Signal::SIGTERM, Duration::from_millis(100)), (Signal::SIGKILL, Duration::from_secs(10))]);
        assert_ne!(killpg(group.leader, None), Ok(()));
    }
}
