//! Which dataset an object belongs to: the location with the longest matching prefix decides.

use std::collections::BTreeMap;

use crate::{DatasetName, Location, ObjectAddress};

/// How many locations are compared to find the nearest one to an unmapped key.
const NEAREST_CANDIDATES: usize = 16;

/// All locations of a release, sorted by bucket and prefix.
#[derive(Debug, Clone, Default)]
pub struct Locations(Vec<(Location, DatasetName)>);

/// Where an object belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlacement<'a> {
    /// The object is data of this dataset, at this location.
    Dataset(&'a DatasetName, &'a Location),
    /// The object lies under no location. The nearest location is given if the release has any.
    Unmapped(Option<&'a Location>),
    /// The object lies under a location but is not data, for this reason.
    NotData(&'static str),
}

impl Locations {
    /// Sorts the locations with their datasets. Of two equal locations the last one counts.
    pub fn new(all: impl IntoIterator<Item = (Location, DatasetName)>) -> Self {
        Self(all.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }

    /// Returns the dataset and the location that the object lies under, whether the object is data or not.
    pub fn owner(&self, object: ObjectAddress<'_>) -> Option<(&DatasetName, &Location)> {
        self.longest_prefix(object).map(|(location, dataset)| (dataset, location))
    }

    /// Returns where the object belongs.
    pub fn place(&self, object: ObjectAddress<'_>) -> KeyPlacement<'_> {
        let Some((dataset, location)) = self.owner(object) else {
            return KeyPlacement::Unmapped(self.nearest(object));
        };
        match not_data(location, object.key.get(location.prefix.len()..).unwrap_or_default()) {
            Some(reason) => KeyPlacement::NotData(reason),
            None => KeyPlacement::Dataset(dataset, location),
        }
    }

    /// Returns how many locations sort up to and including this bucket and prefix.
    fn count_up_to(&self, bucket: &str, prefix: &[u8]) -> usize {
        self.0
            .partition_point(|(location, _)| (location.bucket.as_str(), location.prefix.as_bytes()) <= (bucket, prefix))
    }

    /// Finds the longest prefix by binary search. Among all prefixes of a key the longest sorts last, and none sorts
    /// after the key. If the location found is not a prefix of the key, the search continues with what both have in
    /// common.
    fn longest_prefix(&self, object: ObjectAddress<'_>) -> Option<&(Location, DatasetName)> {
        let mut start = object.key.as_bytes();
        loop {
            let found = self.0.get(self.count_up_to(object.bucket, start).checked_sub(1)?)?;
            let (location, _) = found;
            if location.bucket != object.bucket || location.contains(object) {
                return Some(found).filter(|_| location.bucket == object.bucket);
            }
            let common = location.prefix.bytes().zip(start).take_while(|(a, b)| a == *b).count();
            // A prefix that ends within a folder's name does not contain the key. Only shorter prefixes may.
            let end = if common == location.prefix.len() { common.checked_sub(1)? } else { common };
            start = start.get(..end)?;
        }
    }

    /// Returns the location that resembles the key most, to point out a misspelt folder. Only the neighbours in sort
    /// order are compared, because a batch may hold thousands of unmapped objects.
    fn nearest(&self, object: ObjectAddress<'_>) -> Option<&Location> {
        let ObjectAddress { bucket, key } = object;
        let folder = key.rfind('/').map_or("", |slash| key.get(..=slash).unwrap_or_default());
        let folder: String = folder.chars().take(200).collect();
        let similarity = |location: &Location| {
            let same_bucket = if location.bucket == bucket { 1.0 } else { 0.0 };
            same_bucket + strsim::normalized_damerau_levenshtein(&location.prefix, &folder)
        };
        let first = self
            .count_up_to(bucket, folder.as_bytes())
            .saturating_sub(NEAREST_CANDIDATES / 2)
            .min(self.0.len().saturating_sub(NEAREST_CANDIDATES));
        let candidates = self.0.iter().skip(first).take(NEAREST_CANDIDATES);
        candidates.map(|(location, _)| location).max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
    }
}

/// Returns why an object is not data, if it is not. As in Hadoop and
/// [Athena](https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html), names that start with `_` or
/// `.` are not data (`_SUCCESS`, `_temporary/`, `.part.crc`). The S3 console makes a folder as an empty object whose
/// key ends with `/`.
fn not_data(location: &Location, below: &str) -> Option<&'static str> {
    if below.ends_with('/') || below.is_empty() && location.prefix.ends_with('/') {
        return Some("it is a folder marker, not data");
    }
    below.split('/').any(|part| part.starts_with(['_', '.'])).then_some(
        "its name or a folder's name starts with '_' or '.', so it is not data (the rule of Hadoop and Athena)",
    )
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
        Locations::new(all.iter().map(|(l, d)| (Location::parse(l, Some("land")).unwrap(), name(d))))
    }

    #[test]
    fn the_longest_prefix_wins_and_a_prefix_of_a_folder_name_does_not_match() {
        let all = locations(&[("a/", "x.a"), ("a/b/", "x.b"), ("plain", "x.p")]);
        let place = |key| match all.place(landed(key)) {
            KeyPlacement::Dataset(dataset, _) => dataset.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(place("a/b/c.csv"), "x.b");
        assert_eq!(place("a/c.csv"), "x.a");
        assert_eq!(place("plain/c.csv"), "x.p");
        assert!(place("plainer/c.csv").starts_with("Unmapped"));
        assert!(matches!(all.place(ObjectAddress { bucket: "other", key: "a/c.csv" }), KeyPlacement::Unmapped(_)));
    }

    #[test]
    fn the_longest_prefix_is_found_in_every_set_of_similar_prefixes() {
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
        // Each bit of `chosen` says whether the prefix at its position is one of the locations.
        for chosen in 0_usize..1 << prefixes.len() {
            let few: Vec<Location> = (0..prefixes.len())
                .filter(|bit| chosen & (1 << bit) != 0)
                .map(|bit| Location { bucket: "land".to_owned(), prefix: prefixes[bit].to_owned() })
                .collect();
            let all = Locations::new(few.iter().map(|location| (location.clone(), name("x.y"))));
            for key in keys {
                let containing = few.iter().filter(|location| location.contains(landed(key)));
                let longest = containing.max_by_key(|location| location.prefix.len());
                assert_eq!(all.longest_prefix(landed(key)).map(|(location, _)| location), longest, "{key} in {few:?}");
            }
        }
    }

    #[test]
    fn folders_markers_and_hidden_files_are_not_data() {
        let all = locations(&[("orders/", "x.orders")]);
        for key in ["orders/", "orders/dt=1/", "orders/_SUCCESS", "orders/_temporary/0/part.csv", "orders/.a.crc"] {
            assert!(matches!(all.place(landed(key)), KeyPlacement::NotData(_)), "{key}");
        }
        for key in ["orders/-rf *.csv", "orders/a+b %20\n\u{1f355}'\".csv", "orders/dt=__HIVE__/a"] {
            assert!(matches!(all.place(landed(key)), KeyPlacement::Dataset(..)), "{key}");
        }
    }

    #[test]
    fn an_unmapped_object_comes_with_the_nearest_location() {
        let all = locations(&[("customers/", "x.c"), ("orders/", "x.o")]);
        let KeyPlacement::Unmapped(Some(nearest)) = all.place(landed("order/a.csv")) else { panic!() };
        assert_eq!(nearest.prefix, "orders/");
    }
}
