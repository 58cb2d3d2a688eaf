//! Finds the end of a JSON value without parsing it.
//!
//! A manifest can be hundreds of megabytes large, and only one node at a time needs to be in memory. The scanner
//! reads the bytes in pieces of any size and finds the end of a value. Only that slice is then parsed by
//! `serde_json`. For values that are skipped, the scanner checks nothing but that their brackets are balanced.

/// Scans one JSON value that may arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl Scanner {
    /// Reads the next piece. If the value ends in it, returns how many of its bytes belong to the value.
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
                // A number or a literal at the top level ends before the comma, bracket or blank that follows it.
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' => return Some(at),
                _ => {
                    at += 1;
                    self.in_scalar = true;
                }
            }
        }
    }

    /// Whether the value would be complete if the file ended here. Only a number or literal at the top level can be.
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

/// The next bracket or quote and its position, or any next byte if `every_byte`.
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

    fn end_of(text: &str) -> Option<usize> {
        Scanner::default().feed(text.as_bytes())
    }

    #[test]
    fn a_value_ends_where_its_brackets_close() {
        assert_eq!(end_of(r#"{"a":"}\"{","b":[1,{}]},"c""#), Some(23));
        assert_eq!(end_of(r#""x\\",1"#), Some(5));
        assert_eq!(end_of("12.5,"), Some(4));
        assert_eq!(end_of("null}"), Some(4));
        assert_eq!(end_of(r#"{"a":1"#), None);
    }

    #[test]
    fn a_value_ends_at_the_same_byte_in_whatever_pieces_it_arrives() {
        let text = r#"{"a\\\"b":["x\\",{"y":"\u0041}"}],"z":null} rest"#;
        let expected = end_of(text);
        for cut in 0..text.len() {
            let mut scanner = Scanner::default();
            let (left, right) = text.as_bytes().split_at(cut);
            let found = scanner.feed(left).or_else(|| scanner.feed(right).map(|end| end + cut));
            assert_eq!(found, expected, "cut at {cut}");
        }
    }
}
