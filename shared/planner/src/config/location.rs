//! A location: the place in S3 where a dataset lands, as users and dbt adapters write it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key_pattern::{GlobSyntax, KeyPattern, WILDCARDS};

/// The keys in a bucket that hold a dataset's data: one key, a folder, or a pattern of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The bucket's name.
    pub bucket: String,
    /// A pattern of keys, see [`KeyPattern`]. Without a wildcard it is a folder, or one object.
    pub pattern: String,
    /// How wildcards of the pattern are read.
    #[serde(default, skip_serializing_if = "GlobSyntax::is_duckdb")]
    pub syntax: GlobSyntax,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.pattern)
    }
}

/// The address of one object: a bucket and a key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAddress<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// The object's key, decoded.
    pub key: &'a str,
}

impl fmt::Display for ObjectAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// A location that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The text is empty, as of a variable that is not set.
    #[error("the location is empty: write a folder of the landing bucket, or s3://bucket/ for a whole bucket")]
    Empty,
    /// An S3 URI without the name of a bucket.
    #[error("{0:?} names no bucket: write s3://bucket/prefix/, or a prefix in the landing bucket")]
    NoBucket(String),
    /// A location of another service.
    #[error("{text:?} is no place in S3: write {}", suggestion.as_deref().unwrap_or("s3://bucket/prefix/"))]
    NotS3 {
        /// The location as written.
        text: String,
        /// The S3 URI that is probably meant.
        suggestion: Option<String>,
    },
    /// A part of the path that no key that a reader lists has.
    #[error(
        "{text:?} has a part {part:?}, and keys in S3 are not resolved like paths: write the key from the bucket on, such as {suggestion:?}"
    )]
    PathPart {
        /// The location as written.
        text: String,
        /// The part of the path.
        part: String,
        /// The location without such parts.
        suggestion: String,
    },
    /// A pattern with an unclosed bracket or brace, or too many braces.
    #[error("{text:?} is not a pattern: {problem}")]
    Pattern {
        /// The location as written.
        text: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A relative location without a landing bucket that it is relative to.
    #[error("{0:?} is relative to the landing bucket, but the stack has none: write s3://bucket/prefix/")]
    NoLandingBucket(String),
}

const SCHEMES: [&str; 3] = ["s3://", "s3a://", "s3n://"];

impl Location {
    /// Parses a pattern of keys in the landing bucket, or an `s3://` URI.
    ///
    /// # Errors
    ///
    /// Fails if the text is empty or a place outside S3, names no bucket while there is no landing bucket, or is a
    /// path or pattern that no key can match.
    pub fn parse(text: &str, landing_bucket: Option<&str>, syntax: GlobSyntax) -> Result<Self, LocationError> {
        let text = text.trim();
        let uri = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let (bucket, key) = match (uri, landing_bucket) {
            (Some(uri), _) => uri.split_once('/').unwrap_or((uri, "")),
            (None, _) if text.is_empty() => return Err(LocationError::Empty),
            (None, _) if text.contains("://") => {
                return Err(LocationError::NotS3 { text: text.to_owned(), suggestion: s3_of_https(text) });
            }
            (None, Some(bucket)) => (bucket, text.trim_start_matches('/')),
            (None, None) => return Err(LocationError::NoLandingBucket(text.to_owned())),
        };
        if uri.is_some() && (bucket.is_empty() || bucket.contains(WILDCARDS)) {
            return Err(LocationError::NoBucket(text.to_owned()));
        }
        // DuckDB takes settings of one file from its URI: <https://duckdb.org/docs/stable/core_extensions/httpfs/s3api_legacy_authentication>.
        let key = key.split_once("?s3_").map_or(key, |(key, _)| key);
        if let Some(part) = key.split('/').find(|part| matches!(*part, "." | "..")) {
            let kept: Vec<&str> = key.split('/').filter(|part| !matches!(*part, "." | "..")).collect();
            return Err(LocationError::PathPart {
                text: text.to_owned(),
                part: format!("{part}/"),
                suggestion: kept.join("/"),
            });
        }
        KeyPattern::check(key, syntax).map_err(|problem| LocationError::Pattern { text: text.to_owned(), problem })?;
        Ok(Self { bucket: bucket.to_owned(), pattern: key.to_owned(), syntax })
    }

    /// Returns whether an object lies at this location.
    pub fn contains(&self, object: ObjectAddress<'_>) -> bool {
        self.bucket == object.bucket && self.key_pattern().matches(object.key)
    }

    /// Returns the pattern, ready to be compared with keys.
    pub fn key_pattern(&self) -> KeyPattern {
        KeyPattern::new(&self.pattern, self.syntax)
    }

    /// Returns the part of the pattern before its first wildcard. All keys of the location start with it.
    pub fn literal_prefix(&self) -> &str {
        let end = self.pattern.find(WILDCARDS).unwrap_or(self.pattern.len());
        self.pattern.get(..end).unwrap_or_default()
    }

    /// Returns the folder that holds the keys of the location: what precedes the first part with a wildcard. It ends
    /// with `/` unless it is empty or the location was written without a wildcard.
    pub fn folder(&self) -> &str {
        let literal = self.literal_prefix();
        if literal.len() == self.pattern.len() {
            return literal;
        }
        literal.get(..literal.rfind('/').map_or(0, |slash| slash + 1)).unwrap_or_default()
    }

    /// Returns the whole folder that holds the keys of the location, as a location.
    #[must_use]
    pub fn parent_folder(&self) -> Self {
        Self { bucket: self.bucket.clone(), pattern: self.folder().to_owned(), syntax: self.syntax }
    }

