//! Standard output, which is the task's log.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use crate::{clock, printable_text::printable, redactor::Redactor};

/// The width of the time and its two spaces, by which the further lines of a message are indented.
const INDENT: &str = "          ";

/// Writes lines to standard output, without secrets and without control characters.
#[derive(Debug, Clone)]
pub struct Console {
    redactor: Redactor,
    last: Instant,
}

impl Console {
    /// Creates a console that removes the redactor's secrets.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, last: Instant::now() }
    }

    /// Prints one or several lines with the current time.
    pub fn print(&mut self, text: &str) {
        let now = clock::now().strftime("%H:%M:%S").to_string();
        self.print_at(&now, text);
    }

    /// Prints one or several lines with a given time, `HH:MM:SS` in UTC.
    pub fn print_at(&mut self, time: &str, text: &str) {
        self.last = Instant::now();
        let text = layout(time, &self.redactor.redact(text));
        // A closed output must not end the run.
        let mut output = std::io::stdout().lock();
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// Returns the time since the last line.
    pub fn silence(&self) -> Duration {
        self.last.elapsed()
    }
}

/// Puts the time before the first line, and indents the others.
fn layout(time: &str, text: &str) -> String {
    let text = printable(text);
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let rest = lines.fold(String::new(), |all, line| all + INDENT + line + "\n");
    format!("{time}  {first}\n{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_message_are_indented_and_cannot_look_like_an_event() {
        let text = layout("12:03:04", "1/1  ERROR  model a\nno\u{1b}[1A\r\n\n12:00:00  1/1  OK     model a");
        assert_eq!(text, "12:03:04  1/1  ERROR  model a\n          no[1A\n          12:00:00  1/1  OK     model a\n");
    }
}
