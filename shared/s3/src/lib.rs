//! The S3 adapter of the functions, the container and the command line.
//!
//! - [`Store`]: one bucket, with conditional writes that tell a lost reply from a lost race.
//! - [`CallError`], [`Fault`]: what AWS said, by what the caller can do next; for calls to every service.
//! - [`http_client`], [`sdk_config`]: how every client connects.
//! - [`s3_time`]: the time by S3's clock.
//! - [`sleep_up_to`]: the wait between two tries.

mod connection;
mod error;
mod http;
mod listing;
mod retry;
mod s3_clock;
mod store;

pub use connection::{sdk_config, timestamp};
pub use error::{CallError, Fault};
pub use http::http_client;
pub use landfall_concurrency::{Backoff, CompareAndSwap, Etag, PutNew};
pub use listing::{Listed, Version};
pub use retry::sleep_up_to;
pub use s3_clock::{RecordS3Time, s3_time};
pub use store::{Retries, Store, StoreError, Stored};
