//! Text of dbt and of plans in a form that is safe to print and to store.

/// The length in characters to which a message of dbt is cut.
pub const MAX_MESSAGE_CHARS: usize = 4_000;

/// Removes control characters and Unicode characters that hide or reorder text: dbt's messages quote SQL and data,
/// which must not control a terminal. Line ends stay, and tabs become spaces.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' => Some('\n'),
            '\t' => Some(' '),
            c if c.is_control() => None,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => None,
            c => Some(c),
        })
        .collect()
}

/// Returns the printable text as one line, with single spaces.
pub fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts the text to `longest` characters, and appends how many characters are left out.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{kept}... ({} characters more)", text.chars().count().saturating_sub(longest))
        }
    }
}

/// Returns a number with its noun: `1 node`, `2 nodes`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reversed_text_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\r\nd\te\u{7}"), "a[2Jbc\nd e");
        assert_eq!(one_line(" a\n  b\r\n"), "a b");
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(cut("äöü", 2), "äö... (1 characters more)");
        assert_eq!(cut("äöü", 3), "äöü");
    }
}
