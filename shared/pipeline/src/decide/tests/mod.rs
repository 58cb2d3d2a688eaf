//! The decider tried on the example project's own manifest.

mod loads;
mod releases;
mod runs;
mod stops;
mod world;
