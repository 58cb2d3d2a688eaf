//! The sweep: finds what any lost event, lost reply or dead function left, and does it (L9).

use landfall_planner::{Board, Input, Run, RunId, StopClass, StoppedTask, long_gone};

use crate::{Deadline, Engine, EngineError, Ports};

impl<P: Ports> Engine<P> {
    /// Lets time pass, does what the board asks, and asks ECS about every live task: the event of one that stopped may have been lost.
    pub async fn sweep(&self, deadline: Deadline) -> Result<Board, EngineError> {
        let input = match self.ports.dead_letters().await {
            Ok(Some((loads, functions))) => Input::DeadLetters { loads, functions },
            Ok(None) => Input::Tick,
            // How many dead letters there are keeps nothing from going on.
            Err(error) => {
                tracing::warn!(%error, "the dead letters were not counted");
                Input::Tick
            }
        };
        let board = Box::pin(self.conduct(&input, deadline)).await?;
        let board = self.look_after_tasks(board, deadline).await?;
        Ok(if self.is_cleanup_due() { self.clean_ledger(board, deadline).await } else { board })
    }

    async fn look_after_tasks(&self, mut board: Board, deadline: Deadline) -> Result<Board, EngineError> {
        let running: Vec<(RunId, Run)> = board
            .runs
            .iter()
            .filter(|(_, run)| run.attempt.is_running())
            .map(|(id, run)| (id.clone(), run.clone()))
            .collect();
        let arns: Vec<String> =
            running.iter().filter_map(|(_, run)| run.attempt.task_arn().map(str::to_owned)).collect();
        if arns.is_empty() {
            return Ok(board);
        }
        let described = self.ports.describe_tasks(&arns).await?;
        for (arn, reason) in &described.failed {
            tracing::warn!(arn, reason, "ECS did not describe this task");
        }
        for facts in described.tasks.iter().filter(|facts| facts.is_stopped()) {
            if let Some(stop) = self.observe(facts).await? {
                tracing::info!(run = %stop.run, task = stop.task_arn, "the sweep found a task that stopped");
                board = Box::pin(self.conduct(&Input::Stopped(Box::new(stop)), deadline)).await?;
            }
        }
        for (id, run) in running {
            let Some(arn) = run.attempt.task_arn().filter(|arn| described.missing.iter().any(|missing| missing == arn))
            else {
                continue;
            };
            if let Some(stop) = self.gone(&id, &run, arn).await? {
                board = Box::pin(self.conduct(&Input::Stopped(Box::new(stop)), deadline)).await?;
            }
        }
        Ok(board)
    }

    /// A task that ECS knows no more counts as stopped only once its claim is an hour old: `DescribeTasks` is eventually consistent, and
    /// forgets a stopped task after about an hour.
    async fn gone(&self, id: &RunId, run: &Run, task_arn: &str) -> Result<Option<StoppedTask>, EngineError> {
        let number = run.attempt.number;
        let claim = self.ports.claim(id, number).await?;
        let since = claim.as_ref().map_or(run.attempt.since, |(_, at)| *at);
        if !long_gone(since, self.ports.now()) {
            return Ok(None);
        }
        Ok(Some(StoppedTask {
            run: id.clone(),
            attempt: number,
            task_arn: task_arn.to_owned(),
            reason: "ECS does not know its task any more, and told nobody that it stopped".to_owned(),
            class: StopClass::Gone,
            exit_code: None,
            claim,
            result: self.ports.result(id, number).await?,
        }))
    }
}
