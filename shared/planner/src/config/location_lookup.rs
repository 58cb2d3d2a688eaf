//! Which datasets an object belongs to: those with a location that matches its key.

use std::collections::BTreeSet;

use super::key_pattern::{GlobSyntax, KeyPattern};
use crate::{DatasetName, Location, ObjectAddress};

/// How many locations are compared to find the nearest one to an unmapped key.
const NEAREST_CANDIDATES: usize = 16;

/// All locations of a release, sorted by bucket and by the part before their first wildcard.
#[derive(Debug, Clone, Default)]
pub struct Locations(Vec<Entry>);

/// A location with its dataset.
#[derive(Debug, Clone)]
struct Entry {
    location: Location,
    dataset: DatasetName,
    pattern: KeyPattern,
    /// The length of the literal prefix, by which the entries are sorted.
    literal: usize,
    /// The position of the entry before whose literal prefix is the longest that this one starts with.
    parent: Option<usize>,
}

impl Entry {
    fn literal(&self) -> &str {
        self.location.pattern.get(..self.literal).unwrap_or_default()
    }

    fn is_prefix_of(&self, object: ObjectAddress<'_>) -> bool {
        self.location.bucket == object.bucket && object.key.starts_with(self.literal())
    }
}

/// Where an object belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlacement<'a> {
    /// The object is data of these datasets, each with the location that matches, sorted by name.
    Datasets(Vec<(&'a DatasetName, &'a Location)>),
    /// No location matches the object.
    Unmapped(Option<NearestLocation<'a>>),
    /// A location matches the object, but the object is not data, for this reason.
    NotData(&'static str),
}

/// The location that an unmapped object comes closest to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearestLocation<'a> {
    /// The dataset of the location.
    pub dataset: &'a DatasetName,
    /// The location with the longest literal prefix that the key starts with, else the most similar one.
    pub location: &'a Location,
    /// Whether the object lies where the location looks, and only the wildcards do not match.
    pub is_outside_pattern: bool,
}

impl std::fmt::Display for NearestLocation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dataset, location, is_outside_pattern } = self;
        if !is_outside_pattern {
            return write!(f, "no dataset's location matches the key; the nearest is {location} of {dataset}");
        }
        write!(f, "{location}, the location of {dataset}, does not match the key")?;
        match location.syntax {
            GlobSyntax::DuckDb if !location.pattern.contains("**") => {
                f.write_str(" (`*` matches within one folder, `**` across folders)")
            }
            _ => Ok(()),
        }
    }
}

impl Locations {
    /// Sorts the locations with their datasets.
    pub fn new(all: impl IntoIterator<Item = (Location, DatasetName)>) -> Self {
        let mut entries: Vec<Entry> = all
            .into_iter()
            .map(|(location, dataset)| {
                let (pattern, literal) = (location.key_pattern(), location.literal_prefix().len());
                Entry { location, dataset, pattern, literal, parent: None }
            })
            .collect();
        entries.sort_by(|a, b| {
            let by_prefix = (&a.location.bucket, a.literal()).cmp(&(&b.location.bucket, b.literal()));
            by_prefix.then_with(|| (&a.location, &a.dataset).cmp(&(&b.location, &b.dataset)))
        });
        // The entries whose literal prefix the current one starts with, the shortest first.
        let mut open: Vec<usize> = Vec::new();
        for at in 0..entries.len() {
            let Some(entry) = entries.get(at) else { break };
            let own = ObjectAddress { bucket: &entry.location.bucket, key: entry.literal() };
            while open.last().is_some_and(|last| entries.get(*last).is_some_and(|entry| !entry.is_prefix_of(own))) {
                open.pop();
            }
            let parent = open.last().copied();
            if let Some(entry) = entries.get_mut(at) {
                entry.parent = parent;
            }
            open.push(at);
        }
        Self(entries)
    }

