//! The documents that Landfall's parts exchange: plans, results and claims, releases, the ledger, events and stop
//! classes.

mod batches;
mod claim;
pub(crate) mod compact_triggers;
mod events;
mod ledger;
mod plan;
mod release_document;
mod result;
mod stop_class;
mod trigger;
mod versioned_json;

pub use batches::{BatchWindows, EventWindow, UnfinishedBatches};
pub use claim::{Claim, ClaimRecord};
pub use events::{AHEAD_LIMIT, DatasetLoaded, ObjectEvent, OperatorAction, OperatorCommand};
pub use ledger::{
    FailedNode, LEDGER_VERSION, LedgerHeader, LedgerLine, LedgerObject, LedgerOutcome, LedgerSubject, ObjectLoad,
    RunTrigger, ledger_key,
};
pub(crate) use plan::selects_by_id;
pub use plan::{
    ATTEMPT_VARIABLE, PLAN_VARIABLE, PLAN_VERSION, Plan, PlannedNode, PlannedTrigger, RunTaskCall, Selection, Step,
    TaskSettings, WaitingNode,
};
pub use release_document::{RELEASE_VERSION, ReleaseDocument};
pub use result::{NodeResult, NodeStatus, Outcome, RESULT_VERSION, RunResult, StepResult};
pub use stop_class::StopClass;
pub use trigger::{InvalidTrigger, Trigger};
pub use versioned_json::DocumentError;
pub(crate) use versioned_json::Format;
