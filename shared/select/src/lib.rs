//! dbt's node selection over an index.
