//! Log lines for functions: JSON on standard output, which Lambda hands to `CloudWatch` Logs line by line.

use tracing_subscriber::EnvFilter;

use crate::config;

/// Sets up the log, once; a second call changes nothing.
///
/// The level comes from `LANDFALL_LOG`, else `RUST_LOG`, in
/// [`EnvFilter`'s words](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html), else `info`. Words that
/// cannot be read fall back to `info` and say so in the log: a misspelt level must not stop a load.
pub fn init() {
    let asked = config::variable("LANDFALL_LOG").or_else(|| config::variable("RUST_LOG"));
    let (filter, problem) = filter(asked.as_deref());
    let set =
        tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).try_init();
    if let (Ok(()), Some(problem)) = (set, problem) {
        tracing::warn!(problem, "the log level cannot be read: using info");
    }
}

fn filter(asked: Option<&str>) -> (EnvFilter, Option<String>) {
    match asked.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new("info"), Some(error.to_string())),
        None => (EnvFilter::new("info"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_falls_back_to_info_and_says_so() {
        assert_eq!(filter(None).0.to_string(), "info");
        assert_eq!(filter(Some("landfall_cloud=debug,warn")).0.to_string(), "landfall_cloud=debug,warn");
        let (filter, problem) = filter(Some("landfall=loud=er"));
        assert_eq!(filter.to_string(), "info");
        assert!(problem.is_some());
    }
}
