//! A task stopped: its run is settled, or its next attempt is planned.
//!
//! `EventBridge` delivers events at least once and in any order. An event about another task, or about one that has not stopped, is ignored. One about
//! a settled attempt is recorded and settles nothing (L5, L7).
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use landfall_aws::{
    engine_ports::{AwsEngine, Deadline},
    events::parse_task_stopped,
};
use landfall_function_runtime::HandlerError;
use landfall_planner::Input;
use serde_json::Value;

/// Handles one event.
///
/// # Errors
///
/// Fails if the event is malformed, if the environment names no container, or if the engine fails.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: Deadline) -> Result<(), HandlerError> {
    let task = parse_task_stopped(&event, engine.ports().config().container()?)?;
    match engine.observe(&task).await? {
        Some(stop) => {
            engine.conduct(&Input::Stopped(Box::new(stop)), deadline).await?;
        }
        None => {
            tracing::info!(task = %task.task_arn, status = task.last_status, "ignored: not a stopped task of a run");
        }
    }
    Ok(())
}
