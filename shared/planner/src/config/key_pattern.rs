//! Patterns of keys, matched as the readers of data lakes match them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The characters that begin a wildcard or an escape.
pub(super) const WILDCARDS: [char; 5] = ['*', '?', '[', '{', '\\'];

/// How the wildcards of a pattern are read.
///
/// Both have `*` and `?` within one part of the path, `[..]` and `{a,b}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlobSyntax {
    /// As `DuckDB`: `**` matches any number of folders, and only keys that match are read
    /// (<https://duckdb.org/docs/stable/data/multiple_files/overview#syntax>). Patterns of landfall.yml are read so.
    #[default]
    #[serde(rename = "duckdb")]
    DuckDb,
    /// As Hadoop and Spark: a folder that matches is read with all that is below it, and names that start with `_` or
    /// `.` are not data
    /// (<https://hadoop.apache.org/docs/stable/api/org/apache/hadoop/fs/FileSystem.html#globStatus-org.apache.hadoop.fs.Path->).
    Hadoop,
}

impl GlobSyntax {
    /// Returns the syntax in which a dbt adapter, such as `duckdb` or `spark`, reads the locations of its sources.
    pub fn of_adapter(adapter: Option<&str>) -> Self {
        match adapter {
            Some("athena" | "databricks" | "fabricspark" | "glue" | "spark" | "trino") => Self::Hadoop,
            _ => Self::DuckDb,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    pub(super) fn is_duckdb(&self) -> bool {
        *self == Self::DuckDb
    }
}

/// The pattern of a location, ready to be compared with keys.
///
/// A pattern without a wildcard is a folder, or one object: `orders` matches `orders` and `orders/a.csv`, and not
/// `orders_old/a.csv`. A pattern that ends with `/` matches all that is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPattern(Vec<Form>);

/// One of the forms that a key of the location can have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// The key is this text, or lies below it as below a folder.
    Folder(String),
    /// The key matches this glob, in the syntax of the crate `fast-glob`.
    Glob(String),
}

impl KeyPattern {
    /// Reads the pattern of a location.
    pub(super) fn new(pattern: &str, syntax: GlobSyntax) -> Self {
        if !pattern.contains(WILDCARDS) {
            return Self(vec![Form::Folder(pattern.to_owned())]);
        }
        let glob = to_glob(pattern, syntax);
        if glob.ends_with('/') {
            return Self(vec![Form::Glob(format!("{glob}**"))]);
        }
        let mut forms = Vec::new();
        if syntax == GlobSyntax::Hadoop {
            forms.push(Form::Glob(format!("{glob}/**")));
        }
        forms.push(Form::Glob(glob));
        Self(forms)
    }

    /// Says what is wrong with the pattern of a location, if it cannot be read.
    pub(super) fn check(pattern: &str, syntax: GlobSyntax) -> Result<(), String> {
        fast_glob::validate(to_glob(pattern, syntax)).map_err(|error| error.to_string())
    }

    /// Returns whether the pattern matches a key.
    pub fn matches(&self, key: &str) -> bool {
        self.0.iter().any(|form| match form {
            Form::Folder(folder) => is_below(folder, key),
            Form::Glob(glob) => fast_glob::glob_match(glob, key),
        })
    }

    /// Returns whether the pattern can match a key below a folder.
    pub fn may_match_below(&self, folder: &str) -> bool {
        let folder = folder.trim_end_matches('/');
        self.0.iter().any(|form| match form {
            Form::Folder(own) => is_below(own, folder) || is_below(folder, own.trim_end_matches('/')),
            Form::Glob(glob) => {
                let mut parts = glob.split('/');
                for part in folder.split('/').filter(|part| !part.is_empty()) {
                    match parts.next() {
                        // Of braces around a slash, a part is no pattern: it may match anything.
                        Some(part) if part == "**" || fast_glob::validate(part).is_err() => return true,
                        Some(glob) if fast_glob::glob_match(glob, part) => {}
                        _ => return false,
                    }
                }
                parts.next().is_some()
            }
        })
    }
}

/// Returns whether a key is this text, or lies below it as below a folder.
fn is_below(folder: &str, key: &str) -> bool {
    key.strip_prefix(folder)
        .is_some_and(|rest| folder.is_empty() || folder.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

/// Translates a pattern to the syntax of `fast-glob`, in which a leading `!` negates, `**` is a whole part of the path,
/// and `\n` is a line break.
fn to_glob(pattern: &str, syntax: GlobSyntax) -> String {
    let parts = pattern.split('/').map(|part| match (part, syntax) {
        ("**", GlobSyntax::DuckDb) => Cow::Borrowed(part),
        _ => single_stars(part),
    });
    let joined = parts.collect::<Vec<_>>().join("/");
    let mut glob = String::with_capacity(joined.len() + 1);
    if joined.starts_with('!') {
        glob.push('\\');
    }
    let mut chars = joined.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some('a' | 'b' | 'n' | 'r' | 't')) => {}
            ('\\', Some(next)) => {
                glob.extend([c, next]);
                chars.next();
            }
            _ => glob.push(c),
        }
    }
    glob
}

