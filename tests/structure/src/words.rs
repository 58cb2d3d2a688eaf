//! Words that the project does not use, and doc comments that are too short to say anything.

use std::fmt;

use regex_lite::Regex;

/// Old-fashioned words, words that the glossary replaces, and words that only the domain of an example may use.
const PATTERNS: [&str; 3] = [
    r"(?i)\b(nobody|whoever|anew|of late|for ever|heed|overtak\w+|mend(s|ed)?)\b",
    r"(?i)\b(ow(ed|es)|deb(t|ts)|void(ed))\b|conducto[r]|landfall[_-](pipelin[e]|clou[d])|\bdecide[r]\b",
    r"(?i)\b(breach|stuck|patience|void|paid)\b",
];

/// A doc comment has at least this many words.
const MIN_DOC_WORDS: usize = 3;

/// One line that does not read as the project writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the workspace's folder.
    pub path: String,
    /// The number of the line, from 1.
    pub line: usize,
    /// The word, or what else is wrong.
    pub found: String,
    /// The line.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.path, self.line, self.found, self.text)
    }
}

/// A line that may hold one of the words: a quotation, or the domain of the example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedWord {
    /// The file, or a folder that ends in a slash.
    path: String,
    /// A part of the line; empty for every line of the file.
    part: String,
}

/// Reads a list of allowed words: a path, a colon and a part of the line. Lines that start with `#` are comments.
pub fn allowed_words(list: &str) -> Vec<AllowedWord> {
    let lines = list.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(path, part)| AllowedWord { path: path.trim().to_owned(), part: part.trim().to_owned() })
        .collect()
}

impl AllowedWord {
    fn allows(&self, path: &str, line: &str) -> bool {
        let of_file = path == self.path || (self.path.ends_with('/') && path.starts_with(&self.path));
        of_file && line.contains(&self.part)
    }
}

/// The lines of a text that hold a word which the project does not use.
pub fn word_findings(path: &str, text: &str, allowed: &[AllowedWord]) -> Vec<Finding> {
    let patterns: Vec<Regex> = PATTERNS.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(word) = patterns.iter().find_map(|pattern| pattern.find(line)) else { continue };
        if !allowed.iter().any(|allowed| allowed.allows(path, line)) {
            findings.push(finding(path, number, format!("the word \"{}\"", word.as_str()), line));
        }
    }
    findings
}

/// The doc comments of a Rust source that have fewer than three words.
pub fn short_doc_comments(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut comment: Option<(usize, &str, usize)> = None;
    for (number, line) in text.lines().chain([""]).enumerate() {
        let trimmed = line.trim();
        let doc = trimmed.strip_prefix("///").or_else(|| trimmed.strip_prefix("//!"));
        if let Some(doc) = doc.filter(|doc| !doc.starts_with('/')) {
            let words = doc.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
            let (_, _, sum) = comment.get_or_insert((number, line, 0));
            *sum += words;
        } else if let Some((first, line, _)) = comment.take().filter(|(_, _, words)| *words < MIN_DOC_WORDS) {
            findings.push(finding(path, first, "a doc comment of one or two words".to_owned(), line));
        }
    }
    findings
}

fn finding(path: &str, number: usize, found: String, line: &str) -> Finding {
    Finding { path: path.to_owned(), line: number + 1, found, text: line.trim().chars().take(120).collect() }
}

#[cfg(test)]
mod tests {
    use super::{allowed_words, short_doc_comments, word_findings};

    fn words(text: &str) -> Vec<String> {
        word_findings("a.rs", text, &[]).into_iter().map(|finding| finding.found).collect()
    }

    #[test]
    fn a_banned_word_is_found_as_a_word_and_not_as_a_part_of_one() {
        assert_eq!(
            words("Nobody knows\nmender, heedless, avoid, unpaid\nof late"),
            ["the word \"Nobody\"", "the word \"of late\""]
        );
        assert_eq!(words("let x = paid;"), ["the word \"paid\""]);
    }

    #[test]
    fn a_line_of_the_list_allows_the_word_in_its_file_and_line_only() {
        let allowed = allowed_words("# orders are paid for\nexample/: is_paid\nexample/models/orders.sql: paid\n");
        assert_eq!(word_findings("example/models/orders.sql", "when paid then 1", &allowed), []);
        assert_eq!(word_findings("example/models/other.sql", "when paid then 1", &allowed).len(), 1);
        assert_eq!(word_findings("docs/costs.md", "what is paid", &allowed).len(), 1);
    }

    #[test]
    fn a_doc_comment_counts_all_of_its_lines() {
        let text = "/// It.\nfn a() {}\n/// The lease\n/// that ends.\nfn b() {}\n//// no doc\n/// `fqn:`\nFqn,";
        let lines: Vec<usize> = short_doc_comments("a.rs", text).into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 7]);
    }
}
