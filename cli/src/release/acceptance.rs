//! The answer of `on-release` to an uploaded release.

use std::time::{Duration, Instant};

use landfall_aws::Store;
use landfall_planner::{BOARD_KEY, ReleaseId, SchedulesState, StoredBoard};
use serde::Deserialize;

use super::ReleaseCommandError;
use crate::{
    stack::Stack,
    text::{self, printable},
};

/// The time limit in AWS: the function may take two minutes, and Lambda may retry it after one minute.
const TIME_LIMIT: Duration = Duration::from_mins(4);
/// The time limit of a local stack: the emulator retries within seconds.
const LOCAL_TIME_LIMIT: Duration = Duration::from_mins(1);
/// How long the schedules of a release may take after it is in place.
const SCHEDULES_TIME_LIMIT: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

/// Waits until `on-release` has put the release in place, and its job schedules for a while. Returns a warning if the
/// schedules are not in place yet.
///
/// # Errors
///
/// The release is refused, there is no answer within the time limit, or S3 fails.
pub(super) async fn wait(stack: &Stack, state: &Store, id: &ReleaseId) -> Result<Option<String>, ReleaseCommandError> {
    let began = Instant::now();
    let mut in_place: Option<Instant> = None;
    let time_limit = if stack.local.is_some() { LOCAL_TIME_LIMIT } else { TIME_LIMIT };
    let refused = format!("releases/{id}/refused.json");
    while began.elapsed() < time_limit {
        if let Some(board) = state.get(BOARD_KEY).await? {
            let board = StoredBoard::from_json(&board.bytes)?;
            // A newer release may be in place already.
            if board.release().is_some_and(|in_place| in_place > id) {
                return Ok(None);
            }
            if board.release() == Some(id) {
                let since = *in_place.get_or_insert_with(Instant::now);
                let schedules = board.schedules();
                if schedules.agree() {
                    return Ok(None);
                }
                if schedules.problem.is_some() || since.elapsed() > SCHEDULES_TIME_LIMIT {
                    return Ok(Some(describe_schedules(schedules)));
                }
            }
        }
        if let Some(refusal) = state.get(&refused).await? {
            let reason = serde_json::from_slice::<Refusal>(&refusal.bytes).map(|refusal| refusal.reason);
            let reason = reason.unwrap_or_else(|_| String::from_utf8_lossy(&refusal.bytes).into_owned());
            return Err(ReleaseCommandError::Refused { id: id.clone(), reason });
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Err(ReleaseCommandError::NoVerdict {
        id: id.clone(),
        bucket: state.bucket().to_owned(),
        waited: text::seconds(time_limit),
        look: match &stack.local {
            Some(local) => local.folder.join("emulator/emulator.log").display().to_string(),
            None => format!(
                "the log group /landfall/{}/on-release and the queue {}",
                stack.name,
                stack.outputs.get("FunctionDeadLetterQueueUrl").map_or("", String::as_str)
            ),
        },
    })
}

/// Describes job schedules that are not in place yet.
pub fn describe_schedules(schedules: &SchedulesState) -> String {
    let why = schedules.problem.as_deref().unwrap_or("on-release has not confirmed them");
    format!(
        "the job schedules are not in place yet: {}; Landfall tries again every minute, and `landfall status` shows when they are",
        printable(why)
    )
}
