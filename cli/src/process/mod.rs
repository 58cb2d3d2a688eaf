//! Children: each leads a process group of its own, its output is read line by line, and none outlives us.
//!
//! A Ctrl-C at the terminal reaches this process alone, which then ends its children in order by dropping them; the guardian (`guardian.rs`) ends them
//! when this process cannot.

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

pub use run::{Finished, capture, run_logged};

/// How a group is ended: each signal, and how long it has to be gone. To the emulator the second SIGTERM means that its tasks may not finish.
/// After SIGKILL the wait is short: a process in uninterruptible sleep would hold us up for ever.
const ENDING: [(Signal, Duration); 3] = [
    (Signal::SIGTERM, Duration::from_secs(8)),
    (Signal::SIGTERM, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(2)),
];

/// A child that could not be started or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start {what}: {source}")]
    Start {
        /// The program.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its output could not be read or kept.
    #[error("lost the output of {what}: {source}")]
    Output {
        /// The program.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// It said that it failed.
    #[error("{what} failed ({status}): {last}{}", log.as_ref().map(|log| format!("\n  all of its output: {}", log.display())).unwrap_or_default())]
    Failed {
        /// The program and its verb.
        what: String,
        /// Its exit status, in words.
        status: String,
        /// The end of what it said.
        last: String,
        /// Where the rest is.
        log: Option<PathBuf>,
    },
}

/// A child with everything that it starts.
#[derive(Debug)]
pub struct Group {
    /// The leader: its streams can be taken from here.
    pub child: Child,
    leader: Pid,
    ended: bool,
}

impl Group {
    /// Starts the command as the leader of a new process group; stdin is empty unless the command says otherwise.
    pub fn spawn(command: &mut Command, what: &str) -> Result<Self, ProcessError> {
        let start = |source| ProcessError::Start { what: what.to_owned(), source };
        let child = command.process_group(0).spawn().map_err(start)?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let number = number.ok_or_else(|| start(std::io::Error::other("it ended at once")))?;
        let group = Self { child, leader: Pid::from_raw(number), ended: false };
        guardian::add(number).map_err(start)?;
        Ok(group)
    }

    /// Waits for the leader to end, then ends what it left behind.
    pub async fn wait(&mut self, what: &str) -> Result<ExitStatus, ProcessError> {
        let output = |source| ProcessError::Output { what: what.to_owned(), source };
        let status = self.child.wait().await.map_err(output)?;
        self.end();
        Ok(status)
    }

    /// Ends the group: SIGTERM, and SIGKILL after a grace. Returns when the leader is gone. May be called again.
    pub fn end(&mut self) {
        self.end_by(&ENDING);
    }

    fn end_by(&mut self, ending: &[(Signal, Duration)]) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        for (signal, grace) in ending {
            // Fails only when nothing is left to signal, which the loop finds too.
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

impl Group {
    /// Reaps the leader, without which its group would seem to exist for ever.
    fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None)) && killpg(self.leader, None).is_err()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command with no stdin and both other streams piped: what [`run_logged`] and [`capture`] want.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_group_is_gone_with_what_it_started() {
        let mut group = Group::spawn(command("/bin/sh").args(["-c", "sleep 300 & echo up; wait"]), "sh").unwrap();
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
        let mut group = Group::spawn(command("/bin/sh").args(["-c", script]), "sh").unwrap();
        let mut lines = tokio::io::BufReader::new(group.child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
        group.end_by(&[(Signal::SIGTERM, Duration::from_millis(100)), (Signal::SIGKILL, Duration::from_secs(10))]);
        assert_ne!(killpg(group.leader, None), Ok(()));
    }
}
