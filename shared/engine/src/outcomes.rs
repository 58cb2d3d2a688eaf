//! What the ports return, in terms that the engine can act on.

use landfall_concurrency::Etag;
use landfall_planner::{Plan, StoredBoard, TaskArn};

use crate::TaskState;

/// The board as one read returned it.
#[derive(Debug)]
pub struct ReadBoard {
    /// The board in its stored form.
    pub board: StoredBoard,
    /// The ETag for the next compare-and-swap.
    pub etag: Etag,
}

/// A plan as one read returned it.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadPlan {
    /// The plan as written.
    Found(Box<Plan>),
    /// The plan is missing or malformed. Reading it again cannot help.
    Unusable {
        /// What is wrong, with the plan's address.
        reason: String,
    },
}

/// The number of messages in the dead-letter queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLetterCounts {
    /// Messages about loads.
    pub loads: u64,
    /// Invocations of functions.
    pub functions: u64,
}

/// The outcome of `RunTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunTaskOutcome {
    /// ECS accepted the task, in this call or in an earlier identical one.
    Started {
        /// The task's ARN.
        task_arn: TaskArn,
    },
    /// ECS refused, and this call created no task. An earlier identical call whose reply was lost may have created one.
    Refused {
        /// What can be done about it.
        class: StartRefusal,
        /// The error of AWS.
        reason: String,
    },
    /// The client token was used before with other parameters. One of these tasks is the attempt's.
    Conflict {
        /// The ARNs of the tasks with that token.
        task_arns: Vec<TaskArn>,
    },
    /// The reply was lost. The identical call may be repeated for 50 minutes; after that the attempt is revoked.
    Unknown {
        /// The error that came instead of a reply.
        error: String,
    },
}

/// What can be done about a task that ECS refused to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartRefusal {
    /// AWS has no capacity, or the account's quota is used up. Retry later, or with another capacity.
    Capacity,
    /// Too many calls. Retry soon.
    Throttled,
    /// An operator must fix the stack, the release or the role first.
    Configuration,
    /// An error code that Landfall does not know.
    Other,
}

/// The outcome of `DescribeTasks`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DescribedTasks {
    /// The tasks that ECS knows.
    pub tasks: Vec<TaskState>,
    /// The ARNs that ECS does not know yet or any more (`MISSING`). ECS shows a stopped task for about an hour.
    pub missing: Vec<TaskArn>,
    /// The tasks that ECS could not describe.
    pub failed: Vec<DescribeFailure>,
}

/// One task that ECS could not describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeFailure {
    /// The task's ARN, if the answer names a valid one.
    pub task_arn: Option<TaskArn>,
    /// The reason that ECS gives.
    pub reason: String,
}
