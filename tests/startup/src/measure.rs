//! Measures one start of a function from outside. CPU, memory and open files come from `/proc`, which only Linux has.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{RuntimeApi, RuntimeApiError, functions};

/// The longest start, generous for a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// The reason why a start could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The stub of the Runtime API failed.
    #[error("{}: {source}", program.display())]
    Function {
        /// The function's program.
        program: PathBuf,
        /// The cause of the failure.
        source: RuntimeApiError,
    },
    /// The program could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The function's program.
        program: PathBuf,
        /// The cause of the failure.
        source: std::io::Error,
    },
}

/// The cost of a start, from exec to the first request for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Started {
    /// The elapsed time, with the creation of the process.
    pub time: Duration,
    /// The CPU time of all threads. `None` where there is no `/proc`.
    pub cpu: Option<Duration>,
    /// The resident memory in bytes. `None` where there is no `/proc`.
    pub memory: Option<u64>,
}

/// Starts a function, waits until it asks for work, and kills it.
///
/// # Errors
///
/// Fails if the program cannot be started or does not ask for work within 30 s.
pub async fn start(program: &Path) -> Result<Started, MeasureError> {
    let of = |source| MeasureError::Function { program: program.to_owned(), source };
    let mut api = RuntimeApi::start().await.map_err(of)?;
    let began = Instant::now();
    let child = spawn(program, &mut functions::command(program, api.address()))?;
    let ready = api.ready(DEADLINE).await.map_err(of)?;
    let id = child.id().unwrap_or_default();
    Ok(Started { time: ready - began, cpu: cpu(id), memory: memory(id) })
}

/// Returns the CPU time of the first event up to the first call of AWS: the HTTP connector is made and a request is
/// signed. Nothing listens at
/// `endpoint`. For `on-load` only, whose empty batch makes it read the board. `None` where there is no `/proc`.
///
/// # Errors
///
/// Fails if the program cannot be started or does not answer within 30 s.
pub async fn first_call(program: &Path, endpoint: &str) -> Result<Option<Duration>, MeasureError> {
    let of = |source| MeasureError::Function { program: program.to_owned(), source };
    let mut api = RuntimeApi::start().await.map_err(of)?;
    let mut command = functions::command(program, api.address());
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_MAX_ATTEMPTS", "1");
    let child = spawn(program, &mut command)?;
    api.ready(DEADLINE).await.map_err(of)?;
    let id = child.id().unwrap_or_default();
    let before = cpu(id);
    api.invoke(&json!({ "Records": [] }), DEADLINE).await.map_err(of)?;
    Ok(before.zip(cpu(id)).map(|(before, after)| after.saturating_sub(before)))
}

/// Returns the files that are opened up to the first request for work. `None` where `strace` is not installed.
///
/// # Errors
///
/// Fails if the function does not ask for work within 30 s, or if the log of `strace` cannot be read.
pub async fn files(program: &Path, folder: &Path) -> Result<Option<Vec<String>>, MeasureError> {
    let of = |source| MeasureError::Function { program: program.to_owned(), source };
    let mut api = RuntimeApi::start().await.map_err(of)?;
    let log = folder.join("strace.log");
    let plain = functions::command(program, api.address());
    let mut command = tokio::process::Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"]).arg(&log).arg(program);
    command.env_clear().kill_on_drop(true);
    for (name, value) in plain.as_std().get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    // For strace: the function reads no PATH.
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let Ok(child) = spawn(Path::new("strace"), &mut command) else { return Ok(None) };
    let ready = api.ready(DEADLINE).await;
    drop(child);
    ready.map_err(of)?;
    let text = std::fs::read_to_string(&log)
        .map_err(|source| MeasureError::Start { program: PathBuf::from("strace"), source })?;
    Ok(Some(text.lines().filter_map(opened).collect()))
}

/// Returns the file of a line such as `12 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3`. `None` if it
/// was not opened.
fn opened(line: &str) -> Option<String> {
    let (call, result) = line.rsplit_once(" = ")?;
    let file = call.split('"').nth(1)?;
    (!result.starts_with('-')).then(|| file.to_owned())
}

fn spawn(program: &Path, command: &mut tokio::process::Command) -> Result<tokio::process::Child, MeasureError> {
    // Its logs would mix with the table.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|source| MeasureError::Start { program: program.to_owned(), source })
}

/// Returns the CPU time of all threads of a process. <https://docs.kernel.org/scheduler/sched-stats.html>
fn cpu(id: u32) -> Option<Duration> {
    let mut sum = 0_u64;
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).ok()? {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(sum))
}

fn memory(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_were_opened_count() {
        let line = r#"12 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3"#;
        assert_eq!(opened(line).as_deref(), Some("/etc/ld.so.cache"));
        assert_eq!(opened(r#"12 openat(AT_FDCWD, "/x", O_RDONLY) = -1 ENOENT (No such file or directory)"#), None);
        assert_eq!(opened("12 +++ exited with 0 +++"), None);
    }
}
