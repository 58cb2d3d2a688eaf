//! The output of one step's dbt: it is appended to dbt.log, shown as progress, and read for the nodes' results.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use crate::{
    batches::LoggedBatches,
    console::Console,
    dbt_log::{EventKind, LogEvent, Reader},
    node_results::LoggedNodes,
    printable_text::{MAX_MESSAGE_CHARS, cut, printable},
    progress::Progress,
    redactor::Redactor,
    supervise::{ProcessEvent, StopReason},
};

/// The number of last lines of standard error that are kept as dbt's error: a usage error or a Python traceback.
const ERROR_LINES: usize = 20;

/// Handles the process events of one step.
pub(super) struct OutputHandler<'a> {
    log: File,
    log_failed: bool,
    progress: Progress,
    redactor: Redactor,
    console: &'a mut Console,
    reader: Reader,
    invocation: Option<String>,
    logged_nodes: LoggedNodes,
    logged_batches: LoggedBatches,
    dbt_error: Option<String>,
    error_lines: VecDeque<String>,
    stopping: bool,
}

/// What the output of one step contained.
pub(super) struct StepOutput {
    /// The id of dbt's invocation.
    pub(super) invocation: Option<String>,
    /// The finished nodes according to the log.
    pub(super) logged_nodes: LoggedNodes,
    /// The begun batches according to the log.
    pub(super) logged_batches: LoggedBatches,
    /// Why the dbt command as a whole failed, in dbt's words.
    pub(super) dbt_error: Option<String>,
}

impl<'a> OutputHandler<'a> {
    pub(super) fn open(
        log: &Path,
        progress: Progress,
        redactor: Redactor,
        console: &'a mut Console,
    ) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        Ok(Self {
            log,
            log_failed: false,
            progress,
            redactor,
            console,
            reader: Reader::default(),
            invocation: None,
            logged_nodes: LoggedNodes::default(),
            logged_batches: LoggedBatches::default(),
            dbt_error: None,
            error_lines: VecDeque::new(),
            stopping: false,
        })
    }

    pub(super) fn handle(&mut self, event: ProcessEvent) {
        match event {
            ProcessEvent::Output(line) => {
                let line = String::from_utf8_lossy(&line);
                self.append_to_log(&line);
                match self.reader.read(&line) {
                    Some(event) => self.handle_log_event(event),
                    None if line.trim().is_empty() => {}
                    None => self.console.print(&format!("dbt  {}", cut(&line, MAX_MESSAGE_CHARS))),
                }
            }
            ProcessEvent::ErrorOutput(line) => {
                let line = String::from_utf8_lossy(&line);
                self.append_to_log(&line);
                if line.trim().is_empty() {
                    return;
                }
                self.console.print(&format!("dbt  {}", cut(&line, MAX_MESSAGE_CHARS)));
                self.error_lines.push_back(line.into_owned());
                if self.error_lines.len() > ERROR_LINES {
                    self.error_lines.pop_front();
                }
            }
            ProcessEvent::Tick => {
                if let Some(line) = self.progress.still_running(self.console.silence(), Instant::now()) {
                    self.console.print(&line);
                }
            }
            ProcessEvent::Stopping(reason) => {
                self.stopping = true;
                self.console.print(match reason {
                    StopReason::Signal => "the task received a stop signal: stopping dbt, which cancels its queries",
                    StopReason::Deadline => "the run's time limit is over: stopping dbt, which cancels its queries",
                });
            }
            ProcessEvent::Killing => self.console.print("dbt did not stop within LANDFALL_STOP_SECONDS: killing it"),
        }
    }

    fn handle_log_event(&mut self, event: LogEvent) {
        if self.invocation.is_none() && !event.invocation.is_empty() {
            self.invocation = Some(event.invocation.clone());
        }
        match &event.kind {
            EventKind::NodeFinished(node) => self.logged_nodes.record(node, self.stopping),
            EventKind::NodeRaised { id, error } => self.logged_nodes.record_error(id, error),
            EventKind::BatchStarted { node, start: Some(start) } => self.logged_batches.begin(&node.id, *start),
            EventKind::BatchBuilt { node, start: Some(start) } => self.logged_batches.finish(&node.id, *start),
            _ => {}
        }
        if let Some(line) = self.progress.line(&event, Instant::now()) {
            self.console.print_at(&event.time, &line);
        }
        if let EventKind::CommandFailed(reason) = event.kind {
            // The first error is the origin of the others.
            self.dbt_error.get_or_insert(reason);
        }
    }

    fn append_to_log(&mut self, line: &str) {
        let line = self.redactor.redact(line);
        if let Err(error) = self.log.write_all(format!("{line}\n").as_bytes())
            && !self.log_failed
        {
            self.log_failed = true;
            self.console.print(&format!("cannot write dbt.log, which stays incomplete: {error}; the run goes on"));
        }
    }

    pub(super) fn finish(self) -> StepOutput {
        let Self { invocation, logged_nodes, logged_batches, dbt_error, error_lines, .. } = self;
        let error_lines = (!error_lines.is_empty()).then(|| Vec::from(error_lines).join("\n"));
        let dbt_error = dbt_error.or(error_lines).map(|text| cut(printable(&text).trim(), MAX_MESSAGE_CHARS));
        StepOutput { invocation, logged_nodes, logged_batches, dbt_error }
    }
}
