//! The claim: the object by which a task proves that it may run an attempt.

use serde::{Deserialize, Serialize};

use crate::RunId;

/// The object `claim`, written with `If-None-Match: *` by the task before dbt, or by whoever gives the attempt up. First come wins for ever (L7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "claim")]
pub enum Claim {
    /// This task runs the attempt, and no other may.
    Task {
        /// From the task metadata endpoint.
        task_arn: String,
    },
    /// Nobody may run the attempt any more.
    Revoked {
        /// Why it was given up.
        reason: String,
    },
}

impl Claim {
    /// The claim's key in the state bucket.
    pub fn key(run: &RunId, attempt: u32) -> String {
        format!("{}claim", crate::Plan::attempt_prefix(run, attempt))
    }
}
