//! The errors of the engine, and what a caller does about each.

use std::error::Error;

use landfall_planner::{BoardError, LoadReleaseError, ReleaseId, RunId, TaskArn};

/// What the caller of a function that failed does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Deliver the event again: the same call may succeed without any change.
    Retry,
    /// Acknowledge the event: another event does the same work later.
    Drop,
    /// Fail until an operator has fixed the cause. The event ends in a dead-letter queue, whose alarm notifies the operator.
    NotifyOperator,
}

/// The engine could not decide, or could not act.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A call to a service failed.
    #[error("{source}")]
    Call {
        /// The error of the adapter.
        source: Box<dyn Error + Send + Sync>,
        /// What the adapter advises.
        next_step: NextStep,
    },
    /// There is no board. Landfall does not create one here, because an empty board would forget what is pending.
    #[error("{address} is missing: `landfall release` creates the first one, `landfall recover` restores a lost one")]
    NoBoard {
        /// The address, `s3://bucket/board.json`.
        address: String,
    },
    /// The board is malformed, or of a format version that this Landfall does not read.
    #[error("{address}: {source}")]
    Board {
        /// The address, `s3://bucket/board.json`.
        address: String,
        /// What is wrong with the board.
        source: BoardError,
    },
    /// The board that was about to be written reads back as another one. Only builds with debug assertions look.
    #[error(
        "board.json number {seq} is not written: it reads back as another board, so an encoding of `state/` is wrong"
    )]
    ReadBack {
        /// The number of the board.
        seq: u64,
    },
    /// The release that the board names cannot be read.
    #[error("release {release}: {source}")]
    Release {
        /// The id of the release.
        release: ReleaseId,
        /// What is wrong with its files.
        source: LoadReleaseError,
    },
    /// A file of a release is missing.
    #[error(
        "release {release}: {address} is missing: restore it from the bucket's versions, or run `landfall release` again"
    )]
    ReleaseFile {
        /// The id of the release.
        release: ReleaseId,
        /// The address of the file.
        address: String,
    },
    /// Other releases were put in place during each compilation of this one.
    #[error("release {release}: other releases were put in place while it was compiled, {tries} times in a row")]
    ReleaseContended {
        /// The id of the release.
        release: ReleaseId,
        /// The number of compilations.
        tries: u32,
    },
    /// A run may still be running, and its plan cannot be read, so its leases are unknown.
    #[error(
        "{reason}, and task {task_arn} may still run: the leases of {run} are unknown. Restore the file from the bucket's versions, or wait until the task has stopped and delete runs/{run}/"
    )]
    UnknownLeases {
        /// The id of the run.
        run: RunId,
        /// The run's newest task.
        task_arn: TaskArn,
        /// What is wrong with the plan.
        reason: String,
    },
    /// The board to restore is older than an earlier restoration.
    #[error(
        "the ledger page {page} that this board names is missing: the board is older than an earlier restoration. Use a newer version of the board"
    )]
    LedgerPageMissing {
        /// The key of the page.
        page: String,
    },
    /// An object of the state or docs bucket is malformed.
    #[error("{address}: {source}")]
    Document {
        /// The address of the document.
        address: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Other invocations of publish-docs moved the pointer until the deadline.
    #[error("other invocations moved the docs pointer until the deadline; the next sweep publishes again")]
    DocsContended,
    /// publish-docs tried to start or stop a task.
    #[error("this function has neither a cluster nor a queue in its environment: it only records")]
    RecordsOnly,
    /// A document cannot be written as JSON.
    #[error("{what} cannot be written as JSON: {source}")]
    Json {
        /// The name of the document.
        what: &'static str,
        /// Why it cannot be written.
        source: serde_json::Error,
    },
    /// Other writers replaced the board until the deadline.
    #[error("other writers changed the board {tries} times in a row; the event is delivered again")]
    Contended {
        /// The number of tries.
        tries: u32,
    },
}

impl EngineError {
    /// The error of a call to a service.
    pub fn call(source: impl Error + Send + Sync + 'static, next_step: NextStep) -> Self {
        Self::Call { source: Box::new(source), next_step }
    }

    /// Returns what the caller does next.
    pub fn next_step(&self) -> NextStep {
        match self {
            Self::Call { next_step, .. } => *next_step,
            Self::Contended { .. } | Self::ReleaseContended { .. } => NextStep::Retry,
            Self::DocsContended => NextStep::Drop,
            Self::NoBoard { .. }
            | Self::Board { .. }
            | Self::ReadBack { .. }
            | Self::Release { .. }
            | Self::ReleaseFile { .. }
            | Self::UnknownLeases { .. }
            | Self::LedgerPageMissing { .. }
            | Self::Document { .. }
            | Self::RecordsOnly
            | Self::Json { .. } => NextStep::NotifyOperator,
        }
    }

    /// Returns the name of the variant, which Lambda shows as the type of the error.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "CallFailed",
            Self::NoBoard { .. } => "NoBoard",
            Self::Board { .. } | Self::ReadBack { .. } => "BoardUnreadable",
            Self::Release { .. } => "ReleaseUnreadable",
            Self::ReleaseFile { .. } => "ReleaseFileMissing",
            Self::ReleaseContended { .. } => "ReleaseContended",
            Self::UnknownLeases { .. } => "UnknownLeases",
            Self::LedgerPageMissing { .. } => "LedgerPageMissing",
            Self::Document { .. } => "DocumentUnreadable",
            Self::DocsContended => "DocsContended",
            Self::RecordsOnly => "RecordsOnly",
            Self::Json { .. } => "JsonNotWritable",
            Self::Contended { .. } => "BoardContended",
        }
    }
}
