//! Changes to a seed that keep most of it, so that what is read gets past the first byte.

use bolero::TypeGenerator;

/// Words that mean something to one parser or another.
const WORDS: [&str; 40] = [
    "+",
    "@",
    ",",
    " ",
    ":",
    "*",
    "**",
    "?",
    "[",
    "]",
    "!",
    "-",
    ".",
    "/",
    "\n",
    "\"",
    "{",
    "}",
    "null",
    "true",
    "0",
    "9e999",
    "\\u0000",
    "tag:",
    "path:",
    "config.",
    "state:modified",
    "result:",
    "selector:",
    "union",
    "intersection",
    "exclude",
    "method",
    "value",
    "parents_depth",
    "&a",
    "*a",
    "é",
    "٣",
    "\u{1c}",
];

/// One change. Positions are taken modulo the length.
#[derive(Debug, Clone, TypeGenerator)]
pub(crate) enum Edit {
    Insert {
        at: u32,
        word: u8,
    },
    Byte {
        at: u32,
        byte: u8,
    },
    Delete {
        at: u32,
        count: u8,
    },
    /// Repeats a piece.
    Repeat {
        at: u32,
        count: u8,
        times: u8,
    },
    /// Takes a piece of the other seed over.
    Splice {
        at: u32,
        from: u32,
        count: u8,
    },
    Truncate {
        at: u32,
    },
}

/// The seed after all edits.
pub(crate) fn edited(seed: &[u8], other: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for edit in edits {
        let place = |at: u32, bytes: &[u8]| at as usize % (bytes.len() + 1);
        match *edit {
            Edit::Insert { at, word } => {
                let at = place(at, &bytes);
                bytes.splice(at..at, WORDS[usize::from(word) % WORDS.len()].bytes());
            }
            Edit::Byte { at, byte } => {
                let at = place(at, &bytes);
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
            }
            Edit::Delete { at, count } => {
                let at = place(at, &bytes);
                bytes.drain(at..(at + usize::from(count)).min(bytes.len()));
            }
            Edit::Repeat { at, count, times } => {
                let at = place(at, &bytes);
                let piece = bytes[at..(at + usize::from(count)).min(bytes.len())].repeat(usize::from(times));
                bytes.splice(at..at, piece);
            }
            Edit::Splice { at, from, count } => {
                let (at, from) = (place(at, &bytes), place(from, other));
                let piece = other[from..(from + usize::from(count)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Edit::Truncate { at } => {
                let at = place(at, &bytes);
                bytes.truncate(at);
            }
        }
    }
    bytes
}
