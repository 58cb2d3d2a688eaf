//! What a conditional write comes to. Where the reply was lost, the outcome says so.

use std::fmt;

/// The ETag of one version of an object, with the quotes that S3 puts around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// The ETag as the store returned it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text for the `If-Match` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The outcome of a write with `If-None-Match: *`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutNew {
    /// The object holds exactly these bytes, and no object was there before.
    Created {
        /// The ETag of the new object.
        etag: Etag,
    },
    /// Another object was there first. It is unchanged.
    Exists,
}

/// The outcome of a write with `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareAndSwap {
    /// The write succeeded.
    Written {
        /// The ETag of the new version.
        etag: Etag,
    },
    /// Another writer changed the object since it was read. Read again, decide again, then repeat the compare-and-swap.
    Conflict,
    /// The reply was lost. Read the object and look for the writer's own nonce in it.
    Unknown {
        /// The error that came instead of a reply.
        fault: String,
    },
}
