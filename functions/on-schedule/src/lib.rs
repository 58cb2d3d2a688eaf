//! A job came due; or the minute sweep, which does what any lost event, lost reply or dead function left.

use jiff::{Timestamp, Unit};
use landfall_aws::{
    clock,
    engine_ports::{AwsEngine, Deadline, EngineError, log_board_metrics},
    events::{Malformed, ScheduleEvent, parse_schedule},
};
use landfall_planner::Input;
use serde_json::Value;

/// What a call can fail by.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleFailure {
    /// The input is neither the sweep's nor a job's.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The board could not be changed.
    #[error(transparent)]
    Conduct(#[from] EngineError),
}

/// Handles one call. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(engine: &AwsEngine, input: Value, deadline: u64) -> Result<(), ScheduleFailure> {
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    match parse_schedule(&input).map_err(ScheduleFailure::Malformed)? {
        ScheduleEvent::Sweep => match Box::pin(engine.sweep(deadline)).await {
            // Before the first release there is no board, and nothing to sweep: that is no error every minute.
            Err(error @ EngineError::NoBoard { .. }) => tracing::warn!(%error, "nothing to sweep"),
            other => log_board_metrics(&other?, clock::now()),
        },
        ScheduleEvent::Job { job, scheduled_time } => {
            let scheduled_time = scheduled_time.map_or_else(|| minute(clock::now()), |time| time.to_string());
            engine.conduct(&Input::Schedule { job, scheduled_time }, deadline).await?;
        }
    }
    Ok(())
}

/// The current minute, for a scheduler that does not say for which time it calls.
fn minute(now: Timestamp) -> String {
    now.round(Unit::Minute).unwrap_or(now).to_string()
}
