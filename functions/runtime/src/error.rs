//! The errors of the handlers.

use landfall_aws::{
    CallError, ConfigError, StoreError, events::Malformed, schedules::ScheduleError, task_definitions::PinError,
};
use landfall_engine::{EngineError, NextStep};

/// A handler failed.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The event is not of the kind that this function receives.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The environment lacks a variable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A call to S3 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image of a release could not be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The job schedules could not be updated.
    #[error(transparent)]
    Schedules(#[from] ScheduleError),
    /// A call to another service failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<Malformed> for HandlerError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl HandlerError {
    /// Returns what happens to the event.
    pub fn next_step(&self) -> NextStep {
        let is_retryable = match self {
            Self::Engine(error) => return error.next_step(),
            Self::Store(error) => error.is_retryable(),
            Self::Call(error) | Self::Pin(PinError::Call(error)) | Self::Schedules(ScheduleError::Call(error)) => {
                error.is_retryable()
            }
            Self::Malformed(_) | Self::Config(_) | Self::Pin(_) | Self::Schedules(_) => false,
        };
        if is_retryable { NextStep::Retry } else { NextStep::NotifyOperator }
    }

    /// Returns the name that Lambda shows as the type of the error.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MalformedEvent",
            Self::Config(_) => "Environment",
            Self::Engine(error) => error.name(),
            Self::Store(_) => "StateBucket",
            Self::Pin(_) => "TaskDefinition",
            Self::Schedules(_) => "JobSchedules",
            Self::Call(_) => "CallFailed",
        }
    }
}
