//! Adapters to AWS, and the loop that carries out what the planner decides.
//!
//! - [`Config`]: the environment, read once. [`Clients`]: the SDK's clients, each made when it is first used. [`http_client`]: what all of them speak HTTP
//!   with.
//! - [`Store`]: S3 with conditional writes whose lost replies are told apart from lost races.
//! - [`Tasks`], [`task_definitions`]: ECS. [`Queue`]: SQS. [`Bus`]: `EventBridge`. [`Schedules`]: `EventBridge` Scheduler.
//! - [`events`]: what comes in, with only the fields that are used.
//! - [`engine_ports`]: AWS as the world of the loop that every function runs.
//! - [`clock`]: the one place that reads the time. [`logging`]: JSON lines for functions.
//!
//! An adapter decides nothing: it says what AWS answered in words that the planner can act on, and where the answer was lost it says so.

pub mod clients;
pub mod clock;
pub mod config;
pub mod engine_ports;
mod error;
pub mod event_bus;
pub mod events;
mod http;
pub mod logging;
pub mod queue;
pub mod schedules;
pub mod store;
pub mod task_definitions;
mod task_state;
pub mod tasks;

pub use clients::{Clients, ConnectError};
pub use config::{Config, ConfigError};
pub use error::{CallError, Fault};
pub use event_bus::Bus;
pub use http::http_client;
pub use landfall_engine::TaskState;
pub use queue::Queue;
pub use schedules::Schedules;
pub use store::{Store, StoreError};
pub use tasks::Tasks;
