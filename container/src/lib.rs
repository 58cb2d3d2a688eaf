//! The entrypoint of the container: claims an attempt, runs dbt from the run's plan, and writes result.json however the
//! attempt ends.
//!
//! - [`Config`]: the environment variables. [`Store`]: the state bucket.
//! - [`claim`]: the object that decides which task may run the attempt. [`remaining_steps`]: the steps that an attempt
//!   still has to run.
//! - [`dbt_arguments`]: the command line of dbt. [`supervise`]: its process and signals. [`orphans`]: the duty of PID
//!   1.
//! - [`dbt_log`]: the events of dbt's log. [`progress`]: the lines of the task's log. [`node_results`]:
//!   `run_results.json` and `sources.json`.
//! - [`outcome`]: what the steps' results mean for the attempt. [`attempt`]: the steps of an attempt in order.
//!   [`run()`]: the whole program, from the environment to the exit code.
//!
//! **Architecture invariant:** no shell runs here. Nothing in a plan, in dbt's output or in an object's name is
//! interpreted by one.
//!
//! **Architecture invariant:** the task writes no object of an attempt before it owns the claim, and none after
//! result.json.

pub mod artifacts;
pub mod attempt;
pub mod batch_results;
pub mod batches;
pub mod claim;
mod clock;
pub mod command_batches;
mod command_line;
mod config;
pub mod console;
pub mod dbt_arguments;
pub mod dbt_log;
pub mod node_results;
pub mod node_selection;
pub mod orphans;
pub mod outcome;
pub mod printable_text;
pub mod progress;
pub mod redactor;
pub mod remaining_steps;
mod run;
mod store;
pub mod supervise;
mod task_metadata;

pub use config::{Config, ConfigError, PlanAddress};
pub use run::{exit_code, run};
pub use store::{Store, connect};
