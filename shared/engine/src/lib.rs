//! The engine, the loop that every function runs: read the board, decide, write plans and ledger, compare-and-swap the board, then perform the
//! effects that the board asks for.
//!
//! A function may end between any two of these steps. What was decided is on the board, and the next function performs what is left (L6).

mod board_recovery;
mod commit;
mod deadline;
pub mod docs;
mod error;
mod job_schedules;
mod ledger_cleanup;
mod metrics;
mod outcomes;
mod perform_effects;
pub mod ports;
mod release_offer;
mod snapshot;
mod stop_class;
mod stopped_task;
mod sweep;
mod task_state;

use std::sync::{Arc, Mutex};

use landfall_planner::{ProtocolRules, Release, Rules};

pub use board_recovery::RecoveryReport;
pub use deadline::Deadline;
pub use error::{EngineError, NextStep};
pub use landfall_concurrency::{Backoff, CompareAndSwap, Etag, PutNew};
pub use landfall_planner::ClaimRecord;
pub use metrics::log_board_metrics;
pub use outcomes::{
    DeadLetterCounts, DescribeFailure, DescribedTasks, ReadBoard, ReadPlan, RunTaskOutcome, StartRefusal,
};
pub use ports::Ports;
pub use release_offer::{Offered, ReleaseParts};
pub use snapshot::Snapshot;
pub use task_state::TaskState;

/// The loop over the ports `P`.
#[derive(Debug)]
pub struct Engine<P> {
    ports: P,
    rules: &'static dyn Rules,
    /// The release that was used last, so that a warm function does not read it again.
    release: Mutex<Option<Arc<Release>>>,
}

impl<P> Engine<P> {
    /// Creates an engine. Calls nothing yet.
    pub fn new(ports: P) -> Self {
        Self::with_rules(ports, &ProtocolRules)
    }

    /// Creates an engine that decides by other rules, as the simulation does.
    pub fn with_rules(ports: P, rules: &'static dyn Rules) -> Self {
        Self { ports, rules, release: Mutex::new(None) }
    }

    /// Returns the ports.
    pub fn ports(&self) -> &P {
        &self.ports
    }
}
