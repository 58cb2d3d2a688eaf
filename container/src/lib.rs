//! The entrypoint of the container: claims an attempt, runs dbt from its plan, and leaves the result, whatever happens.
//!
//! - [`Config`]: the environment, read once. [`Store`]: the state bucket, as three verbs.
//! - [`claim`]: the one object that decides who may run the attempt. [`remaining`]: what an attempt has left to do.
//! - [`command`]: dbt's arguments. [`supervise`]: dbt's process, from spawn to the last line, with its signals. [`reap`]: the duty of PID 1.
//! - [`events`]: dbt's log. [`progress`]: the lines that people read. [`results`]: `run_results.json` and sources.json.
//! - [`verdict`]: what the steps come to. [`attempt`]: all of it in order. [`run()`]: from the environment to the exit code.
//!
//! **Architecture invariant:** nothing of a plan, of dbt's output or of an object's name reaches a shell; there is none.
//!
//! **Architecture invariant:** nothing is written for an attempt before its claim is ours, and nothing after its result.json.

pub mod artifacts;
pub mod attempt;
pub mod claim;
mod clock;
pub mod command;
mod config;
pub mod events;
mod metadata;
pub mod progress;
pub mod reap;
pub mod redact;
pub mod remaining;
pub mod results;
mod run;
mod store;
pub mod supervise;
pub mod text;
pub mod verdict;

pub use config::{BadConfig, Config, PlanAddress};
pub use run::{exit_code, run};
pub use store::{Store, connect};
