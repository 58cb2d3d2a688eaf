//! The sweep: finds what a lost event, a lost reply or an interrupted function left behind, and performs it (L9).

use landfall_planner::{Board, Input, Run, RunId, StopClass, StoppedTask, TaskArn};

use crate::{DeadLetterCounts, Deadline, Engine, EngineError, Ports, Snapshot};

impl<P: Ports> Engine<P> {
    /// Lets time pass, performs the effects that the board asks for, and asks ECS about each running task: the event of one that stopped may have
    /// been lost. Returns the board after it.
    ///
    /// # Errors
    ///
    /// Fails if the board cannot be read or changed, or if ECS cannot be asked. The next sweep does the same again.
    pub async fn sweep(&self, deadline: Deadline) -> Result<Board, EngineError> {
        let input = match self.ports.dead_letters().await {
            Ok(Some(DeadLetterCounts { loads, functions })) => Input::DeadLetters { loads, functions },
            Ok(None) => Input::Tick,
            // The count of dead letters is only shown; the sweep works without it.
            Err(error) => {
                tracing::warn!(%error, "the dead letters were not counted");
                Input::Tick
            }
        };
        let snapshot = self.read().await?;
        let snapshot = Box::pin(self.conduct_from(snapshot, &input, deadline)).await?;
        let snapshot = self.settle_stopped_tasks(snapshot, deadline).await?;
        self.ask_for_schedules(&snapshot.board).await;
        if self.is_cleanup_due() { self.clean_up(snapshot, deadline).await } else { Ok(snapshot.board) }
    }

    /// Asks on-release for the job schedules until they are those of the release in place: its own call may have failed,
    /// or ended midway.
    async fn ask_for_schedules(&self, board: &Board) {
        let Some(release) = board.release.as_ref().filter(|_| board.schedules.need_a_writer(self.ports.now())) else {
            return;
        };
        if let Err(error) = self.ports.ask_for_schedules(release).await {
            tracing::warn!(%error, "on-release was not asked for the job schedules: the next sweep does it");
        }
    }

    async fn settle_stopped_tasks(&self, mut snapshot: Snapshot, deadline: Deadline) -> Result<Snapshot, EngineError> {
        let running: Vec<(RunId, Run)> = snapshot
            .board
            .runs
            .iter()
            .filter(|(_, run)| run.attempt.is_running())
            .map(|(id, run)| (id.clone(), run.clone()))
            .collect();
        let arns: Vec<TaskArn> = running.iter().filter_map(|(_, run)| run.attempt.task_arn().cloned()).collect();
        if arns.is_empty() {
            return Ok(snapshot);
        }
        let described = self.ports.describe_tasks(&arns).await?;
        for failure in &described.failed {
            tracing::warn!(
                arn = failure.task_arn.as_ref().map(TaskArn::as_str),
                reason = failure.reason,
                "ECS did not describe this task"
            );
        }
        for task in described.tasks.iter().filter(|task| task.is_stopped()) {
            if let Some(stop) = self.observe(task).await? {
                tracing::info!(run = %stop.run, task = %stop.task_arn, "the sweep found a stopped task");
                snapshot = Box::pin(self.conduct_from(snapshot, &Input::Stopped(Box::new(stop)), deadline)).await?;
            }
        }
        let is_known = |arn: &TaskArn| described.tasks.iter().any(|task| task.task_arn == *arn && !task.is_stopped());
        let known = running.iter().filter(|(_, run)| run.attempt.missing.is_some());
        let known = known.filter(|(_, run)| run.attempt.task_arn().is_some_and(is_known));
        let known: Vec<RunId> = known.map(|(id, _)| id.clone()).collect();
        if !known.is_empty() {
            snapshot = Box::pin(self.conduct_from(snapshot, &Input::Known { runs: known }, deadline)).await?;
        }
        for (id, run) in running {
            let Some(arn) = run.attempt.task_arn().filter(|arn| described.missing.contains(arn)) else {
                continue;
            };
            let missing = self.missing_task(&id, &run, arn).await?;
            snapshot = Box::pin(self.conduct_from(snapshot, &Input::Missing(Box::new(missing)), deadline)).await?;
        }
        Ok(snapshot)
    }

    /// Returns what is known of a task that ECS does not know. The planner decides whether it counts as stopped.
    async fn missing_task(&self, id: &RunId, run: &Run, task_arn: &TaskArn) -> Result<StoppedTask, EngineError> {
        let number = run.attempt.number;
        Ok(StoppedTask {
            run: id.clone(),
            attempt: number,
            task_arn: task_arn.clone(),
            reason: "ECS does not know its task any more, and no event said that it stopped".to_owned(),
            class: StopClass::Gone,
            exit_code: None,
            claim: self.ports.claim(id, number).await?,
            result: self.ports.result(id, number).await?,
        })
    }
}
