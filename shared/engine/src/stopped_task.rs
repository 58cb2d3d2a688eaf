//! What a stopped task left behind.

use landfall_planner::{RunId, StoppedTask};

use crate::{Engine, EngineError, TaskState, ports::AttemptStore};

impl<P: AttemptStore> Engine<P> {
    /// Reads what a stopped task left behind; none if it is no task of Landfall's, or has not stopped.
    ///
    /// # Errors
    ///
    /// Fails if the attempt's claim or result cannot be read.
    pub async fn observe(&self, task: &TaskState) -> Result<Option<StoppedTask>, EngineError> {
        let run = task.started_by.as_deref().and_then(|text| RunId::parse(text).ok());
        let (Some(run), Some(attempt), true) = (run, task.attempt, task.is_stopped()) else { return Ok(None) };
        let claim = self.ports.claim(&run, attempt).await?;
        let result = self.ports.result(&run, attempt).await?;
        Ok(Some(StoppedTask {
            run,
            attempt,
            task_arn: task.task_arn.clone(),
            reason: reason(task),
            class: task.class(),
            exit_code: task.exit_code,
            claim,
            result,
        }))
    }
}

/// Joins what ECS says about the stop, the most specific text first.
fn reason(task: &TaskState) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(task.container_reason.clone());
    parts.extend(task.stopped_reason.clone().filter(|reason| Some(reason) != task.container_reason.as_ref()));
    parts.extend(task.stop_code.clone());
    parts.push(match task.exit_code {
        Some(137) => "exit code 137: killed, most often for lack of memory".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => "no exit code".to_owned(),
    });
    parts.join("; ")
}
