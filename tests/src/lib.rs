//! Tests that involve several crates: see `tests/`.
