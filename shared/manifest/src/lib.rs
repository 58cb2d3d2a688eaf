//! dbt's manifest.json read into an index.
