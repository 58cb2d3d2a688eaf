//! Whether the stack gets the events of every location of the release. The event rule takes buckets, prefixes and
//! deletions from the stack's parameters, and the release takes locations from landfall.yml. If they differ, events
//! are never delivered and no error shows it.

use landfall_planner::{Compiled, Location, OnDelete};

use super::{Deployed, DoctorReport};
use crate::text::list;

/// Checks the locations of each dataset.
pub fn examine(report: &mut DoctorReport, deployed: &Deployed, own: Option<&String>, compiled: &Compiled) {
    let buckets = deployed.landing_buckets(own);
    if buckets.is_empty() {
        return;
    }
    for (name, dataset) in &compiled.datasets {
        let about = format!("dataset {name}");
        for location in &dataset.locations {
            check_location(report, deployed, &buckets, &about, location);
        }
        if dataset.on_delete == OnDelete::Load && deployed.parameter("Deletions") != Some("deliver") {
            report.broken(
                about,
                "a deletion is a load of it (on_delete in landfall.yml), but the stack gets no events of deletions",
                "deploy with Deletions=deliver",
            );
        }
    }
}

fn check_location(
    report: &mut DoctorReport,
    deployed: &Deployed,
    buckets: &[String],
    about: &str,
    location: &Location,
) {
    if !buckets.contains(&location.bucket) {
        return report.broken(
            about,
            format!("lands in {location}, but the stack gets events of only {}", list(buckets, 6)),
            format!("deploy with LandingBuckets={},{}", buckets.join(","), location.bucket),
        );
    }
    let prefixes: Vec<&str> = deployed.parameter("LandingPrefixes").unwrap_or_default().split(',').collect();
    if prefixes.iter().any(|prefix| location.literal_prefix().starts_with(prefix)) {
        return;
    }
    let fix = match location.folder() {
        // Only without prefixes does the stack hear of the bucket's top.
        "" => "deploy without LandingPrefixes".to_owned(),
        folder => format!("deploy with LandingPrefixes={},{folder}, or without LandingPrefixes", prefixes.join(",")),
    };
    let below: Vec<&str> =
        prefixes.iter().copied().filter(|prefix| prefix.starts_with(location.literal_prefix())).collect();
    if below.is_empty() {
        report.broken(
            about,
            format!("lands in {location}, but the stack gets events of only {}", list(&prefixes, 6)),
            fix,
        );
    } else {
        report.warning(
            about,
            format!("lands in {location}, but the stack gets events of only its part {}", list(&below, 6)),
            fix,
        );
    }
}

#[cfg(test)]
mod tests {
    use landfall_planner::GlobSyntax;

    use super::*;
    use crate::doctor::FindingVerdict;

    fn found(prefixes: &str, bucket: &str, prefix: &str) -> Vec<(FindingVerdict, Option<String>)> {
        let parameters = [("LandingBuckets", "acme,other"), ("LandingPrefixes", prefixes)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let deployed = Deployed { parameters, ..Deployed::default() };
        let mut report = DoctorReport::default();
        let location = Location { bucket: bucket.to_owned(), pattern: prefix.to_owned(), syntax: GlobSyntax::DuckDb };
        check_location(&mut report, &deployed, &deployed.landing_buckets(None), "dataset a.b", &location);
        report.findings.into_iter().map(|it| (it.verdict, it.fix)).collect()
    }

    #[test]
    fn a_location_in_a_bucket_or_prefix_without_events_is_broken() {
        assert_eq!(found("", "acme", "orders/"), []);
        assert_eq!(found("raw/,orders/", "other", "orders/new/"), []);
        let fix = "deploy with LandingBuckets=acme,other,third".to_owned();
        assert_eq!(found("", "third", "orders/"), [(FindingVerdict::Broken, Some(fix))]);
        for location in ["orders/", "orders/*.csv"] {
            let fix = "deploy with LandingPrefixes=raw/,orders/, or without LandingPrefixes".to_owned();
            assert_eq!(found("raw/", "acme", location), [(FindingVerdict::Broken, Some(fix))]);
        }
    }

    #[test]
    fn a_location_with_events_of_only_a_part_is_a_warning() {
        let fix = "deploy with LandingPrefixes=orders/new/,orders/, or without LandingPrefixes".to_owned();
        assert_eq!(found("orders/new/", "acme", "orders/"), [(FindingVerdict::Warning, Some(fix))]);
        let fix = "deploy without LandingPrefixes".to_owned();
        assert_eq!(found("orders/new/", "acme", "*.csv"), [(FindingVerdict::Warning, Some(fix))]);
    }
}
