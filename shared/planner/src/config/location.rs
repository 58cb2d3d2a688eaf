//! A location: the place in S3 where a dataset lands, as users and dbt adapters write it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in S3 where a dataset lands: a bucket and a prefix of its keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The bucket's name.
    pub bucket: String,
    /// The prefix that keys start with. It ends with `/` unless it is empty or was written without.
    pub prefix: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
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
    /// An S3 URI without the name of a bucket.
    #[error("{0:?} names no bucket: write s3://bucket/prefix/, or a prefix in the landing bucket")]
    NoBucket(String),
    /// A wildcard in the first folder of the key leaves no prefix.
    #[error(
        "{0:?} has a wildcard in its first folder, so every object of the bucket would be a load: put a folder before the wildcard"
    )]
    NoPrefix(String),
    /// A relative location without a landing bucket that it is relative to.
    #[error("{0:?} is relative to the landing bucket, but the stack has none: write s3://bucket/prefix/")]
    NoLandingBucket(String),
}

const SCHEMES: [&str; 3] = ["s3://", "s3a://", "s3n://"];
const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

impl Location {
    /// Parses a prefix in the landing bucket or an `s3://` URI. It is cut before its first wildcard (`*`, `?`, `[`,
    /// `{`) back to the folder that holds it.
    ///
    /// # Errors
    ///
    /// Fails if the text names no bucket and there is no landing bucket, or if a wildcard leaves an empty prefix.
    pub fn parse(text: &str, landing_bucket: Option<&str>) -> Result<Self, LocationError> {
        let uri = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let (bucket, key) = match (uri, landing_bucket) {
            (Some(uri), _) => uri.split_once('/').unwrap_or((uri, "")),
            (None, Some(bucket)) => (bucket, text.trim_start_matches('/')),
            (None, None) => return Err(LocationError::NoLandingBucket(text.to_owned())),
        };
        if uri.is_some() && (bucket.is_empty() || bucket.contains(WILDCARDS)) {
            return Err(LocationError::NoBucket(text.to_owned()));
        }
        let prefix = match key.find(WILDCARDS) {
            None => key,
            Some(wildcard) => {
                let folder = key.get(..wildcard).and_then(|start| start.rfind('/')).map_or(0, |slash| slash + 1);
                let prefix = key.get(..folder).unwrap_or_default();
                if prefix.is_empty() {
                    return Err(LocationError::NoPrefix(text.to_owned()));
                }
                prefix
            }
        };
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Returns whether the object lies at this location. A prefix without a closing slash is that object or that
    /// folder: `orders` contains `orders/a.csv` and not `orders_old/a.csv`.
    pub fn contains(&self, object: ObjectAddress<'_>) -> bool {
        self.bucket == object.bucket
            && object.key.strip_prefix(self.prefix.as_str()).is_some_and(|rest| {
                self.prefix.is_empty() || self.prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
            })
    }

    /// Returns the part of a key that follows the prefix, without a leading slash.
    pub fn relative_key<'k>(&self, key: &'k str) -> &'k str {
        key.get(self.prefix.len()..).unwrap_or_default().trim_start_matches('/')
    }
}

/// Finds the `s3://` URIs in a text such as a `relation_name`: `'s3://b/orders/*.csv'`, `read_csv('s3://…', …)`,
/// `read_parquet(['s3://a', 's3://b'])`. A URI in quotes ends at the closing quote. Any other ends at white space, a
/// quote, a comma or a closing bracket.
pub(crate) fn s3_uris(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = SCHEMES.iter().filter_map(|scheme| rest.find(scheme)).min() {
        let Some(from) = rest.get(start..) else { break };
        let quote = rest.get(..start).and_then(|before| before.chars().next_back()).filter(|c| matches!(c, '\'' | '"'));
        let end = match quote {
            Some(quote) => from.find(quote),
            None => from.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ')' | ']')),
        }
        .unwrap_or(from.len());
        found.push(from.get(..end).unwrap_or_default());
        rest = from.get(end..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_cut_before_its_first_wildcard() {
        let parse = |text| Location::parse(text, Some("land")).map(|l| l.to_string());
        assert_eq!(parse("orders/").unwrap(), "s3://land/orders/");
        assert_eq!(parse("s3://b/raw/orders/dt=*/x.csv").unwrap(), "s3://b/raw/orders/");
        assert_eq!(parse("s3://b/raw/ord*.csv").unwrap(), "s3://b/raw/");
        assert!(parse("s3://b/*.csv").is_err());
        assert!(parse("s3:///x").is_err());
        assert!(Location::parse("orders/", None).is_err());
    }

    #[test]
    fn uris_are_found_in_the_relation_names_of_dbt_duckdb() {
        assert_eq!(s3_uris("'s3://b/orders/*.csv'"), ["s3://b/orders/*.csv"]);
        assert_eq!(s3_uris("read_parquet(['s3://a/x y/*.parquet', 's3://b/y'])"), ["s3://a/x y/*.parquet", "s3://b/y"]);
        assert_eq!(s3_uris("read_csv(s3://b/{id}, header=true)"), ["s3://b/{id}"]);
        assert!(s3_uris("\"db\".\"s\".\"t\"").is_empty());
    }
}
