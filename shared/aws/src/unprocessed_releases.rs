//! Releases whose upload is complete and that on-release has not seen: their event was lost.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use landfall_planner::ReleaseId;

/// The event of a release's upload counts as lost after this time.
const UNPROCESSED_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Returns the releases, of these objects with S3's times of them, that are complete and neither compiled nor refused.
pub(crate) fn unprocessed<'a>(objects: impl Iterator<Item = (&'a str, Timestamp)>, now: Timestamp) -> Vec<ReleaseId> {
    let mut releases: BTreeMap<&str, BTreeMap<&str, Timestamp>> = BTreeMap::new();
    for (key, at) in objects {
        if let Some((id, file)) = key.strip_prefix("releases/").and_then(|rest| rest.split_once('/')) {
            releases.entry(id).or_default().insert(file, at);
        }
    }
    releases
        .into_iter()
        .filter(|(_, files)| {
            let is_complete = files.get("release.json").is_some_and(|at| now.duration_since(*at) >= UNPROCESSED_AFTER);
            is_complete && !files.contains_key("compiled.json") && !files.contains_key("refused.json")
        })
        .filter_map(|(id, _)| ReleaseId::parse(id).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_release_that_is_neither_compiled_nor_refused_is_unprocessed() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let (early, late) = (now - SignedDuration::from_mins(6), now - SignedDuration::from_mins(4));
        let objects = [
            ("releases/a/manifest.json", early),
            ("releases/b/release.json", early),
            ("releases/c/release.json", late),
            ("releases/d/compiled.json", late),
            ("releases/d/release.json", early),
            ("releases/e/refused.json", late),
            ("releases/e/release.json", early),
            ("releases/../release.json", early),
        ];
        let found = unprocessed(objects.into_iter(), now);
        assert_eq!(found.iter().map(ReleaseId::as_str).collect::<Vec<_>>(), ["b"]);
    }
}
