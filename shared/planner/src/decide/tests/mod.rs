//! Tests of the planner with the manifest of the example project.

mod board_size;
mod commands;
mod full_refresh;
mod lease_index;
mod leases;
mod loads;
mod readiness;
mod recovery;
mod releases;
mod runs;
mod stops;
mod wait_reasons;
mod world;
