//! Log lines for functions: JSON on standard output, which Lambda hands to `CloudWatch` Logs line by line.

use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config;

/// Sets up the log. A second call changes nothing.
///
/// The level comes from `LANDFALL_LOG`, else from `RUST_LOG`, else it is `info`. The value is a level such as `debug`, or levels by crate such as
/// `landfall_aws=debug,warn`. An invalid value is logged and counts as `info`: a misspelt level must not stop a load. `EnvFilter` could also filter
/// by spans and fields, but it needs a library of regular expressions, which is a twentieth of a function's size.
pub fn init() {
    let requested = config::variable("LANDFALL_LOG").or_else(|| config::variable("RUST_LOG"));
    let (filter, problem) = filter(requested.as_deref());
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    let set = tracing_subscriber::registry().with(lines).with(filter).try_init();
    if let (Ok(()), Some(problem)) = (set, problem) {
        tracing::warn!(problem, "the log level is invalid: using info");
    }
}

fn filter(requested: Option<&str>) -> (Targets, Option<String>) {
    let info = || Targets::new().with_default(Level::INFO);
    match requested.map(str::parse::<Targets>) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (info(), Some(error.to_string())),
        None => (info(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_log_level_becomes_info_with_a_warning() {
        assert_eq!(filter(None).0.to_string(), "info");
        let by_crate = filter(Some("landfall_aws=debug,warn")).0;
        assert!(by_crate.would_enable("landfall_aws::store", &Level::DEBUG));
        assert!(!by_crate.would_enable("hyper", &Level::INFO) && by_crate.would_enable("hyper", &Level::WARN));
        let (filter, problem) = filter(Some("landfall=loud=er"));
        assert_eq!(filter.to_string(), "info");
        assert!(problem.is_some());
    }
}
