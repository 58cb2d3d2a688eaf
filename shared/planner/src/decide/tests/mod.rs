//! Tests of the planner with the manifest of the example project.

mod available_ancestors;
mod batches;
mod board_size;
mod commands;
mod full_refresh;
mod large_plans;
mod lease_index;
mod leases;
mod loads;
mod missing_tasks;
mod outside_times;
mod readiness;
mod recovery;
mod releases;
mod round_trip;
mod runs;
mod stops;
mod wait_reasons;
mod world;
