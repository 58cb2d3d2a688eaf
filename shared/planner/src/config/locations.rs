//! Which dataset an object belongs to: the longest prefix wins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DatasetName;

/// A place where a dataset lands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// What every key there starts with; it ends with `/` unless it is empty or an operator wrote it without.
    pub prefix: String,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// A location that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// `s3://` and nothing that is a bucket.
    #[error("{0:?} names no bucket: write s3://bucket/prefix/ or a prefix in the landing bucket")]
    NoBucket(String),
    /// A glob in the middle of a key's segment or at its start leaves no prefix.
    #[error("{0:?} starts with a wildcard, so every object of the bucket would be a load: give a prefix before it")]
    NoPrefix(String),
    /// A relative location, and nothing it is relative to.
    #[error("{0:?} is relative to the landing bucket, and none is configured: write s3://bucket/prefix/")]
    NoLandingBucket(String),
}

impl Location {
    /// The part of a key that lies here below the prefix, without a slash before it.
    pub fn below<'k>(&self, key: &'k str) -> &'k str {
        key.get(self.prefix.len()..).unwrap_or_default().trim_start_matches('/')
    }

    /// Reads a location as people and dbt write it: a prefix in the landing bucket or an `s3://` URI, cut before its first wildcard
    /// (`*`, `?`, `[`, `{`) back to the folder that holds it.
    pub fn parse(text: &str, landing_bucket: Option<&str>) -> Result<Self, LocationError> {
        let (bucket, key) = match strip_scheme(text) {
            Some(rest) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() || bucket.contains(['*', '?', '[', '{']) {
                    return Err(LocationError::NoBucket(text.to_owned()));
                }
                (bucket, key)
            }
            None => match landing_bucket {
                Some(bucket) => (bucket, text.trim_start_matches('/')),
                None => return Err(LocationError::NoLandingBucket(text.to_owned())),
            },
        };
        let prefix = match key.find(['*', '?', '[', '{']) {
            None => key,
            Some(glob) => {
                let folder = key.get(..glob).and_then(|start| start.rfind('/')).map_or(0, |slash| slash + 1);
                let prefix = key.get(..folder).unwrap_or_default();
                if prefix.is_empty() {
                    return Err(LocationError::NoPrefix(text.to_owned()));
                }
                prefix
            }
        };
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Whether the object lies here. A prefix without a closing slash is that object, or that folder: `orders` holds
    /// `orders/a.csv` and not `orders_old/a.csv`.
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket
            && key.strip_prefix(self.prefix.as_str()).is_some_and(|rest| {
                self.prefix.is_empty() || self.prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
            })
    }
}

fn strip_scheme(text: &str) -> Option<&str> {
    ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme))
}

