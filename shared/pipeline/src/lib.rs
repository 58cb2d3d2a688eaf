//! The decider: what a load, a release, a job or a stopped task leads to. Pure: no async, no AWS, no clock.
//!
//! - [`project`](Project): landfall.yml. [`release`](Release): a version of the dbt project, compiled for the planner.
//! - [`board`](Board): the live state. [`decide()`]: (board, release, input, now) -> (board, ledger lines, plans). [`pending()`]: what the board
//!   asks anybody to do.
//! - [`invariants`]: what must always be true. [`safeguards`]: the protocol's rules by name, for those who try to break them.
//! - [`plan`](Plan) and [`report`](RunResult): what a run is told, and what it tells.

mod board;
mod cause;
mod compile;
mod debt;
mod decide;
mod exact;
mod graph;
mod ids;
pub mod invariants;
mod ledger;
mod load;
mod locations;
mod meta;
mod pending;
mod plan;
mod project;
mod ready;
mod recent;
mod release;
mod report;
mod runs;
pub mod safeguards;
#[cfg(test)]
mod schema;
mod set;
mod stop;
mod stored;
mod values;

pub use board::{
    Announcement, Asks, Attempt, AttemptState, BOARD_KEY, BOARD_VERSION, Board, Budget, DatasetState, DeadLetters,
    DocsOwed, DocsState, Draining, Groups, LimitReached, NONCES_KEPT, OpenGroup, Run,
};
pub use cause::{BadCause, Cause};
pub use compile::{CompileError, CompileInput, compile};
pub use debt::{Debt, OwedNodes, Stuck};
pub use decide::{
    ASKS_KEPT, COUNTED_KEPT, Context, Decision, EPOCH_JUMP, Found, FoundClaim, FoundRun, GROUPS_CLOSED, GROUPS_OPEN,
    Input, Load, MARGIN, MOST_ATTEMPTS, PATIENCE, RECENT_KEPT, Stop, Waiting, Why, decide, long_gone, waits, waits_for,
};
pub use ids::{BadName, DatasetName, JobName, NodeId, Nonce, ReleaseId, RunId, compact};
pub use ledger::{About, FailedNode, LedgerHeader, LedgerLine, LedgerObject, LedgerOutcome, RunCause, ledger_key};
pub use load::{Ask, Asked, DatasetLoaded, ObjectEvent};
pub use locations::{Location, LocationError, Locations, Place};
pub use pending::{Effect, OVERDUE_AFTER, REPEAT_FOR, next_due, pending};
pub use plan::{
    ATTEMPT_VARIABLE, PLAN_VARIABLE, PLAN_VERSION, Plan, PlannedCause, PlannedNode, RunTaskCall, Selection, Step,
    TaskSettings, WaitingNode,
};
pub use project::{
    DatasetConfig, DocsConfig, FirstRelease, JobConfig, JobSelection, Loads, Operation, Project, ProjectError,
    ReleaseConfig, RetryRung,
};
pub use ready::{MOST_COUNTED, OnDelete, Ready, ReadyPolicy};
pub use recent::{EventMark, Recent};
pub use release::{COMPILED_VERSION, Compiled, Dataset, Job, Release, ReleaseError};
pub use report::{Claim, NodeResult, NodeStatus, Outcome, RESULT_VERSION, RunResult, StepResult};
pub use runs::{Capacity, Hooks, LimitsConfig, RunsConfig, Warehouse};
pub use set::Set;
pub use stop::StopClass;
pub use stored::{BoardError, StoredBoard};
pub use values::{Span, Words};
