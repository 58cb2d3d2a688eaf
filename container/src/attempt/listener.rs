//! What is made of dbt's output while it runs: the log that is kept, the lines that are shown, and what its nodes came to.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use crate::{
    events::{LogEvent, Meaning, Reader},
    progress::{Console, Progress},
    redact::Redactor,
    results,
    supervise::{Heard, Stopped},
    text::{LONGEST_MESSAGE, cut, printable},
};

/// So many lines of standard error may be dbt's reason for giving up (a usage error, a Python traceback).
const ERROR_LINES: usize = 20;

/// Hears one step.
pub(super) struct Listener<'a> {
    log: File,
    log_is_broken: bool,
    progress: Progress,
    redactor: Redactor,
    console: &'a mut Console,
    reader: Reader,
    invocation: Option<String>,
    heard: results::LoggedResults,
    gave_up: Option<String>,
    errors: VecDeque<String>,
    stopping: bool,
}

/// What one step's output told.
pub(super) struct Told {
    /// dbt's mark of the invocation.
    pub(super) invocation: Option<String>,
    /// What the log said of nodes.
    pub(super) heard: results::LoggedResults,
    /// Why dbt gave up, in its own words.
    pub(super) said: Option<String>,
}

impl<'a> Listener<'a> {
    pub(super) fn open(
        log: &Path,
        progress: Progress,
        redactor: Redactor,
        console: &'a mut Console,
    ) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        Ok(Self {
            log,
            log_is_broken: false,
            progress,
            redactor,
            console,
            reader: Reader::default(),
            invocation: None,
            heard: results::LoggedResults::default(),
            gave_up: None,
            errors: VecDeque::new(),
            stopping: false,
        })
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Output(line) => {
                let line = String::from_utf8_lossy(&line);
                self.keep(&line);
                match self.reader.read(&line) {
                    Some(event) => self.event(event),
                    None if line.trim().is_empty() => {}
                    None => self.console.say(&format!("dbt  {}", cut(&line, LONGEST_MESSAGE))),
                }
            }
            Heard::Error(line) => {
                let line = String::from_utf8_lossy(&line);
                self.keep(&line);
                if line.trim().is_empty() {
                    return;
                }
                self.console.say(&format!("dbt  {}", cut(&line, LONGEST_MESSAGE)));
                self.errors.push_back(line.into_owned());
                if self.errors.len() > ERROR_LINES {
                    self.errors.pop_front();
                }
            }
            Heard::Tick => {
                if let Some(line) = self.progress.still_running(self.console.silence(), Instant::now()) {
                    self.console.say(&line);
                }
            }
            Heard::Stopping(reason) => {
                self.stopping = true;
                self.console.say(match reason {
                    Stopped::Signal => "told to stop: dbt cancels its queries",
                    Stopped::Deadline => "the run's time is up: dbt cancels its queries",
                });
            }
            Heard::Killing => self.console.say("dbt did not stop in time: killed"),
        }
    }

    fn event(&mut self, event: LogEvent) {
        if self.invocation.is_none() && !event.invocation.is_empty() {
            self.invocation = Some(event.invocation.clone());
        }
        if let Meaning::Finished(end) = &event.meaning {
            self.heard.finished(end, self.stopping);
        }
        if let Some(line) = self.progress.line(&event, Instant::now()) {
            self.console.say_at(&event.time, &line);
        }
        if let Meaning::GaveUp(reason) = event.meaning {
            // The first reason is the trigger, later ones are what it led to.
            self.gave_up.get_or_insert(reason);
        }
    }

    fn keep(&mut self, line: &str) {
        let line = self.redactor.clean(line);
        if let Err(error) = self.log.write_all(format!("{line}\n").as_bytes())
            && !self.log_is_broken
        {
            self.log_is_broken = true;
            self.console.say(&format!("dbt.log cannot be written any more: {error}"));
        }
    }

    pub(super) fn told(self) -> Told {
        let errors = (!self.errors.is_empty()).then(|| self.errors.iter().cloned().collect::<Vec<_>>().join("\n"));
        let said = self.gave_up.or(errors).map(|said| cut(printable(&said).trim(), LONGEST_MESSAGE));
        Told { invocation: self.invocation, heard: self.heard, said }
    }
}
