//! The end of a file that grows.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// A message's further lines; the settled run's line and `landfall why` tell them too.
const CONTINUED: usize = 3;

/// A task's log that is read as it grows.
#[derive(Debug)]
pub(super) struct Tail {
    file: PathBuf,
    read: u64,
    unfinished: Vec<u8>,
    continued: usize,
}

impl Tail {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, read: 0, unfinished: Vec::new(), continued: 0 }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A line of the task's log without its time, as landfall-task writes it; none for what the story has told already.
    pub(super) fn worth_telling<'l>(&mut self, line: &'l str) -> Option<&'l str> {
        let Some(rest) = without_time(line) else {
            self.continued += 1;
            return (self.continued <= CONTINUED).then_some(line);
        };
        self.continued = 0;
        // The first and the last lines: the ledger's own say the same.
        let told = ["run ", "why  ", "succeeded", "failed: "].iter().any(|start| rest.starts_with(start));
        (!told).then_some(rest)
    }

    /// The whole lines that came since the last call. A file that is not there yet, or can't be read just now, has none.
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

/// What follows `12:03:04  `; none if the line goes on with the message of the line before.
fn without_time(line: &str) -> Option<&str> {
    let (time, rest) = line.split_once("  ")?;
    let is_time = time.len() == 8 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    is_time.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_lines_are_told_without_what_is_known_already() {
        let mut tail = Tail::new(PathBuf::new());
        let mut told = |line: &'static str| tail.worth_telling(line);
        assert_eq!(told("12:03:01  why  load:shop.raw_orders: 2 objects"), None);
        assert_eq!(told("12:03:04  1/7  OK     model stg_orders  0.21s"), Some("1/7  OK     model stg_orders  0.21s"));
        assert_eq!(told("          Got 2 results"), Some("          Got 2 results"));
        for _ in 0..5 {
            told("          more");
        }
        assert_eq!(told("          more"), None);
        assert_eq!(told("12:03:05  succeeded"), None);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut tail = Tail::new(file.clone());
        assert!(tail.new_lines().is_empty());
        std::fs::write(&file, "one\ntw").unwrap();
        assert_eq!(tail.new_lines(), ["one"]);
        std::fs::write(&file, "one\ntwo\n\u{1b}[31mthree\n").unwrap();
        assert_eq!(tail.new_lines(), ["two", "three"]);
        assert!(tail.new_lines().is_empty());
    }
}
