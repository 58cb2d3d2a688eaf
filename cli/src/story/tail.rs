//! The end of a file that grows.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// A file that is read as it grows.
#[derive(Debug)]
pub(super) struct Tail {
    file: PathBuf,
    read: u64,
    unfinished: Vec<u8>,
}

impl Tail {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, read: 0, unfinished: Vec::new() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
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

#[cfg(test)]
mod tests {
    use super::*;

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
