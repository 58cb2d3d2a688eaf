//! What Landfall's parts exchange: plans, results and claims, the ledger, events, and why a task stopped.

mod events;
mod ledger;
mod plan;
mod result;
mod stop_class;
mod trigger;

pub use events::{DatasetLoaded, ObjectEvent, OperatorAction, OperatorCommand};
pub use ledger::{
    FailedNode, LEDGER_VERSION, LedgerHeader, LedgerLine, LedgerObject, LedgerOutcome, LedgerSubject, RunTrigger,
    ledger_key,
};
pub use plan::{
    ATTEMPT_VARIABLE, PLAN_VARIABLE, PLAN_VERSION, Plan, PlannedNode, PlannedTrigger, RunTaskCall, Selection, Step,
    TaskSettings, WaitingNode,
};
pub use result::{Claim, NodeResult, NodeStatus, Outcome, RESULT_VERSION, RunResult, StepResult};
pub use stop_class::StopClass;
pub(crate) use trigger::compact_json;
pub use trigger::{InvalidTrigger, Trigger};
