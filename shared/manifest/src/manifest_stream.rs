//! Reads the top levels of a manifest and hands out one entry at a time, from memory or from a reader.

use std::io::Read;

use crate::error::ManifestError;
use crate::json_scanner::Scanner;

/// The largest entry that is read, in bytes. dbt writes kilobytes; only a hostile file holds more than this.
const MAX_ENTRY: usize = 256 << 20;
const CHUNK: usize = 1 << 20;

/// A source of bytes: a window that can be read, shortened at its front and refilled.
pub(crate) trait ByteSource {
    fn data(&self) -> &[u8];
    fn advance(&mut self, count: usize);
    /// Appends more bytes to the window. Returns false at the end of the input.
    fn fill(&mut self) -> Result<bool, ManifestError>;
    fn offset(&self) -> u64;
}

/// A manifest that is in memory.
pub(crate) struct SliceInput<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> SliceInput<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }
}

impl ByteSource for SliceInput<'_> {
    fn data(&self) -> &[u8] {
        self.rest
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.offset += count as u64;
    }

    fn fill(&mut self) -> Result<bool, ManifestError> {
        Ok(false)
    }

    fn offset(&self) -> u64 {
        self.offset + self.rest.len() as u64
    }
}

/// A manifest that is read in pieces. The buffer holds at least the current entry.
pub(crate) struct ReadInput<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    read: u64,
    ended: bool,
}

impl<R: Read> ReadInput<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::with_capacity(CHUNK), start: 0, read: 0, ended: false }
    }
}

impl<R: Read> ByteSource for ReadInput<R> {
    fn data(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }

    fn fill(&mut self) -> Result<bool, ManifestError> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        let room = CHUNK.max(before);
        let got = self.reader.by_ref().take(room as u64).read_to_end(&mut self.buffer);
        let added = self.buffer.len() - before;
        self.read += added as u64;
        if let Err(source) = got {
            return Err(ManifestError::Read { offset: self.read, source });
        }
        self.ended = added < room;
        Ok(added > 0)
    }

    fn offset(&self) -> u64 {
        self.read
    }
}

/// A position in the JSON of a manifest.
pub(crate) struct ManifestStream<I> {
    input: I,
    place: String,
}

impl<I: ByteSource> ManifestStream<I> {
    pub(crate) fn new(input: I) -> Self {
        Self { input, place: "the first byte".to_owned() }
    }

    /// Calls `each` for every key of the object that starts here. `each` must consume the value.
    pub(crate) fn object(
        &mut self,
        what: &str,
        mut each: impl FnMut(&mut Self, &str) -> Result<(), ManifestError>,
    ) -> Result<(), ManifestError> {
        what.clone_into(&mut self.place);
        self.expect(b'{', "an object")?;
        if self.peek()? == b'}' {
            self.input.advance(1);
            return Ok(());
        }
        loop {
            let key = self.key()?;
            self.expect(b':', "a colon")?;
            self.peek()?;
            each(self, &key)?;
            what.clone_into(&mut self.place);
            match self.peek()? {
                b',' => self.input.advance(1),
                b'}' => {
                    self.input.advance(1);
                    return Ok(());
                }
                other => return Err(self.unexpected("a comma or the end of the object", other)),
            }
        }
    }

    /// Reads the whole value that starts here and passes it to `parse`.
    pub(crate) fn value<T>(
        &mut self,
        place: impl FnOnce() -> String,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ManifestError> {
        let mut scanner = Scanner::default();
        let mut scanned = 0;
        let length = loop {
            let unread = self.input.data().get(scanned..).unwrap_or_default();
            if let Some(end) = scanner.feed(unread) {
                break scanned + end;
            }
            scanned += unread.len();
            if scanned > MAX_ENTRY {
                return Err(ManifestError::TooLarge { what: format!("{} is larger than {MAX_ENTRY} bytes", place()) });
            }
            if !self.input.fill()? {
                if scanner.complete_at_end() {
                    break scanned;
                }
                return Err(ManifestError::Truncated { offset: self.input.offset(), inside: place() });
            }
        };
        // Checking all of it for UTF-8 at once is faster than string by string within `serde_json`.
        let entry = std::str::from_utf8(self.input.data().get(..length).unwrap_or_default());
        let result = entry.map_err(|error| error.to_string()).and_then(parse);
        self.input.advance(length);
        result.map_err(|message| ManifestError::Malformed { place: place(), message })
    }

    /// Skips the value that starts here without keeping it in memory.
    pub(crate) fn skip(&mut self, what: &str) -> Result<(), ManifestError> {
        let mut scanner = Scanner::default();
        loop {
            let found = scanner.feed(self.input.data());
            let length = found.unwrap_or_else(|| self.input.data().len());
            self.input.advance(length);
            if found.is_some() {
                return Ok(());
            }
            if !self.input.fill()? {
                return Err(ManifestError::Truncated { offset: self.input.offset(), inside: format!("\"{what}\"") });
            }
        }
    }

    /// Skips `null` if it is the next value, and returns whether it was.
    pub(crate) fn null(&mut self, what: &str) -> Result<bool, ManifestError> {
        if self.peek()? == b'n' {
            self.skip(what)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Checks that only blanks follow.
    pub(crate) fn end(&mut self) -> Result<(), ManifestError> {
        loop {
            let blanks = self.input.data().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.input.advance(blanks);
            if let Some(byte) = self.input.data().first() {
                return Err(self.unexpected("the end of the file", *byte));
            }
            if !self.input.fill()? {
                return Ok(());
            }
        }
    }

    /// Returns the next byte that is not blank, without consuming it.
    pub(crate) fn peek(&mut self) -> Result<u8, ManifestError> {
        loop {
            let data = self.input.data();
            let blanks = data.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let byte = data.get(blanks).copied();
            self.input.advance(blanks);
            if let Some(byte) = byte {
                return Ok(byte);
            }
            if !self.input.fill()? {
                return Err(ManifestError::Truncated { offset: self.input.offset(), inside: self.place.clone() });
            }
        }
    }

    fn expect(&mut self, wanted: u8, name: &str) -> Result<(), ManifestError> {
        let found = self.peek()?;
        if found != wanted {
            return Err(self.unexpected(name, found));
        }
        self.input.advance(1);
        Ok(())
    }

    fn key(&mut self) -> Result<String, ManifestError> {
        let found = self.peek()?;
        if found != b'"' {
            return Err(self.unexpected("a key in quotes", found));
        }
        let place = self.place.clone();
        self.value(|| place, |json| serde_json::from_str(json).map_err(|error| error.to_string()))
    }

    fn unexpected(&self, wanted: &str, found: u8) -> ManifestError {
        ManifestError::Malformed {
            place: self.place.clone(),
            message: format!("expected {wanted}, found {:?}", char::from(found)),
        }
    }
}