fn single_stars(part: &str) -> Cow<'_, str> {
    if !part.contains("**") {
        return Cow::Borrowed(part);
    }
    let mut text = String::with_capacity(part.len());
    for c in part.chars() {
        if c != '*' || !text.ends_with('*') {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching<'k>(pattern: &str, syntax: GlobSyntax, keys: &[&'k str]) -> Vec<&'k str> {
        KeyPattern::check(pattern, syntax).unwrap();
        let pattern = KeyPattern::new(pattern, syntax);
        keys.iter().copied().filter(|key| pattern.matches(key)).collect()
    }

    #[test]
    fn duckdbs_wildcards_stay_within_a_folder_except_two_stars() {
        let keys = ["o/a.csv", "o/b/a.csv", "o/b/c/a.csv", "o/a.json", "o_/a.csv", "o/é.csv", "o/a\nb.csv"];
        let duckdb = |pattern| matching(pattern, GlobSyntax::DuckDb, &keys);
        assert_eq!(duckdb("o/*.csv"), ["o/a.csv", "o/é.csv", "o/a\nb.csv"]);
        assert_eq!(duckdb("o/**/*.csv"), ["o/a.csv", "o/b/a.csv", "o/b/c/a.csv", "o/é.csv", "o/a\nb.csv"]);
        assert_eq!(duckdb("o/**"), ["o/a.csv", "o/b/a.csv", "o/b/c/a.csv", "o/a.json", "o/é.csv", "o/a\nb.csv"]);
        assert_eq!(duckdb("o/?.csv"), ["o/a.csv"]);
        assert_eq!(duckdb("o/[a-c].{csv,json}"), ["o/a.csv", "o/a.json"]);
        assert_eq!(duckdb("o/[!a]/a.csv"), ["o/b/a.csv"]);
        assert_eq!(duckdb("*/a**.csv"), ["o/a.csv", "o_/a.csv", "o/a\nb.csv"]);
        assert_eq!(duckdb("o/a.csv"), ["o/a.csv"]);
    }

    #[test]
    fn a_folder_that_matches_in_hadoops_syntax_is_read_with_all_below_it() {
        let keys = ["o/d=1/a.csv", "o/d=1/e=2/a.csv", "o/a.csv", "p/d=1/a.csv"];
        assert_eq!(matching("o/d=*", GlobSyntax::Hadoop, &keys), ["o/d=1/a.csv", "o/d=1/e=2/a.csv"]);
        assert_eq!(matching("o/d=*", GlobSyntax::DuckDb, &keys), [""; 0]);
        assert_eq!(matching("o/d=*/", GlobSyntax::DuckDb, &keys), ["o/d=1/a.csv", "o/d=1/e=2/a.csv"]);
        assert_eq!(matching("o/**", GlobSyntax::Hadoop, &keys), ["o/d=1/a.csv", "o/d=1/e=2/a.csv", "o/a.csv"]);
    }

    #[test]
    fn characters_with_a_meaning_for_the_glob_library_alone_are_plain_text() {
        let keys = ["!o/a.csv", "o/a.csv", "on/a*.csv", "on/ab.csv"];
        assert_eq!(matching("!o/*.csv", GlobSyntax::DuckDb, &keys), ["!o/a.csv"]);
        assert_eq!(matching("o\\n/a\\*.csv", GlobSyntax::DuckDb, &keys), ["on/a*.csv"]);
        assert_eq!(matching("o\\\\n/*", GlobSyntax::DuckDb, &["o\\n/a", "on/a", "o\n/a"]), ["o\\n/a"]);
    }

    #[test]
    fn a_model_may_write_below_a_pattern_that_cannot_match_there() {
        let below = |pattern, folder| KeyPattern::new(pattern, GlobSyntax::DuckDb).may_match_below(folder);
        assert!(!below("data/*.csv", "data/out/"));
        assert!(below("data/*.csv", "data/"));
        assert!(below("data/**/*.csv", "data/out"));
        assert!(below("data/", "data/out/"));
        assert!(below("data/out/x.csv", "data/out/"));
        assert!(below("*/out/*.csv", "data/out/"));
        assert!(below("{data/in,raw}/*.csv", "data/in/"));
        assert!(!below("data/", "dat/"));
    }
}