    /// Returns where an object of that many bytes belongs, if its size is known.
    pub fn place(&self, object: ObjectAddress<'_>, size: Option<u64>) -> KeyPlacement<'_> {
        let mut found: Vec<(&DatasetName, &Location)> = Vec::new();
        let mut reason = None;
        for (dataset, location) in self.matching(object) {
            match not_data(location, object.key, size) {
                Some(why) => reason = Some(why),
                None => found.push((dataset, location)),
            }
        }
        match reason {
            _ if !found.is_empty() => KeyPlacement::Datasets(one_of_each(found)),
            Some(reason) => KeyPlacement::NotData(reason),
            None => match self.nearest(object) {
                Some(nearest) if nearest.is_outside_pattern && is_hidden(nearest.location, object.key) => {
                    KeyPlacement::NotData(HIDDEN)
                }
                nearest => KeyPlacement::Unmapped(nearest),
            },
        }
    }

    /// Iterates over the datasets with a location that matches the object, whether the object is data or not. The
    /// location with the longest literal prefix comes first.
    pub fn matching(&self, object: ObjectAddress<'_>) -> impl Iterator<Item = (&DatasetName, &Location)> {
        self.candidates(object)
            .filter(move |entry| entry.pattern.matches(object.key))
            .map(|entry| (&entry.dataset, &entry.location))
    }

    /// Iterates over the entries with a literal prefix that the key starts with, the longest first.
    ///
    /// No such entry sorts after the key. The last entry that does not sort after the key starts with each of their
    /// prefixes, so they are among its parents.
    fn candidates(&self, object: ObjectAddress<'_>) -> impl Iterator<Item = &Entry> {
        let last = self.count_up_to(object.bucket, object.key).checked_sub(1);
        std::iter::successors(last.and_then(|at| self.0.get(at)), |entry| self.0.get(entry.parent?))
            .filter(move |entry| entry.is_prefix_of(object))
    }

    /// Returns how many locations sort up to and including this bucket and literal prefix.
    fn count_up_to(&self, bucket: &str, literal: &str) -> usize {
        self.0.partition_point(|entry| (entry.location.bucket.as_str(), entry.literal()) <= (bucket, literal))
    }

    /// Returns the location that comes closest to the key, to explain why none matches. Only the neighbours in sort
    /// order are compared, because a batch may hold thousands of unmapped objects.
    fn nearest(&self, object: ObjectAddress<'_>) -> Option<NearestLocation<'_>> {
        if let Some(entry) =
            self.candidates(object).find(|entry| 0 < entry.literal && entry.literal < entry.location.pattern.len())
        {
            return Some(NearestLocation {
                dataset: &entry.dataset,
                location: &entry.location,
                is_outside_pattern: true,
            });
        }
        let ObjectAddress { bucket, key } = object;
        let folder = key.rfind('/').map_or("", |slash| key.get(..=slash).unwrap_or_default());
        let folder: String = folder.chars().take(200).collect();
        let similarity = |location: &Location| {
            let same_bucket = if location.bucket == bucket { 1.0 } else { 0.0 };
            same_bucket + strsim::normalized_damerau_levenshtein(location.folder(), &folder)
        };
        let first = self
            .count_up_to(bucket, &folder)
            .saturating_sub(NEAREST_CANDIDATES / 2)
            .min(self.0.len().saturating_sub(NEAREST_CANDIDATES));
        let candidates = self.0.iter().skip(first).take(NEAREST_CANDIDATES);
        let nearest = candidates.max_by(|a, b| similarity(&a.location).total_cmp(&similarity(&b.location)))?;
        Some(NearestLocation { dataset: &nearest.dataset, location: &nearest.location, is_outside_pattern: false })
    }
}

/// Keeps the first location of each dataset, and sorts by dataset.
fn one_of_each<'a>(mut found: Vec<(&'a DatasetName, &'a Location)>) -> Vec<(&'a DatasetName, &'a Location)> {
    if found.len() > 1 {
        let mut seen = BTreeSet::new();
        found.retain(|(dataset, _)| seen.insert(*dataset));
        found.sort();
    }
    found
}

/// Returns why an object at this location is not data, if it is not.
///
/// The S3 console makes a folder as an empty object whose key ends with `/`. An object of such a name with bytes in it,
/// or of unknown size, is data. In Hadoop and
/// [Athena](https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html), names that start with `_` or
/// `.` are not data (`_SUCCESS`, `_temporary/`, `.part.crc`). A whole folder is read by the same rule, because writers
/// leave such files in it. `DuckDB` reads what its pattern matches.
fn not_data(location: &Location, key: &str, size: Option<u64>) -> Option<&'static str> {
    if key.ends_with('/') && size == Some(0) {
        return Some("it is an empty folder marker, not data");
    }
    let is_pattern = location.literal_prefix().len() < location.pattern.len();
    if is_pattern && location.syntax == GlobSyntax::DuckDb && !location.pattern.ends_with('/') {
        return None;
    }
    is_hidden(location, key).then_some(HIDDEN)
}

const HIDDEN: &str =
    "its name or a folder's name starts with '_' or '.', so it is not data (the rule of Hadoop and Athena)";

