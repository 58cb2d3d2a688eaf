//! The local AWS emulator as a child process.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::ChildStdin,
};

use super::{LocalError, aws};
use crate::process::{Group, command};

/// How long it may take to be ready: seconds on an idle machine, but Python compiles its files the first time.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// What the emulator needs to start.
#[derive(Debug)]
pub struct EmulatorOptions<'a> {
    /// The interpreter of the emulator's environment.
    pub python: &'a Path,
    /// `cli/emulator/launch.py`.
    pub launcher: &'a Path,
    /// Its folder for logs and working files.
    pub data: &'a Path,
    /// images.json.
    pub images: &'a Path,
    /// On 127.0.0.1; 0 picks a free one.
    pub port: u16,
}

/// A running emulator. Dropping it ends it, its functions and its tasks.
#[derive(Debug)]
pub struct Emulator {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Each task's output is here as `tasks/<task id>.log`.
    pub data: PathBuf,
    group: Group,
    /// Closed with us, at which the emulator ends.
    _stdin: Option<ChildStdin>,
}

/// The one line that the launcher says.
#[derive(Deserialize)]
struct Ready {
    endpoint: String,
}

impl Emulator {
    /// Starts it and waits until it serves.
    pub async fn start(options: &EmulatorOptions<'_>) -> Result<Self, LocalError> {
        std::fs::create_dir_all(options.data).map_err(|source| LocalError::files(options.data, source))?;
        let complaints = options.data.join("launch.err");
        let errors = File::create(&complaints).map_err(|source| LocalError::files(&complaints, source))?;
        let mut launch = command(options.python);
        launch.arg(options.launcher).arg("--exit-with-stdin");
        launch.args(["--port", &options.port.to_string(), "--region", aws::REGION, "--account", aws::ACCOUNT]);
        launch.arg("--data").arg(options.data).arg("--images").arg(options.images);
        launch.stdin(Stdio::piped()).stderr(errors);
        aws::scrub(&mut launch);
        let mut group = Group::spawn(&mut launch, "the emulator")?;
        let stdin = group.child.stdin.take();
        let stdout = group.child.stdout.take();

        let refused = |why: &str| {
            let said = std::fs::read_to_string(&complaints).unwrap_or_default();
            let said = said.trim();
            LocalError::Emulator(if said.is_empty() {
                format!("{why}; see {}", complaints.display())
            } else {
                said.to_owned()
            })
        };
        let mut lines = BufReader::new(stdout.ok_or_else(|| refused("it has no output"))?).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line())
            .await
            .map_err(|_| refused("it was not ready within two minutes"))?
            .map_err(|error| refused(&error.to_string()))?
            .ok_or_else(|| refused("it ended before it was ready"))?;
        let ready: Ready = serde_json::from_str(&line).map_err(|_| refused(&format!("it said {line:?}")))?;
        // Whatever else it may say must find a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { endpoint: ready.endpoint, data: options.data.to_owned(), group, _stdin: stdin })
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.group.child.try_wait(), Ok(None))
    }
}
