//! Running a command to its end, with its output in a log or in memory.

use std::{collections::VecDeque, path::Path, process::ExitStatus};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader},
    process::Command,
    sync::mpsc,
};

use super::{ProcessError, ProcessGroup};

/// The number of last lines that an error shows.
const TAIL: usize = 12;

/// The exit status and output of a finished command.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit status.
    pub status: ExitStatus,
    /// Standard output and standard error, in the order in which they were read.
    pub output: String,
}

/// Runs the command to its end. Its output replaces the log file; each line is also passed to `on_line`, without colour
/// codes. `what` names the command in errors, such as `sam deploy`.
///
/// # Errors
///
/// The command cannot be started, the log cannot be written, or the exit code is not 0. The error then quotes the last
/// lines and names the log.
pub async fn run_logged(
    command: &mut Command,
    what: &str,
    log: &Path,
    mut on_line: impl FnMut(&str),
) -> Result<(), ProcessError> {
    let output = |source| ProcessError::Output { what: what.to_owned(), source };
    if let Some(folder) = log.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(output)?;
    }
    let mut file = tokio::fs::File::create(log).await.map_err(output)?;
    let mut tail = VecDeque::with_capacity(TAIL);
    let status = {
        let (mut group, mut lines) = start(command, what)?;
        while let Some(line) = lines.recv().await {
            let line = console::strip_ansi_codes(&line).into_owned();
            file.write_all(line.as_bytes()).await.map_err(output)?;
            file.write_all(b"\n").await.map_err(output)?;
            on_line(&line);
            if !line.trim().is_empty() {
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
        }
        group.wait(what).await?
    };
    file.flush().await.map_err(output)?;
    if status.success() {
        return Ok(());
    }
    Err(ProcessError::Failed {
        what: what.to_owned(),
        status: status.to_string(),
        last: Vec::from(tail).join("\n  "),
        log: Some(log.to_owned()),
    })
}

/// Runs the command to its end and returns its output, for any exit code.
///
/// # Errors
///
/// The command cannot be started, or its output cannot be read.
pub async fn capture(command: &mut Command, what: &str) -> Result<CommandOutput, ProcessError> {
    let (mut group, mut lines) = start(command, what)?;
    let mut output = String::new();
    while let Some(line) = lines.recv().await {
        output.push_str(&line);
        output.push('\n');
    }
    Ok(CommandOutput { status: group.wait(what).await?, output })
}

/// Starts the command and reads both streams into one channel, which ends when both are closed.
fn start(command: &mut Command, what: &str) -> Result<(ProcessGroup, mpsc::Receiver<String>), ProcessError> {
    let mut group = ProcessGroup::spawn(command, what)?;
    let (sender, receiver) = mpsc::channel(256);
    if let Some(stream) = group.child.stdout.take() {
        tokio::spawn(forward(stream, sender.clone()));
    }
    if let Some(stream) = group.child.stderr.take() {
        tokio::spawn(forward(stream, sender));
    }
    Ok((group, receiver))
}

async fn forward(stream: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    // A stream that fails ends the output; the exit code still reports whether the command succeeded.
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        bytes.clear();
        if sender.send(line).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command;

    #[tokio::test]
    async fn the_error_of_a_failed_command_quotes_its_last_lines_and_names_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/it.log");
        let mut seen = Vec::new();
        let error = run_logged(command("/bin/sh").args(["-c", "echo one; echo two >&2; exit 3"]), "it", &log, |line| {
            seen.push(line.to_owned());
        })
        .await
        .unwrap_err()
        .to_string();
        assert!(error.contains("it failed") && error.contains("two") && error.contains("it.log"), "{error}");
        assert_eq!(seen.len(), 2);
        assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 2);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = capture(&mut command("/nowhere/dbt"), "dbt").await.unwrap_err().to_string();
        assert!(error.starts_with("cannot start dbt: "), "{error}");
    }
}
