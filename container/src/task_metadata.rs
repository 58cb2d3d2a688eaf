//! The ARN of this task, from the task metadata endpoint, version 4.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html>

use std::time::Duration;

use landfall_planner::TaskArn;
use landfall_s3::{Backoff, sleep_up_to};
use serde::Deserialize;

/// The endpoint is on the same host, but may be busy while many tasks start.
const TRIES: u32 = 5;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(800), Duration::from_millis(6_400));
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
struct Task {
    #[serde(rename = "TaskARN")]
    arn: String,
}

/// The task metadata endpoint did not return this task's ARN, without which the task cannot claim the attempt.
#[derive(Debug, thiserror::Error)]
#[error(
    "the task metadata endpoint {uri} did not return this task's ARN in {TRIES} tries: {reason}; outside ECS, set \
     ECS_CONTAINER_METADATA_URI_V4 to a server that answers like it"
)]
pub(crate) struct MetadataError {
    uri: String,
    reason: String,
}

/// Returns the ARN of this task.
///
/// # Errors
///
/// Fails if none of five tries returns an ARN.
pub(crate) async fn task_arn(metadata_uri: &str) -> Result<TaskArn, MetadataError> {
    let uri = format!("{}/task", metadata_uri.trim_end_matches('/'));
    let mut reason = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep_up_to(BACKOFF.limit(attempt)).await;
        }
        let address = uri.clone();
        match tokio::task::spawn_blocking(move || read_task(&address)).await {
            Ok(Ok(task)) => match TaskArn::parse(task.arn) {
                Ok(arn) => return Ok(arn),
                Err(error) => reason = error.to_string(),
            },
            Ok(Err(error)) => reason = error.to_string(),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(MetadataError { uri, reason })
}

fn read_task(uri: &str) -> Result<Task, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    agent.get(uri).call()?.body_mut().read_json()
}
