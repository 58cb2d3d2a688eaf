//! The differences in selection between versions of dbt.

/// The rules of a range of dbt versions. [`Dialect::default`] is dbt-core 1.11.16, with which the conformance corpus
/// was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Since 1.11.16 and 1.12.6, a wildcard without a dot (`stg_*`) also matches the name of a node in any folder.
    pub bare_wildcard_matches_name: bool,
    /// Since 1.12, a definition that refers to another selector may come before that selector and may have operators
    /// and `exclude` of its own, and `selector:NAME` works on the command line.
    pub selector_method: bool,
    /// The project flag `state_modified_compare_more_unrendered_values`, which the manifest does not contain: sources
    /// are compared as written instead of as rendered for a target
    /// (<https://docs.getdbt.com/reference/node-selection/state-comparison-caveats>).
    pub compare_unrendered_sources: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { bare_wildcard_matches_name: true, selector_method: false, compare_unrendered_sources: false }
    }
}

impl Dialect {
    /// The rules of the newest version that Landfall supports, 1.12.6.
    pub const NEWEST: Self =
        Self { bare_wildcard_matches_name: true, selector_method: true, compare_unrendered_sources: false };

    /// The rules of a dbt version such as `1.11.15`. For text that is no version, the default rules.
    pub fn of_version(version: &str) -> Self {
        let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
        let (Some(major), Some(minor)) = (parts.next(), parts.next()) else { return Self::default() };
        let patch = parts.next().unwrap_or(0);
        let bare_wildcard_matches_name = match (major, minor) {
            (0, _) | (1, 0..=10) => false,
            (1, 11) => patch >= 16,
            (1, 12) => patch >= 6,
            _ => true,
        };
        Self { bare_wildcard_matches_name, selector_method: (major, minor) >= (1, 12), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn patch_releases_changed_bare_wildcards() {
        for (version, expected) in [
            ("1.11.15", false),
            ("1.11.16", true),
            ("1.12.5", false),
            ("1.12.6", true),
            ("1.9.0b1", false),
            ("2.0.0", true),
        ] {
            assert_eq!(Dialect::of_version(version).bare_wildcard_matches_name, expected, "{version}");
        }
    }
}
