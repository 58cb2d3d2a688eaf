//! Measures what starting a function costs, on the real binaries: time, CPU and memory from exec to the first request
//! for work, the files that are opened until then, and the size of the upload.
//!
//! - [`RuntimeApi`]: a stub of the Lambda Runtime API. Tests call functions through it, and the benchmark sees when
//!   they are ready.
//! - [`functions`]: the five functions and their environment.
//! - [`measure`]: one start. [`sizes`]: the zipped size of a function.

pub mod functions;
pub mod measure;
mod runtime_api;
pub mod sizes;

pub use runtime_api::{Answer, RuntimeApi, RuntimeApiError};
