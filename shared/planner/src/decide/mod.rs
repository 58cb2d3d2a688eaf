//! The rules of the planner: `decide(board, input, context) -> decision`.
//!
//! The rules cannot wait, call a service or read a clock. Each can be tested alone, and the simulation runs a million
//! histories of them.
//!
//! - [`input`] holds what happened and what is known. [`decision`] holds `decide` itself, [`limits`] the numbers and
//!   [`mod@due`] the times that rules share.
//! - [`load_events`]: an event of a load opens or joins a backlog entry, or is covered, unmapped or ignored (L1, L5).
//!   [`readiness`]: when a load is complete. [`outside_times`] and [`event_times`]: how far the times of other systems
//!   are trusted.
//! - [`admission`]: ready backlog entries become runs as far as leases allow (L3, L4, L9). [`admission_queue`] finds
//!   what keeps the others, and [`mod@wait_reasons`] explains it to operators. [`missing_parents`] finds nodes whose
//!   parents were never built, [`runnable_nodes`] what of a selection can run, [`available_ancestors`] what it builds
//!   beside it, and [`mod@run_kind`] what a run does. [`lease_index`] filters thousands of entries quickly. [`fairness`]
//!   checks the order of a decision. [`planning`] freezes a plan.
//! - [`attempts`]: a task was started, refused or revoked. [`settlement`]: a task stopped, and its run completes
//!   nodes or is tried again (L2, L6, L7). [`full_refresh`]: incremental models that failed are rebuilt from nothing.
//! - [`releases`], [`jobs`] and [`commands`]: the other triggers, and operator commands. [`job_schedules`]: who
//!   changes schedules. [`recovery`]: a restored board.
//! - [`rules`]: the rules that a mutant of the simulation replaces.
//! - [`mod@effects`]: what the board asks every function to do.

mod admission;
mod admission_queue;
mod attempts;
mod available_ancestors;
mod batches;
mod commands;
mod decision;
mod due;
mod effects;
mod event_times;
mod fairness;
mod full_refresh;
mod input;
mod job_schedules;
mod jobs;
mod lease_index;
mod leases;
mod limits;
mod load_events;
mod missing_parents;
mod missing_tasks;
mod outside_times;
mod planning;
mod readiness;
mod recovery;
mod releases;
mod rules;
mod run_kind;
mod runnable_nodes;
mod settlement;
mod stopped_task;
#[cfg(test)]
mod tests;
mod wait_reasons;

pub use decision::{Decision, decide};
pub use effects::{Effect, effects, next_due};
pub use event_times::SINGLE_PUT_BYTES;
pub(crate) use fairness::fairness_violations;
pub use input::{Context, InboundEvent, Input, RecoveredClaim, RecoveredRun, RecoveryInput};
pub(crate) use leases::Leases;
pub use limits::{
    COMMANDS_KEPT, COUNTED_KEPT, EPOCH_JUMP, FAIRNESS_LIMIT, GROUPS_CLOSED, GROUPS_OPEN, MARGIN, MAX_ATTEMPTS,
    OVERDUE_AFTER, RECENT_KEPT, REPEAT_FOR,
};
pub use missing_parents::unavailable_sources;
pub use rules::{ProtocolRules, Rules};
pub use run_kind::RunKind;
pub use runnable_nodes::missing_parent_of;
pub use stopped_task::StoppedTask;
pub use wait_reasons::{WaitReason, WaitingNodes, wait_reasons};
