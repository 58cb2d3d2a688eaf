//! The planner: the pure decision core of Landfall. It decides which runs follow from a load, a release, a job, an
//! operator command or a stopped task. It has no async code, no AWS client and no clock.
//!
//! - [`decide()`] takes a board, an input and a context, and returns a decision. [`effects()`] lists what the board
//!   asks every function to do.
//! - `state` holds the [`Board`], its backlog and its stored form.
//! - `config` holds [`LandfallYml`], locations and readiness policies.
//! - `release` compiles landfall.yml and the manifest to a [`Release`].
//! - `protocol` holds the documents that Landfall's parts exchange: [`Plan`], [`RunResult`], [`Claim`], the ledger and
//!   events.
//! - [`invariants`] checks what is true of every board and every step.

mod config;
mod decide;
mod ids;
pub mod invariants;
mod protocol;
mod release;
mod state;

pub use config::{
    Capacity, ConfigDuration, DatasetConfig, DocsConfig, FirstRelease, GlobSyntax, Hooks, JobConfig, KeyPattern,
    KeyPlacement, LandfallYml, LandfallYmlError, LimitsConfig, LoadsConfig, Location, LocationError, Locations,
    MAX_COUNT, NearestLocation, ObjectAddress, OnDelete, Operation, ReadinessConfig, ReadinessPolicy, ReleaseConfig,
    RetryRule, RunsConfig, ScheduleProblem, SelectionConfig, StringList, WarehouseSharing, check_flexible_window,
    check_schedule_expression, check_schedule_name, check_time_zone,
};
pub use decide::{
    COMMANDS_KEPT, COUNTED_KEPT, Context, Decision, EPOCH_JUMP, Effect, FAIRNESS_LIMIT, GROUPS_CLOSED, GROUPS_OPEN,
    InboundEvent, Input, MARGIN, MAX_ATTEMPTS, OVERDUE_AFTER, ProtocolRules, RECENT_KEPT, REPEAT_FOR, RecoveredClaim,
    RecoveredRun, RecoveryInput, Rules, RunKind, SINGLE_PUT_BYTES, StoppedTask, WaitReason, WaitingNodes, decide,
    effects, missing_parent_of, next_due, unavailable_sources, wait_reasons,
};
pub use ids::{DatasetName, InvalidName, JobName, NodeId, Nonce, ReleaseId, RunId, TaskArn, compact_timestamp};
pub use protocol::{
    AHEAD_LIMIT, ATTEMPT_VARIABLE, BatchWindows, Claim, ClaimRecord, DatasetLoaded, DocumentError, EventWindow,
    FailedNode, InvalidTrigger, LEDGER_VERSION, LedgerHeader, LedgerLine, LedgerObject, LedgerOutcome, LedgerSubject,
    NodeResult, NodeStatus, ObjectEvent, ObjectLoad, OperatorAction, OperatorCommand, Outcome, PLAN_VARIABLE,
    PLAN_VERSION, Plan, PlannedNode, PlannedTrigger, RELEASE_VERSION, RESULT_VERSION, ReleaseDocument, RunResult,
    RunTaskCall, RunTrigger, Selection, Step, StepResult, StopClass, TaskSettings, Trigger, UnfinishedBatches,
    WaitingNode, ledger_key,
};
pub use release::{
    COMPILED_VERSION, CompileError, CompileInput, Compiled, Dataset, Job, LoadReleaseError, Release, WantedSchedule,
    compile,
};
pub use state::{
    Announcement, Attempt, AttemptState, BOARD_KEY, BOARD_VERSION, BacklogEntry, Board, BoardError, Budget,
    CommandHistory, DatasetState, DeadLetters, DocsState, Draining, EntryStage, EventHash, Groups, LimitReached,
    MissingTask, NONCES_KEPT, OpenGroup, OrdinalSet, PendingDocs, PendingNodes, Quarantine, RecentEvent, RecentEvents,
    Run, SCHEDULES_LEASE, ScheduleWriter, SchedulesState, StoredBoard,
};
