//! The log of a task, read while the task writes it.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// The number of further lines of a message that are printed; the line of the run's end and `landfall why` have more.
const FURTHER_LINES: usize = 3;

/// A task's log, and how far it has been read.
#[derive(Debug)]
pub(super) struct TaskLog {
    file: PathBuf,
    read: u64,
    unfinished: Vec<u8>,
    further_lines: usize,
}

impl TaskLog {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, read: 0, unfinished: Vec::new(), further_lines: 0 }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The part of a line to print: the text after the time. `None` for lines that repeat the ledger's.
    pub(super) fn shown_part<'l>(&mut self, line: &'l str) -> Option<&'l str> {
        let Some(rest) = without_time(line) else {
            self.further_lines += 1;
            return (self.further_lines <= FURTHER_LINES).then_some(line);
        };
        self.further_lines = 0;
        // The first and the last lines of a log repeat lines of the ledger.
        let is_repeated = ["run ", "why  ", "succeeded", "failed: "].iter().any(|start| rest.starts_with(start));
        (!is_repeated).then_some(rest)
    }

    /// The complete lines that were written since the last call; none if the file cannot be read yet.
    pub(super) fn new_lines(&mut self) -> Vec<String> {
        if let Ok(mut file) = File::open(&self.file)
            && file.seek(SeekFrom::Start(self.read)).is_ok()
        {
            let mut bytes = Vec::new();
            if file.read_to_end(&mut bytes).is_ok() {
                self.read += bytes.len() as u64;
                self.unfinished.extend(bytes);
            }
        }
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.unfinished.split_off(end + 1);
        let whole = std::mem::replace(&mut self.unfinished, rest);
        let text = String::from_utf8_lossy(&whole);
        text.lines().map(|line| crate::text::printable(&console::strip_ansi_codes(line))).collect()
    }
}

/// The text after `12:03:04  `; `None` for a further line of the message before.
fn without_time(line: &str) -> Option<&str> {
    let (time, rest) = line.split_once("  ")?;
    let is_time = time.len() == 8 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    is_time.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_repeat_the_ledger_and_long_messages_are_not_shown() {
        let mut log = TaskLog::new(PathBuf::new());
        let mut shown = |line: &'static str| log.shown_part(line);
        assert_eq!(shown("12:03:01  why  load:shop.raw_orders: 2 objects"), None);
        assert_eq!(shown("12:03:04  1/7  OK     model stg_orders  0.21s"), Some("1/7  OK     model stg_orders  0.21s"));
        assert_eq!(shown("          Got 2 results"), Some("          Got 2 results"));
        for _ in 0..5 {
            shown("          more");
        }
        assert_eq!(shown("          more"), None);
        assert_eq!(shown("12:03:05  succeeded"), None);
    }

    #[test]
    fn an_incomplete_line_is_returned_once_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut log = TaskLog::new(file.clone());
        assert!(log.new_lines().is_empty());
        std::fs::write(&file, "one\ntw").unwrap();
        assert_eq!(log.new_lines(), ["one"]);
        std::fs::write(&file, "one\ntwo\n\u{1b}[31mthree\n").unwrap();
        assert_eq!(log.new_lines(), ["two", "three"]);
        assert!(log.new_lines().is_empty());
    }
}