/// The `s3://` URIs in a text such as a `relation_name`: `'s3://b/orders/*.csv'`, `read_csv('s3://…', …)`, `read_parquet(['s3://a', 's3://b'])`.
/// A URI ends at a quote, a comma, white space or a closing bracket of the function that holds it.
pub(crate) fn s3_uris(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = ["s3://", "s3a://", "s3n://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
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

/// How many of many locations are looked at for the nearest: those whose names begin most alike.
const NEAR: usize = 16;

/// All locations of a release, sorted.
#[derive(Debug, Clone, Default)]
pub struct Locations(Vec<(Location, DatasetName)>);

/// Where an object belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlacement<'a> {
    /// To this dataset.
    Dataset(&'a DatasetName, &'a Location),
    /// Nowhere; the nearest location, if there is any.
    Unmapped(Option<&'a Location>),
    /// It is no data: the reason.
    NotData(&'static str),
}

impl Locations {
    /// Every location with its dataset.
    pub fn new(all: impl IntoIterator<Item = (Location, DatasetName)>) -> Self {
        Self(all.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }

    /// The dataset and the location that the object lies under, be it data or not.
    pub fn owner(&self, bucket: &str, key: &str) -> Option<(&DatasetName, &Location)> {
        self.longest(bucket, key).map(|(location, dataset)| (dataset, location))
    }

    /// Where the object belongs.
    pub fn place(&self, bucket: &str, key: &str) -> KeyPlacement<'_> {
        match self.owner(bucket, key) {
            None => KeyPlacement::Unmapped(self.nearest(bucket, key)),
            Some((dataset, location)) => {
                match no_data(location, key.get(location.prefix.len()..).unwrap_or_default()) {
                    Some(reason) => KeyPlacement::NotData(reason),
                    None => KeyPlacement::Dataset(dataset, location),
                }
            }
        }
    }

    /// How many locations sort before the one that has this prefix, or would have it; it included.
    fn up_to(&self, bucket: &str, prefix: &[u8]) -> usize {
        self.0
            .partition_point(|(location, _)| (location.bucket.as_str(), location.prefix.as_bytes()) <= (bucket, prefix))
    }

    /// Of all prefixes of a key the longest sorts last, and none sorts after the key. Where what sorts there is no prefix, the longest can only
    /// be within what it has in common with the key.
    fn longest(&self, bucket: &str, key: &str) -> Option<&(Location, DatasetName)> {
        let mut start = key.as_bytes();
        loop {
            let found = self.0.get(self.up_to(bucket, start).checked_sub(1)?)?;
            let (location, _) = found;
            if location.bucket != bucket || location.holds(bucket, key) {
                return Some(found).filter(|_| location.bucket == bucket);
            }
            let common = location.prefix.bytes().zip(start).take_while(|(a, b)| a == *b).count();
            // A prefix that ends within a folder's name holds nothing of the key: only shorter ones may.
            let end = if common == location.prefix.len() { common.checked_sub(1)? } else { common };
            start = start.get(..end)?;
        }
    }

    /// For people who misspelt one. Of many locations only the neighbours are compared, because a batch may hold thousands of objects that
    /// belong nowhere.
    fn nearest(&self, bucket: &str, key: &str) -> Option<&Location> {
        let folder = key.rfind('/').map_or("", |slash| key.get(..=slash).unwrap_or_default());
        let folder: String = folder.chars().take(200).collect();
        let likeness = |location: &Location| {
            let same_bucket = if location.bucket == bucket { 1.0 } else { 0.0 };
            same_bucket + strsim::normalized_damerau_levenshtein(&location.prefix, &folder)
        };
        let first =
            self.up_to(bucket, folder.as_bytes()).saturating_sub(NEAR / 2).min(self.0.len().saturating_sub(NEAR));
        let near = self.0.iter().skip(first).take(NEAR);
        near.map(|(location, _)| location).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
    }
}

/// Hadoop's and [Athena's](https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html) rule: what starts with `_` or `.` is not
/// data (`_SUCCESS`, `_temporary/`, `.part.crc`); an empty key that ends with `/` is a console's folder.
fn no_data(location: &Location, below: &str) -> Option<&'static str> {
    if below.ends_with('/') || below.is_empty() && location.prefix.ends_with('/') {
        return Some("a folder marker, no data");
    }
    below
        .split('/')
        .any(|part| part.starts_with('_') || part.starts_with('.'))
        .then_some("its name, or a folder's, starts with '_' or '.': not data, as for Hadoop and Athena")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DatasetName {
        DatasetName::parse(text).unwrap()
    }

    fn locations(all: &[(&str, &str)]) -> Locations {
        Locations::new(all.iter().map(|(l, d)| (Location::parse(l, Some("land")).unwrap(), name(d))))
    }

    #[test]
    fn a_location_is_cut_before_its_wildcard() {
        let parse = |text| Location::parse(text, Some("land")).map(|l| l.to_string());
        assert_eq!(parse("orders/").unwrap(), "s3://land/orders/");
        assert_eq!(parse("s3://b/raw/orders/dt=*/x.csv").unwrap(), "s3://b/raw/orders/");
        assert_eq!(parse("s3://b/raw/ord*.csv").unwrap(), "s3://b/raw/");
        assert!(parse("s3://b/*.csv").is_err());
        assert!(parse("s3:///x").is_err());
        assert!(Location::parse("orders/", None).is_err());
    }

    #[test]
    fn the_longest_prefix_wins_and_a_name_alike_does_not() {
        let all = locations(&[("a/", "x.a"), ("a/b/", "x.b"), ("plain", "x.p")]);
        let place = |key| match all.place("land", key) {
            KeyPlacement::Dataset(dataset, _) => dataset.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(place("a/b/c.csv"), "x.b");
        assert_eq!(place("a/c.csv"), "x.a");
        assert_eq!(place("plain/c.csv"), "x.p");
        assert!(place("plainer/c.csv").starts_with("Unmapped"));
        assert!(matches!(all.place("other", "a/c.csv"), KeyPlacement::Unmapped(_)));
    }

    #[test]
    fn the_longest_prefix_is_found_among_names_that_begin_alike() {
        let prefixes = ["", "a", "a/", "a/b", "a/b/", "a/b/c", "a/bc/", "ab/", "a/b/c/d/", "b", "a-b/", "a.b/"];
        let keys = [
            "a",
            "a/",
            "a/b",
            "a/bcd/x",
            "a/b/c/d",
            "a/b/c/d/e",
            "a/b/cd/e",
            "ab/x",
            "a-b/x",
            "a0",
            "b/x",
            "c",
            "",
            "é/x",
        ];
        // Every set of locations: each bit says whether its prefix is one.
        for chosen in 0_usize..1 << prefixes.len() {
            let few: Vec<Location> = (0..prefixes.len())
                .filter(|bit| chosen & (1 << bit) != 0)
                .map(|bit| Location { bucket: "land".to_owned(), prefix: prefixes[bit].to_owned() })
                .collect();
            let all = Locations::new(few.iter().map(|location| (location.clone(), name("x.y"))));
            for key in keys {
                let holding = few.iter().filter(|location| location.holds("land", key));
                let longest = holding.max_by_key(|location| location.prefix.len());
                assert_eq!(all.longest("land", key).map(|(location, _)| location), longest, "{key} in {few:?}");
            }
        }
    }

    #[test]
    fn what_is_not_data_is_told_apart() {
        let all = locations(&[("orders/", "x.orders")]);
        for key in ["orders/", "orders/dt=1/", "orders/_SUCCESS", "orders/_temporary/0/part.csv", "orders/.a.crc"] {
            assert!(matches!(all.place("land", key), KeyPlacement::NotData(_)), "{key}");
        }
        for key in ["orders/-rf *.csv", "orders/a+b %20\n\u{1f355}'\".csv", "orders/dt=__HIVE__/a"] {
            assert!(matches!(all.place("land", key), KeyPlacement::Dataset(..)), "{key}");
        }
    }

    #[test]
    fn an_object_nowhere_is_told_its_nearest_location() {
        let all = locations(&[("customers/", "x.c"), ("orders/", "x.o")]);
        let KeyPlacement::Unmapped(Some(nearest)) = all.place("land", "order/a.csv") else { panic!() };
        assert_eq!(nearest.prefix, "orders/");
    }

    #[test]
    fn uris_are_found_in_what_dbt_duckdb_writes_as_a_relation() {
        assert_eq!(s3_uris("'s3://b/orders/*.csv'"), ["s3://b/orders/*.csv"]);
        assert_eq!(s3_uris("read_parquet(['s3://a/x y/*.parquet', 's3://b/y'])"), ["s3://a/x y/*.parquet", "s3://b/y"]);
        assert_eq!(s3_uris("read_csv(s3://b/{id}, header=true)"), ["s3://b/{id}"]);
        assert!(s3_uris("\"db\".\"s\".\"t\"").is_empty());
    }
}
