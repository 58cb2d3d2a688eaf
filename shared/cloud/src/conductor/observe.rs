//! Looking at what an attempt left behind.

use jiff::Timestamp;
use landfall_pipeline::{Claim, RunId, RunResult, Stop};

use super::{ConductError, Conductor};
use crate::TaskFacts;

impl Conductor {
    /// What there is to know of a stopped task; none if it is not ours, or has not stopped.
    pub async fn observe(&self, facts: &TaskFacts) -> Result<Option<Stop>, ConductError> {
        let run = facts.started_by.as_deref().and_then(|text| RunId::parse(text).ok());
        let (Some(run), Some(attempt), true) = (run, facts.attempt, facts.is_stopped()) else { return Ok(None) };
        let claim = self.claim(&run, attempt).await?;
        let result = self.result(&run, attempt).await?;
        Ok(Some(Stop {
            run,
            attempt,
            task_arn: facts.task_arn.clone(),
            reason: reason(facts),
            class: facts.class(),
            exit_code: facts.exit_code,
            claim,
            result,
        }))
    }

    /// The claim of an attempt and S3's time of it.
    pub(super) async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<(Claim, Timestamp)>, ConductError> {
        let key = Claim::key(run, attempt);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        match serde_json::from_slice(&stored.bytes) {
            Ok(claim) => Ok(Some((claim, stored.last_modified))),
            Err(source) => Err(ConductError::Json { what: "a claim", source }),
        }
    }

    /// result.json of an attempt. One that cannot be read counts as none: the attempt is then taken for lost, and run again.
    pub(super) async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, ConductError> {
        let key = RunResult::key(run, attempt);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        match serde_json::from_slice(&stored.bytes) {
            Ok(result) => Ok(Some(result)),
            Err(error) => {
                tracing::error!(address = self.store.address(&key), %error, "unreadable, taken for absent");
                Ok(None)
            }
        }
    }
}

/// In words, the most telling first.
fn reason(facts: &TaskFacts) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(facts.container_reason.clone());
    words.extend(facts.stopped_reason.clone().filter(|reason| Some(reason) != facts.container_reason.as_ref()));
    words.extend(facts.stop_code.clone());
    words.push(match facts.exit_code {
        Some(137) => "exit code 137: killed, most often for want of memory".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => "no exit code".to_owned(),
    });
    words.join("; ")
}
