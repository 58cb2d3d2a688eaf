//! What the world answers, in words that the loop can act on. Where an answer was lost it says so.

use crate::TaskState;

/// What came of a write with `If-None-Match: *`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutNew {
    /// The object is there with exactly these bytes, and no object was there before.
    Created {
        /// Of the new object.
        etag: String,
    },
    /// Another object was there first. It is untouched.
    Exists,
}

/// What came of a write with `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareAndSwap {
    /// Ours is the object now.
    Written {
        /// Of the new object.
        etag: String,
    },
    /// Somebody else changed the object since it was read. Read, decide again, compare-and-swap again.
    Conflict,
    /// Nobody knows: read, and look for the own mark in what is there.
    Unknown {
        /// What came instead of an answer.
        fault: String,
    },
}

/// What came of `RunTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunTaskOutcome {
    /// ECS has taken up this task, now or when the same call was made before.
    Started {
        /// The task.
        task_arn: String,
    },
    /// ECS said no, and no task of this call exists. (If an earlier function made the same call and never heard of it, one may.)
    Refused {
        /// What can be done.
        class: StartRefusal,
        /// For people, in AWS's words.
        reason: String,
    },
    /// The token was used before with other parameters: these tasks bear it, and one of them is the attempt's.
    Conflict {
        /// Tasks.
        task_arns: Vec<String>,
    },
    /// Nobody knows whether a task was started. The identical call may be repeated, for 50 minutes; after that the attempt is revoked.
    Unknown {
        /// What came instead of an answer.
        error: String,
    },
}

/// What can be done about a task that ECS would not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartRefusal {
    /// AWS has no room now, or the account's quota is used up: later, or elsewhere.
    Capacity,
    /// Too many calls: soon.
    Throttled,
    /// It never will, until an operator mends the stack, the release or the role.
    Configuration,
    /// A word that is not known here.
    Other,
}

/// What came of `DescribeTasks`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DescribedTasks {
    /// Those that ECS knows.
    pub tasks: Vec<TaskState>,
    /// Those that ECS knows no more, or not yet (`MISSING`): a stopped task is shown for about an hour.
    pub missing: Vec<String>,
    /// Those about which ECS gave another reason: ARN and reason.
    pub failed: Vec<(String, String)>,
}
