//! The decider tried on the example project's own manifest.

mod asked;
mod budget;
mod explain;
mod gather;
mod leases;
mod loads;
mod quick;
mod recover;
mod refresh;
mod releases;
mod runs;
mod stops;
mod world;
