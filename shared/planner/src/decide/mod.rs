//! The planner's rules: `decide(board, input, context) -> decision`. They cannot wait, log in or read a clock, so a million histories of them run
//! in seconds, and each rule can be tested alone.
//!
//! - [`input`]: what happened and what is known. [`decision`]: `decide` itself. [`limits`]: the numbers. [`mod@due`]: times that the rules share.
//! - [`load_events`]: events of loads open backlog entries, or are covered, unmapped or ignored (L1, L5). [`readiness`]: when a load is complete.
//! - [`admission`]: backlog entries that are ready become runs, as leases allow (L3, L4, L9). [`admission_queue`]: what keeps them.
//!   [`mod@wait_reasons`]: the same for people. [`missing_parents`]: nodes whose parents were never built. [`lease_index`]: the same quickly, for
//!   thousands of entries. [`fairness`]: checks the order of a decision. [`planning`]: freezes a plan.
//! - [`attempts`]: a task started, was refused or was revoked. [`settlement`]: a task stopped; its run completes nodes or is tried again (L2, L6, L7).
//!   [`full_refresh`]: incremental models that failed are built from nothing.
//! - [`releases`], [`jobs`], [`commands`]: the other triggers, and operator commands. [`recovery`]: a board that was restored.
//! - [`rules`]: the rules that the simulation replaces. [`mod@run_kind`]: what a run does. [`runnable_nodes`]: what of a selection can run now.
//! - [`mod@effects`]: what the board asks every function to do.

mod admission;
mod admission_queue;
mod attempts;
mod commands;
mod decision;
mod due;
mod effects;
mod fairness;
mod full_refresh;
mod input;
mod jobs;
mod lease_index;
mod leases;
mod limits;
mod load_events;
mod missing_parents;
mod planning;
mod readiness;
mod recovery;
mod releases;
mod rules;
mod run_kind;
mod runnable_nodes;
mod settlement;
#[cfg(test)]
mod tests;
mod wait_reasons;

pub use decision::{Decision, decide};
pub use effects::{Effect, effects, next_due};
pub(crate) use fairness::fairness_violations;
pub use input::{Context, InboundEvent, Input, RecoveredClaim, RecoveredRun, RecoveryInput, StoppedTask};
pub(crate) use leases::Leases;
pub use limits::{
    COMMANDS_KEPT, COUNTED_KEPT, EPOCH_JUMP, FAIRNESS_LIMIT, GROUPS_CLOSED, GROUPS_OPEN, MARGIN, MOST_ATTEMPTS,
    OVERDUE_AFTER, RECENT_KEPT, REPEAT_FOR,
};
pub use rules::{ProtocolRules, Rules};
pub use run_kind::RunKind;
pub use runnable_nodes::missing_parent_of;
pub use settlement::long_gone;
pub use wait_reasons::{WaitReason, WaitingNodes, wait_reasons};
