//! Adapters to AWS, and the engine's ports over them.
//!
//! - [`Config`]: the environment, read once. [`Clients`]: the SDK's clients.
//! - [`Store`], from `landfall-s3`: S3. [`Tasks`], [`task_definitions`]: ECS. [`Queue`]: SQS. [`Bus`]: `EventBridge`. [`Schedules`]: `EventBridge`
//!   Scheduler.
//! - [`events`]: the events that functions receive, with only the fields that are used.
//! - [`engine_ports`]: AWS as the ports of the engine.
//! - [`clock`]: the only module that reads the time. [`logging`]: JSON log lines for functions.
//!
//! An adapter decides nothing. It returns what AWS answered in terms that the planner can act on, and says so where the answer was lost.

pub mod bucket_files;
pub mod clients;
pub mod clock;
pub mod config;
pub mod engine_ports;
pub mod event_bus;
pub mod events;
mod job_schedules;
pub mod logging;
pub mod queue;
pub mod schedules;
pub mod task_definitions;
mod task_state;
pub mod tasks;
mod unprocessed_releases;
mod wake_chain;

pub use clients::{Clients, ConnectError};
pub use config::{Config, ConfigError};
pub use event_bus::Bus;
pub use landfall_engine::TaskState;
pub use landfall_s3::{
    self as store, CallError, Etag, Fault, Store, StoreError, http_client, sdk_config, sleep_up_to, timestamp,
};
pub use queue::Queue;
pub use schedules::Schedules;
pub use tasks::Tasks;
