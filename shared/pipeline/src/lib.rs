//! The decider: what a load, a release, a job or a stopped task leads to. Pure: no async, no AWS, no clock.
//!
//! - [`project`](Project): landfall.yml. [`release`](Release): a version of the dbt project, compiled for the planner.
//! - [`board`](Board): the live state. [`decide`]: (board, release, input, now) -> (board, ledger lines, plans). [`pending`]: what the board
//!   asks anybody to do.
//! - [`plan`](Plan) and [`report`](RunResult): what a run is told, and what it tells.

mod board;
mod cause;
mod ids;
mod ledger;
mod load;
mod plan;
mod project;
mod report;
mod set;

pub use board::{
    Attempt, AttemptState, BOARD_KEY, BOARD_VERSION, Board, BoardError, DatasetState, Debt, DocsOwed, DocsState,
    NONCES_KEPT, Run, Stuck,
};
pub use cause::{BadCause, Cause};
pub use ids::{BadName, DatasetName, JobName, NodeId, Nonce, ReleaseId, RunId, compact};
pub use ledger::{About, FailedNode, LedgerHeader, LedgerLine, LedgerObject, LedgerOutcome, RunCause, ledger_key};
pub use load::{DatasetLoaded, ObjectEvent};
pub use plan::{
    ATTEMPT_VARIABLE, PLAN_VARIABLE, PLAN_VERSION, Plan, PlannedCause, PlannedNode, RunTaskCall, Selection, Step,
    TaskSettings, WaitingNode,
};
pub use project::{
    Capacity, DatasetConfig, DocsConfig, FirstRelease, JobConfig, JobSelection, LimitsConfig, Loads, Operation, Project,
    ProjectError, Ready, ReleaseConfig, RetryRung, RunsConfig, Span, Warehouse, Words,
};
pub use report::{Claim, NodeResult, NodeStatus, Outcome, RESULT_VERSION, RunResult, StepResult};
pub use set::Set;
