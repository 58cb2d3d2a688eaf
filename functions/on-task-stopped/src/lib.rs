//! A task stopped: its run is settled, tried again, or followed by what waited.
//!
//! Events come at least once and in any order. One that is not about a stopped task of ours is none of ours; one about an attempt that is
//! settled already is recorded and settles nothing (L5, L7). <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use landfall_aws::{
    ConfigError, clock,
    engine_ports::{AwsEngine, Deadline, EngineError},
    events::{Malformed, parse_task_stopped},
};
use landfall_planner::Input;
use serde_json::Value;

/// What a call can fail by.
#[derive(Debug, thiserror::Error)]
pub enum StopFailure {
    /// The event is not of its kind.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The environment lacks the container's name.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The board could not be changed.
    #[error(transparent)]
    Conduct(#[from] EngineError),
}

/// Handles one event. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: u64) -> Result<(), StopFailure> {
    let facts = parse_task_stopped(&event, engine.ports().config().container()?).map_err(StopFailure::Malformed)?;
    match engine.observe(&facts).await? {
        Some(stop) => {
            engine.conduct(&Input::Stopped(Box::new(stop)), Deadline::of_lambda(clock::now(), deadline)).await?;
        }
        None => {
            tracing::info!(
                task = facts.task_arn,
                status = facts.last_status,
                "not a stopped task of a run: left alone"
            );
        }
    }
    Ok(())
}
