//! Looking at what an attempt left behind.

use landfall_planner::{RunId, StoppedTask};

use crate::{Engine, EngineError, Ports, TaskState};

impl<P: Ports> Engine<P> {
    /// What there is to know of a stopped task; none if it is not ours, or has not stopped.
    pub async fn observe(&self, facts: &TaskState) -> Result<Option<StoppedTask>, EngineError> {
        let run = facts.started_by.as_deref().and_then(|text| RunId::parse(text).ok());
        let (Some(run), Some(attempt), true) = (run, facts.attempt, facts.is_stopped()) else { return Ok(None) };
        let claim = self.ports.claim(&run, attempt).await?;
        let result = self.ports.result(&run, attempt).await?;
        Ok(Some(StoppedTask {
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
}

/// In words, the most telling first.
fn reason(facts: &TaskState) -> String {
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
