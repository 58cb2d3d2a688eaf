//! Optimistic concurrency without any service: the ETag of an object, what a conditional write comes to, and how long to wait between tries.
//!
//! The engine, the S3 adapter and the container share these types. They are in a crate of their own so that the engine knows no AWS SDK and the
//! container knows no engine.

mod backoff;
mod outcomes;

pub use backoff::Backoff;
pub use outcomes::{CompareAndSwap, Etag, PutNew};
