//! Histories of faults in virtual time. The planner, the loop of `landfall-engine` and the compiler of releases are the real ones; S3, SQS,
//! `EventBridge`, ECS, Lambda and the container are simulated, with everything that they are known to do to their users.
//!
//! - [`scenario`]: what a history is made of, drawn from its seed. [`project`]: small dbt projects.
//! - [`world`]: the simulated services. [`ports`]: the world as the loop sees it. [`container`]: what runs in ECS. [`docs`]: the docs bucket. [`exec`]: processes in virtual time.
//! - [`history`]: one history, from its seed to its end. [`check`]: what must be true of it, by the ids of ARCHITECTURE.md.
//!
//! The services keep the contracts that `shared/cloud/tests/emulator` holds the emulator to.

pub mod check;
pub mod container;
pub mod docs;
pub mod exec;
pub mod history;
pub mod minimal_trace;
pub mod mutants;
pub mod ports;
pub mod project;
pub mod scenario;
pub mod services;
pub mod world;
