//! Docs are pending: the engine merges what the runs left and moves the site's pointer (L8).

use landfall_aws::{
    bucket_files::BucketFiles,
    engine_ports::{AwsEngine, Deadline},
    events::parse_docs_pending,
};
use landfall_function_runtime::HandlerError;
use serde_json::Value;

/// Handles one event.
///
/// # Errors
///
/// Fails if the event is malformed, if the environment names no docs bucket, or if the engine fails.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: Deadline) -> Result<(), HandlerError> {
    let event = parse_docs_pending(&event)?;
    let aws = engine.ports();
    if event.stack != aws.config().stack() {
        tracing::info!(stack = event.stack, "ignored: docs of another stack");
        return Ok(());
    }
    let docs = aws.clients().store(aws.config().docs_bucket()?);
    engine.publish_docs(&BucketFiles(aws.store()), &BucketFiles(&docs), deadline).await?;
    Ok(())
}
