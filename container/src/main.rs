//! The entrypoint of the container: runs dbt from a plan.

fn main() {}