/// Returns whether the key has such a name below the folder of the location.
fn is_hidden(location: &Location, key: &str) -> bool {
    location.relative_key(key).split('/').any(|part| part.starts_with(['_', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DatasetName {
        DatasetName::parse(text).unwrap()
    }

    fn landed(key: &str) -> ObjectAddress<'_> {
        ObjectAddress { bucket: "land", key }
    }

    fn locations(all: &[(&str, &str)]) -> Locations {
        let parse = |text: &str| Location::parse(text, Some("land"), GlobSyntax::DuckDb).unwrap();
        Locations::new(all.iter().map(|(location, dataset)| (parse(location), name(dataset))))
    }

    fn datasets(all: &Locations, key: &str) -> String {
        match all.place(landed(key), Some(1)) {
            KeyPlacement::Datasets(found) => {
                found.iter().map(|(dataset, _)| dataset.as_str()).collect::<Vec<_>>().join(" ")
            }
            KeyPlacement::Unmapped(Some(nearest)) => nearest.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_object_belongs_to_every_dataset_whose_pattern_matches() {
        let all = locations(&[
            ("rec/**/*.parquet", "s.recursive"),
            ("rec/sub/*.parquet", "s.inner"),
            ("data/glue_*.csv", "s.glue"),
            ("data/space_*.csv", "s.space"),
            ("plain", "x.p"),
            ("*.csv", "x.top"),
            ("one.csv", "x.one"),
            ("one.csv", "x.other"),
        ]);
        assert_eq!(datasets(&all, "rec/sub/1.parquet"), "s.inner s.recursive");
        assert_eq!(datasets(&all, "rec/sub/deep/1.parquet"), "s.recursive");
        assert_eq!(datasets(&all, "data/glue_1.csv"), "s.glue");
        assert_eq!(datasets(&all, "plain/c.csv"), "x.p");
        assert_eq!(datasets(&all, "plain"), "x.p");
        assert_eq!(datasets(&all, "one.csv"), "x.one x.other x.top");
        assert!(datasets(&all, "plainer/c.json").contains("no dataset's location"));
        assert!(matches!(
            all.place(ObjectAddress { bucket: "other", key: "one.csv" }, None),
            KeyPlacement::Unmapped(_)
        ));
    }

    #[test]
    fn every_location_is_found_among_similar_prefixes() {
        let patterns = ["", "a", "a/", "a/b*", "a/b/", "a/b/c", "a/**/c", "ab/", "a/b/c/d/", "b", "a-b/", "a.b/?"];
        let keys = ["a", "a/", "a/b", "a/bcd/x", "a/b/c", "a/b/c/d", "a/b/c/d/e", "ab/x", "a-b/x", "a0", "b/x", "é/x"];
        // Each bit of `chosen` says whether the pattern at its position is one of the locations.
        for chosen in 0_usize..1 << patterns.len() {
            let few: Vec<Location> = (0..patterns.len())
                .filter(|bit| chosen & (1 << bit) != 0)
                .map(|bit| Location {
                    bucket: "land".to_owned(),
                    pattern: patterns[bit].to_owned(),
                    syntax: GlobSyntax::DuckDb,
                })
                .collect();
            let all = Locations::new(few.iter().map(|location| (location.clone(), name("x.y"))));
            for key in keys {
                let mut expected: Vec<&Location> =
                    few.iter().filter(|location| location.contains(landed(key))).collect();
                let mut found: Vec<&Location> = all.matching(landed(key)).map(|(_, location)| location).collect();
                expected.sort();
                found.sort();
                assert_eq!(found, expected, "{key} in {few:?}");
            }
        }
    }

    #[test]
    fn folders_markers_and_hidden_files_are_not_data() {
        let all = locations(&[("orders/", "x.orders"), ("glob/*", "x.glob")]);
        for key in ["orders/", "orders/dt=1/", "orders/_SUCCESS", "orders/_temporary/0/part.csv", "orders/.a.crc"] {
            assert!(matches!(all.place(landed(key), Some(0)), KeyPlacement::NotData(_)), "{key}");
        }
        for key in ["orders/-rf *.csv", "orders/a+b %20\n\u{1f355}'\".csv", "orders/dt=__HIVE__/a"] {
            assert_eq!(datasets(&all, key), "x.orders", "{key}");
        }
        for (key, size) in [("orders/dt=1/", Some(1_220)), ("orders/", Some(1)), ("orders/dt=1/", None)] {
            let placement = all.place(landed(key), size);
            assert!(matches!(placement, KeyPlacement::Datasets(_)), "{key} of {size:?} bytes: {placement:?}");
        }
        assert_eq!(datasets(&all, "glob/_a.csv"), "x.glob", "DuckDB reads it");
        let key = "glob/_temporary/a.csv";
        assert!(
            matches!(all.place(landed(key), None), KeyPlacement::NotData(_)),
            "the pattern does not match it either"
        );
    }

    #[test]
    fn an_unmapped_object_has_the_nearest_location_and_why_it_does_not_match() {
        let all = locations(&[("customers/", "x.c"), ("orders/*.csv", "x.o")]);
        assert_eq!(
            datasets(&all, "order/a.csv"),
            "no dataset's location matches the key; the nearest is s3://land/orders/*.csv of x.o"
        );
        assert_eq!(
            datasets(&all, "orders/many/7.csv"),
            "s3://land/orders/*.csv, the location of x.o, does not match the key (`*` matches within one folder, `**` across folders)"
        );
    }
}
