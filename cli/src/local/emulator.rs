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

use super::LocalError;
use crate::{
    emulated_account,
    process::{ProcessGroup, command},
};

/// The time within which the emulator must be ready: seconds as a rule, more when Python compiles its files first.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// The options of the emulator.
#[derive(Debug)]
pub struct EmulatorOptions<'a> {
    /// The Python interpreter of the emulator's virtual environment.
    pub python: &'a Path,
    /// The path of `cli/emulator/launch.py`.
    pub launcher: &'a Path,
    /// The emulator's folder for logs and working files.
    pub data: &'a Path,
    /// The path of images.json.
    pub images: &'a Path,
    /// The port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
}

/// A running emulator. Dropping the value ends the emulator, its functions and its tasks.
#[derive(Debug)]
pub struct Emulator {
    /// The address of the emulator: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// The emulator's folder; a task's output is in `tasks/<task id>.log`.
    pub data: PathBuf,
    group: ProcessGroup,
    /// Closed when this process ends; the emulator then ends too.
    _stdin: Option<ChildStdin>,
}

/// The line that the launcher prints when the emulator is ready.
#[derive(Deserialize)]
struct Ready {
    endpoint: String,
}

impl Emulator {
    /// Starts the emulator and waits until it serves requests.
    ///
    /// # Errors
    ///
    /// The process cannot be started, ends, or is not ready within two minutes.
    pub async fn start(options: &EmulatorOptions<'_>) -> Result<Self, LocalError> {
        std::fs::create_dir_all(options.data).map_err(|source| LocalError::files(options.data, source))?;
        let error_log = options.data.join("launch.err");
        let errors = File::create(&error_log).map_err(|source| LocalError::files(&error_log, source))?;
        let mut launch = command(options.python);
        launch.arg(options.launcher).arg("--exit-with-stdin");
        launch.args([
            "--port",
            &options.port.to_string(),
            "--region",
            emulated_account::REGION,
            "--account",
            emulated_account::ACCOUNT,
        ]);
        launch.arg("--data").arg(options.data).arg("--images").arg(options.images);
        launch.stdin(Stdio::piped()).stderr(errors);
        emulated_account::scrub(&mut launch);
        let mut group = ProcessGroup::spawn(&mut launch, "the emulator")?;
        let stdin = group.child.stdin.take();
        let stdout = group.child.stdout.take();

        let refused = |why: &str| {
            let text = std::fs::read_to_string(&error_log).unwrap_or_default();
            let text = text.trim();
            LocalError::Emulator(if text.is_empty() {
                format!("{why}; its log is {}", error_log.display())
            } else {
                text.to_owned()
            })
        };
        let mut lines = BufReader::new(stdout.ok_or_else(|| refused("its output cannot be read"))?).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line())
            .await
            .map_err(|_| refused("it was not ready within 120 s"))?
            .map_err(|error| refused(&error.to_string()))?
            .ok_or_else(|| refused("it ended before it was ready"))?;
        let ready: Ready = serde_json::from_str(&line)
            .map_err(|_| refused(&format!("its first line is not the expected JSON: {line:?}")))?;
        // A full pipe would block the emulator, so further output is read and dropped.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { endpoint: ready.endpoint, data: options.data.to_owned(), group, _stdin: stdin })
    }

    /// Whether the emulator's process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.group.child.try_wait(), Ok(None))
    }
}
