//! A job is due, or the minute's sweep, which repairs what a lost event, a lost reply or an interrupted function left behind.

use jiff::{Timestamp, Unit};
use landfall_aws::{
    clock,
    engine_ports::{AwsEngine, Deadline, EngineError, log_board_metrics},
    events::{ScheduleEvent, parse_schedule},
};
use landfall_function_runtime::HandlerError;
use landfall_planner::Input;
use serde_json::Value;

/// Handles one event.
///
/// # Errors
///
/// Fails if the event is malformed, or if the engine fails.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: Deadline) -> Result<(), HandlerError> {
    match parse_schedule(&event)? {
        ScheduleEvent::Sweep => match engine.sweep(deadline).await {
            // Before the first release there is no board. An error each minute would set off an alarm.
            Err(error @ EngineError::NoBoard { .. }) => tracing::warn!(%error, "there is nothing to sweep"),
            swept => log_board_metrics(&swept?, clock::s3_now()),
        },
        ScheduleEvent::Job { job, scheduled_time } => {
            let scheduled_time = scheduled_time.map_or_else(|| minute(clock::now()), |time| time.to_string());
            engine.conduct(&Input::Schedule { job, scheduled_time }, deadline).await?;
        }
    }
    Ok(())
}

/// Returns the current minute, for a scheduler that does not pass the scheduled time.
fn minute(now: Timestamp) -> String {
    now.round(Unit::Minute).unwrap_or(now).to_string()
}
