//! Finds where JSON values end without parsing them.
//!
//! A manifest is hundreds of megabytes of which one node at a time is worth holding. The scanner walks the bytes in whatever pieces they
//! arrive and says where a value ends; only that slice is then given to `serde_json`. What is skipped is checked for balance only.

/// Walks one JSON value that may arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl Scanner {
    /// Reads the next piece. Gives how many of its bytes belong to the value when the value ends in it, else `None`.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..)?;
            if self.in_string {
                match self.string_end(rest) {
                    None => return None,
                    Some(used) => at += used,
                }
                if self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            let (skipped, byte) = next_structural(rest, self.in_scalar || self.depth == 0)?;
            at += skipped;
            match byte {
                b'"' => {
                    at += 1;
                    self.in_string = true;
                }
                b'{' | b'[' => {
                    at += 1;
                    self.depth += 1;
                }
                b'}' | b']' if self.depth > 0 => {
                    at += 1;
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                _ if self.depth > 0 => at += 1,
                // A number or a literal at the top: it ends before the comma, bracket or blank after it.
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' => return Some(at),
                _ => {
                    at += 1;
                    self.in_scalar = true;
                }
            }
        }
    }

    /// Whether the value seen so far would be whole if the file ended here (only a number or literal at the top can be).
    pub(crate) fn complete_at_end(&self) -> bool {
        self.in_scalar && self.depth == 0 && !self.in_string
    }

    fn string_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.escaped {
            bytes.first()?;
            self.escaped = false;
            at = 1;
        }
        loop {
            let rest = bytes.get(at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            at += found + 1;
            if rest.get(found) == Some(&b'"') {
                self.in_string = false;
                return Some(at);
            }
            if at < bytes.len() {
                at += 1;
            } else {
                self.escaped = true;
                return None;
            }
        }
    }
}

/// The next byte that matters: brackets and quotes, or at the top any byte at all.
fn next_structural(bytes: &[u8], every_byte: bool) -> Option<(usize, u8)> {
    if every_byte {
        return bytes.first().map(|byte| (0, *byte));
    }
    let found = bytes.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))?;
    bytes.get(found).map(|byte| (found, *byte))
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    fn whole(text: &str) -> Option<usize> {
        Scanner::default().feed(text.as_bytes())
    }

    #[test]
    fn a_value_ends_where_its_brackets_close() {
        assert_eq!(whole(r#"{"a":"}\"{","b":[1,{}]},"c""#), Some(23));
        assert_eq!(whole(r#""x\\",1"#), Some(5));
        assert_eq!(whole("12.5,"), Some(4));
        assert_eq!(whole("null}"), Some(4));
        assert_eq!(whole(r#"{"a":1"#), None);
    }

    #[test]
    fn the_pieces_it_arrives_in_do_not_matter() {
        let text = r#"{"a\\\"b":["x\\",{"y":"\u0041}"}],"z":null} rest"#;
        let expected = whole(text);
        for cut in 0..text.len() {
            let mut scanner = Scanner::default();
            let (left, right) = text.as_bytes().split_at(cut);
            let found = scanner.feed(left).or_else(|| scanner.feed(right).map(|end| end + cut));
            assert_eq!(found, expected, "cut at {cut}");
        }
    }
}
