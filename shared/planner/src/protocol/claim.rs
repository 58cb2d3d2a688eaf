//! The claim: the object by which a task proves that it may run an attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RunId, TaskArn};

/// The object `claim` of an attempt. The task writes it before it starts dbt, and the engine writes it to give the
/// attempt up. Both use `If-None-Match: *`, so the first writer wins and the object never changes (invariant L7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "claim")]
pub enum Claim {
    /// This task runs the attempt, and no other task may.
    Task {
        /// The ARN of the task, from the task metadata endpoint.
        task_arn: TaskArn,
    },
    /// No task may run the attempt any more.
    Revoked {
        /// Why the attempt was given up.
        reason: String,
    },
}

/// A claim with the time of its write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The claim of the attempt.
    pub claim: Claim,
    /// The time of its write by S3's clock, to the whole second.
    pub written_at: Timestamp,
}

impl Claim {
    /// Returns the claim's key in the state bucket.
    pub fn key(run: &RunId, attempt: u32) -> String {
        format!("{}claim", crate::Plan::attempt_prefix(run, attempt))
    }
}
