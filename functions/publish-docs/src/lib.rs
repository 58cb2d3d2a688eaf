//! Docs are pending: `landfall-engine` merges what runs left and moves the site's pointer (L8).

use landfall_aws::{
    ConfigError, clock,
    engine_ports::{AwsEngine, Deadline, EngineError},
    events::{Malformed, parse_docs_pending},
};
use serde_json::Value;

/// What a call can fail by; the sweep asks again.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// The event is not of its kind.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The environment lacks the docs bucket.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Board, files and pointer.
    #[error(transparent)]
    Conduct(#[from] EngineError),
}

/// Handles one event. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: u64) -> Result<(), PublishFailure> {
    let command = parse_docs_pending(&event).map_err(PublishFailure::Malformed)?;
    if command.stack != engine.ports().config().stack() {
        tracing::info!(stack = command.stack, "docs of another stack: left alone");
        return Ok(());
    }
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    let docs = engine.ports().clients().store(engine.ports().config().docs_bucket()?);
    engine.publish_docs(engine.ports().store(), &docs, deadline).await?;
    Ok(())
}
