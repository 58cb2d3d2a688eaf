//! Shell patterns as Python's `fnmatch` reads them: `*` and `?` also match dots and slashes, `[` starts a class, and
//! there is no escape character.

/// A compiled shell pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    tokens: Vec<Token>,
    literal: Option<String>,
}

#[derive(Debug, Clone)]
enum Token {
    Char(char),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Compiles a pattern. Every text is a valid pattern.
    pub fn new(pattern: &str) -> Self {
        if !pattern.contains(['*', '?', '[']) {
            return Self { tokens: Vec::new(), literal: Some(pattern.to_owned()) };
        }
        let chars: Vec<char> = pattern.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            at += 1;
            match c {
                '*' if matches!(tokens.last(), Some(Token::Star)) => {}
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => match class(chars.get(at..).unwrap_or_default()) {
                    Some((token, used)) => {
                        tokens.push(token);
                        at += used;
                    }
                    None => tokens.push(Token::Char('[')),
                },
                c => tokens.push(Token::Char(*c)),
            }
        }
        Self { tokens, literal: None }
    }

    /// Whether the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        if let Some(literal) = &self.literal {
            return literal == text;
        }
        let mut tokens = self.tokens.as_slice();
        let mut rest = text.chars();
        // The position behind the last star. If the rest does not match there, it is tried one character further.
        let mut retry: Option<(&[Token], std::str::Chars<'_>)> = None;
        loop {
            match tokens.split_first() {
                Some((Token::Star, after)) => {
                    tokens = after;
                    if tokens.is_empty() {
                        return true;
                    }
                    retry = Some((after, rest.clone()));
                    continue;
                }
                // The character is consumed either way, and the retry starts from a copy.
                #[expect(clippy::collapsible_match, reason = "a guard must not consume a character")]
                Some((token, after)) => {
                    if rest.next().is_some_and(|c| token.matches(c)) {
                        tokens = after;
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((after, mut from)) = retry.take() else { return false };
            if from.next().is_none() {
                return false;
            }
            tokens = after;
            rest = from.clone();
            retry = Some((after, from));
        }
    }
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Char(expected) => *expected == c,
            Self::Any | Self::Star => true,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

/// Reads the class after a `[`. Returns it and its length in characters, or none if it has no end.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let negated = chars.first() == Some(&'!');
    let first = usize::from(negated);
    // A `]` in the first place is a member of the class.
    let from = if chars.get(first) == Some(&']') { first + 1 } else { first };
    let end = from + chars.get(from..)?.iter().position(|c| *c == ']')?;
    let inside = chars.get(first..end)?;
    Some((Token::Class { negated, ranges: ranges(inside) }, end + 1))
}

/// The ranges of a class. Python searches for hyphens from the second character on and continues three characters after
/// each hyphen. A range whose end is before its start matches nothing.
fn ranges(inside: &[char]) -> Vec<(char, char)> {
    let mut chunks: Vec<Vec<char>> = Vec::new();
    let mut start = 0;
    let mut search_from = 1;
    while let Some(found) = inside.get(search_from..).and_then(|rest| rest.iter().position(|c| *c == '-')) {
        let hyphen = search_from + found;
        chunks.push(inside.get(start..hyphen).unwrap_or_default().to_vec());
        start = hyphen + 1;
        search_from = hyphen + 3;
    }
    let rest = inside.get(start..).unwrap_or_default();
    match chunks.last_mut() {
        Some(last) if rest.is_empty() => last.push('-'),
        _ => chunks.push(rest.to_vec()),
    }
    let mut merged: Vec<Vec<char>> = Vec::new();
    for chunk in chunks.into_iter().rev() {
        match merged.last_mut() {
            Some(next) if chunk.last() > next.first() => {
                let kept = chunk.split_last().map_or(&[][..], |(_, kept)| kept);
                let mut joined = kept.to_vec();
                joined.extend(next.iter().skip(1));
                *next = joined;
            }
            _ => merged.push(chunk),
        }
    }
    merged.reverse();
    let mut ranges: Vec<(char, char)> = merged.iter().flatten().map(|c| (*c, *c)).collect();
    ranges.extend(
        merged.iter().zip(merged.iter().skip(1)).filter_map(|(low, high)| Some((*low.last()?, *high.first()?))),
    );
    ranges
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).matches(text)
    }

    #[test]
    fn patterns_match_as_in_python() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c*e", "abcde"),
            ("?[a-c]", "xb"),
            ("[!a]", "b"),
            ("[]]", "]"),
            ("[", "["),
            ("[a", "[a"),
            ("[a-]", "-"),
            ("[-a]", "-"),
            ("[!]-c]", "d"),
            ("*.x", "a.b/c.x"),
            ("[^a]", "^"),
            ("[a-b-d]", "d"),
            ("[\\]", "\\"),
            ("*é?", "xéy"),
            ("[!b-a]", "z"),
        ] {
            assert!(matches(pattern, text), "{pattern} should match {text}");
        }
        for (pattern, text) in
            [("a*c", "ab"), ("[b-a]", "b"), ("[!a]", "a"), ("A", "a"), ("?", ""), ("[]", "]"), ("*a", "b")]
        {
            assert!(!matches(pattern, text), "{pattern} should not match {text}");
        }
    }
}
