//! Whether the stack hears of what lands where the release says: its rule knows buckets, prefixes and deletions by the stack's parameters, and the
//! release knows locations by landfall.yml. Where they differ nothing is lost loudly, it is just never delivered.

use landfall_planner::{Compiled, Location, OnDelete};

use super::{Deployed, Report};
use crate::text::list;

/// Looks at each dataset's locations.
pub fn examine(report: &mut Report, deployed: &Deployed, own: Option<&String>, compiled: &Compiled) {
    let buckets = deployed.landing_buckets(own);
    if buckets.is_empty() {
        return;
    }
    for (name, dataset) in &compiled.datasets {
        let about = format!("dataset {name}");
        for location in &dataset.locations {
            judge(report, deployed, &buckets, &about, location);
        }
        if dataset.on_delete == OnDelete::Load && deployed.parameter("Deletions") != Some("deliver") {
            report.broken(
                about,
                "a deletion is a load of it (on_delete), and the stack hears of no deletions",
                "deploy with Deletions=deliver",
            );
        }
    }
}

fn judge(report: &mut Report, deployed: &Deployed, buckets: &[String], about: &str, location: &Location) {
    if !buckets.contains(&location.bucket) {
        return report.broken(
            about,
            format!("lands in {location}, and the stack hears of nothing but {}", list(buckets, 6)),
            format!("deploy with LandingBuckets={},{}", buckets.join(","), location.bucket),
        );
    }
    let prefixes: Vec<&str> = deployed.parameter("LandingPrefixes").unwrap_or_default().split(',').collect();
    if prefixes.iter().any(|prefix| location.prefix.starts_with(prefix)) {
        return;
    }
    let fix = format!("deploy with LandingPrefixes={},{}, or with none", prefixes.join(","), location.prefix);
    let below: Vec<&str> = prefixes.iter().copied().filter(|prefix| prefix.starts_with(&location.prefix)).collect();
    if below.is_empty() {
        report.broken(
            about,
            format!("lands in {location}, and the stack hears of nothing but {}", list(&prefixes, 6)),
            fix,
        );
    } else {
        report.warning(about, format!("of {location} the stack hears only what lands in {}", list(&below, 6)), fix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn found(prefixes: &str, bucket: &str, prefix: &str) -> Vec<(Verdict, Option<String>)> {
        let parameters = [("LandingBuckets", "acme,other"), ("LandingPrefixes", prefixes)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let deployed = Deployed { parameters, ..Deployed::default() };
        let mut report = Report::default();
        let location = Location { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        judge(&mut report, &deployed, &deployed.landing_buckets(None), "dataset a.b", &location);
        report.findings.into_iter().map(|it| (it.verdict, it.fix)).collect()
    }

    #[test]
    fn a_location_in_a_bucket_or_under_a_prefix_that_the_stack_is_not_told_of_is_broken() {
        assert_eq!(found("", "acme", "orders/"), []);
        assert_eq!(found("raw/,orders/", "other", "orders/new/"), []);
        let fix = "deploy with LandingBuckets=acme,other,third".to_owned();
        assert_eq!(found("", "third", "orders/"), [(Verdict::Broken, Some(fix))]);
        let fix = "deploy with LandingPrefixes=raw/,orders/, or with none".to_owned();
        assert_eq!(found("raw/", "acme", "orders/"), [(Verdict::Broken, Some(fix))]);
    }

    #[test]
    fn a_location_of_which_only_a_part_is_heard_is_a_warning() {
        let fix = "deploy with LandingPrefixes=orders/new/,orders/, or with none".to_owned();
        assert_eq!(found("orders/new/", "acme", "orders/"), [(Verdict::Warning, Some(fix))]);
    }
}