    /// Returns the part of a key that follows the folder, without a leading slash.
    pub fn relative_key<'k>(&self, key: &'k str) -> &'k str {
        key.get(self.folder().len()..).unwrap_or_default().trim_start_matches('/')
    }
}

/// Returns the S3 URI of an object's web address, such as `https://bucket.s3.eu-west-1.amazonaws.com/key`:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>.
fn s3_of_https(text: &str) -> Option<String> {
    let (host, key) = text.strip_prefix("https://")?.split_once('/')?;
    let service = host.strip_suffix(".amazonaws.com")?;
    match service.split_once(".s3") {
        Some((bucket, _)) => Some(format!("s3://{bucket}/{key}")),
        None => service.starts_with("s3").then(|| format!("s3://{key}")),
    }
}

/// Finds the `s3://` URIs in a text such as a `relation_name`: `'s3://b/orders/*.csv'`, `read_csv('s3://…', …)`,
/// `read_parquet(['s3://a', 's3://b'])`. A URI in quotes ends at the closing quote, and a doubled quote is one of its
/// characters. Any other ends at white space, a quote, a comma or a closing bracket outside its own brackets.
pub(crate) fn s3_uris(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = SCHEMES.iter().filter_map(|scheme| rest.find(scheme)).min() {
        let Some(from) = rest.get(start..) else { break };
        let quote = rest.get(..start).and_then(|before| before.chars().next_back()).filter(|c| matches!(c, '\'' | '"'));
        let (uri, end) = match quote {
            Some(quote) => quoted(from, quote),
            None => unquoted(from),
        };
        found.push(uri);
        rest = from.get(end..).unwrap_or_default();
    }
    found
}

/// Returns the text up to the closing quote, and the number of bytes that it took.
fn quoted(from: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut chars = from.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_none_or(|(_, next)| *next != quote) {
                return (text, at);
            }
            chars.next();
        }
        text.push(c);
    }
    (text, from.len())
}

/// Returns the text up to a character that ends it, and the number of bytes that it took. Brackets and braces that
/// open within it belong to it: `s3://b/{a,b}/[0-9].csv`.
fn unquoted(from: &str) -> (String, usize) {
    let mut open: usize = 0;
    let end = from.char_indices().find(|(_, c)| {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' if open > 0 => {
                open -= 1;
                return false;
            }
            ',' if open > 0 => return false,
            _ => {}
        }
        c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ')' | ']')
    });
    let end = end.map_or(from.len(), |(at, _)| at);
    (from.get(..end).unwrap_or_default().to_owned(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, LocationError> {
        Location::parse(text, Some("land"), GlobSyntax::DuckDb)
    }

    #[test]
    fn a_location_is_a_key_a_folder_or_a_pattern() {
        let shown = |text| parse(text).map(|l| (l.to_string(), l.folder().to_owned())).unwrap();
        assert_eq!(shown("orders/"), ("s3://land/orders/".to_owned(), "orders/".to_owned()));
        assert_eq!(shown("s3a://b/raw/dt=*/x.csv"), ("s3://b/raw/dt=*/x.csv".to_owned(), "raw/".to_owned()));
        assert_eq!(shown("s3://b/raw/ord*.csv"), ("s3://b/raw/ord*.csv".to_owned(), "raw/".to_owned()));
        assert_eq!(shown("s3://b/*.csv"), ("s3://b/*.csv".to_owned(), String::new()));
        assert_eq!(shown("s3://b"), ("s3://b/".to_owned(), String::new()));
        assert_eq!(shown("s3://b/x.csv?s3_region=eu-west-1"), ("s3://b/x.csv".to_owned(), "x.csv".to_owned()));
    }

    #[test]
    fn a_location_that_no_object_can_have_is_refused_with_what_is_meant() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert!(error("").contains("empty"));
        assert!(error("s3:///x").contains("names no bucket"));
        assert!(error("s3://b*/x").contains("names no bucket"));
        assert!(error("https://b.s3.amazonaws.com/accounts/").contains("write s3://b/accounts/"));
        assert!(error("https://s3.eu-west-1.amazonaws.com/b/accounts/").contains("write s3://b/accounts/"));
        assert!(error("gs://b/accounts/").contains("no place in S3"));
        assert!(error("./accounts/").contains("\"accounts/\""));
        assert!(error("s3://b/a/../c/").contains("\"a/c/\""));
        assert!(error("orders/[ab.csv").contains("unclosed character class at byte 7"));
        assert!(Location::parse("orders/", None, GlobSyntax::DuckDb).is_err());
    }

    #[test]
    fn uris_are_found_in_the_relation_names_of_dbt_duckdb() {
        assert_eq!(s3_uris("'s3://b/orders/*.csv'"), ["s3://b/orders/*.csv"]);
        assert_eq!(s3_uris("read_parquet(['s3://a/x y/*.parquet', 's3://b/y'])"), ["s3://a/x y/*.parquet", "s3://b/y"]);
        assert_eq!(s3_uris("read_csv(s3://b/{id}, header=true)"), ["s3://b/{id}"]);
        assert_eq!(s3_uris("read_csv('s3://b/o''brien/*.csv', header=true)"), ["s3://b/o'brien/*.csv"]);
        assert_eq!(s3_uris("[s3://b/{x,y}/[0-9].csv, s3://c]"), ["s3://b/{x,y}/[0-9].csv", "s3://c"]);
        assert!(s3_uris("\"db\".\"s\".\"t\"").is_empty());
    }
}
