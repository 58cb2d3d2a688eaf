//! Small changes to a seed, so that parsers read past the first byte.

use bolero::TypeGenerator;

/// Text with a meaning in the syntax of expressions, JSON or YAML.
const SYNTAX: [&str; 40] = [
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

/// One change of a seed. Positions are taken modulo its length.
#[derive(Debug, Clone, TypeGenerator)]
pub(crate) enum Edit {
    Insert {
        at: u32,
        text: u8,
    },
    Byte {
        at: u32,
        byte: u8,
    },
    Delete {
        at: u32,
        count: u8,
    },
    /// Repeats a piece several times.
    Repeat {
        at: u32,
        count: u8,
        times: u8,
    },
    /// Inserts a piece of the other seed.
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
            Edit::Insert { at, text } => {
                let at = place(at, &bytes);
                bytes.splice(at..at, SYNTAX[usize::from(text) % SYNTAX.len()].bytes());
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
