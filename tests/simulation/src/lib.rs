//! Histories of faults in virtual time. The planner, the engine and the compiler of releases are the real ones. S3,
//! SQS, `EventBridge`, ECS, Lambda and the container are simulated, with every fault that they are known to have.
//!
//! - [`scenario`]: the parts of a history, drawn from its seed. [`project`]: small dbt projects.
//! - [`arrivals`]: what arrives from outside, with the times that its senders state.
//! - [`world`]: the state of the simulated services. [`services`]: what they do with a call. [`ports`]: the services
//!   as the engine calls them. [`container`]: the task in ECS. [`docs`]: the docs bucket. [`exec`]: processes in
//!   virtual time.
//! - [`history`]: one history, from its seed to its end. [`check`]: what must be true at its end, by the ids of
//!   ARCHITECTURE.md. [`minimal_trace`]: the smallest part of a history that still violates an invariant.
//! - [`mutants`]: the protocol with one safeguard missing.
//!
//! The test `contract` makes the same assertions of the simulated services and of the emulator.

pub mod arrivals;
pub mod check;
pub mod check_times;
pub mod container;
pub mod docs;
pub mod exec;
pub mod history;
pub mod minimal_trace;
pub mod mutants;
pub mod ports;
pub mod project;
pub mod scenario;
mod scheduler;
pub mod services;
pub mod world;
