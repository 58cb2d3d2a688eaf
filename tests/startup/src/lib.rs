//! What starting a function costs, measured on the real binaries: time, CPU and memory from exec to the first request for work, the files that
//! are opened on the way, and the size that is uploaded.
//!
//! - [`RuntimeApi`]: a stub of the Lambda Runtime API. Tests call functions through it; the benchmark sees when they are ready.
//! - [`functions`]: the five, and the environment that the template gives them.
//! - [`measure`]: one start, measured. [`sizes`]: what a function weighs zipped.

pub mod functions;
pub mod measure;
mod runtime_api;
pub mod sizes;

pub use runtime_api::{Answer, RuntimeApi, RuntimeApiError};
