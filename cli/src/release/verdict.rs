//! What `on-release` makes of a release.

use std::time::{Duration, Instant};

use landfall_aws::Store;
use landfall_planner::{BOARD_KEY, ReleaseId, StoredBoard};
use serde::Deserialize;

use super::ReleaseError;
use crate::{stack::Stack, terminal};

/// The function has two minutes, and may be tried again after one; the emulator tries again within seconds.
const FAIRNESS_LIMIT: Duration = Duration::from_mins(4);
const PATIENCE_HERE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

/// Waits until the release is in place, or refused.
pub(super) async fn wait(stack: &Stack, state: &Store, id: &ReleaseId) -> Result<(), ReleaseError> {
    let began = Instant::now();
    let time_limit = if stack.local.is_some() { PATIENCE_HERE } else { FAIRNESS_LIMIT };
    let refused = format!("releases/{id}/refused.json");
    while began.elapsed() < time_limit {
        if let Some(board) = state.get(BOARD_KEY).await? {
            let board = StoredBoard::from_json(&board.bytes)?;
            // A newer one may have taken its place already.
            if board.release().is_some_and(|there| there >= id) {
                return Ok(());
            }
        }
        if let Some(refusal) = state.get(&refused).await? {
            let reason = serde_json::from_slice::<Refusal>(&refusal.bytes).map(|refusal| refusal.reason);
            let reason = reason.unwrap_or_else(|_| String::from_utf8_lossy(&refusal.bytes).into_owned());
            return Err(ReleaseError::Refused { id: id.clone(), reason });
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Err(ReleaseError::NoVerdict {
        id: id.clone(),
        bucket: state.bucket().to_owned(),
        waited: terminal::seconds(time_limit),
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
