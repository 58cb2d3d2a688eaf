//! Who we are: the task metadata endpoint, version 4.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html>

use std::time::Duration;

use landfall_s3::{Backoff, sleep_up_to};
use serde::Deserialize;

/// It lies on the same host, but a task that has just started may find it busy.
const TRIES: u32 = 5;
/// The waits between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(800), Duration::from_millis(6_400));

/// The one field of the task's description that is used.
#[derive(Debug, Deserialize)]
struct Task {
    #[serde(rename = "TaskARN")]
    arn: String,
}

/// The endpoint did not say who we are.
#[derive(Debug, thiserror::Error)]
#[error("the task metadata endpoint {uri} does not tell this task's ARN: {reason}")]
pub(crate) struct Nameless {
    uri: String,
    reason: String,
}

/// Our own task's ARN.
pub(crate) async fn task_arn(metadata_uri: &str) -> Result<String, Nameless> {
    let uri = format!("{}/task", metadata_uri.trim_end_matches('/'));
    let mut reason = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep_up_to(BACKOFF.limit(attempt)).await;
        }
        let asked = uri.clone();
        match tokio::task::spawn_blocking(move || ask(&asked)).await {
            Ok(Ok(task)) if task.arn.starts_with("arn:") => return Ok(task.arn),
            Ok(Ok(task)) => reason = format!("{:?} is no ARN", task.arn),
            Ok(Err(error)) => reason = error.to_string(),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(Nameless { uri, reason })
}

fn ask(uri: &str) -> Result<Task, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build().into();
    agent.get(uri).call()?.body_mut().read_json()
}
