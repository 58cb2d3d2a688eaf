//! Docs are owed: `landfall-conductor` merges what runs left and moves the site's pointer (L8).

use landfall_cloud::{
    ConfigError, clock,
    conductor::{ConductError, Conductor, Deadline},
    events::{Malformed, parse_docs_owed},
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
    Conduct(#[from] ConductError),
}

/// Handles one event. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(conductor: &Conductor, event: Value, deadline: u64) -> Result<(), PublishFailure> {
    let asked = parse_docs_owed(&event).map_err(PublishFailure::Malformed)?;
    if asked.stack != conductor.ports().config().stack() {
        tracing::info!(stack = asked.stack, "docs of another stack: left alone");
        return Ok(());
    }
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    let docs = conductor.ports().clients().store(conductor.ports().config().docs_bucket()?);
    conductor.publish_docs(conductor.ports().store(), &docs, deadline).await?;
    Ok(())
}
