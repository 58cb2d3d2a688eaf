//! ECS as the engine calls it.

use landfall_engine::{
    DescribedTasks, EngineError, RunTaskOutcome, StartRefusal,
    ports::{TaskStop, Tasks},
};
use landfall_planner::{RunTaskCall, TaskArn};

use super::SimPorts;
use crate::{
    exec::{Call, Fate, die, step},
    mutants::Misbehaviour,
    world::Happening,
};

impl Tasks for SimPorts {
    async fn run_task(&self, call: &RunTaskCall) -> RunTaskOutcome {
        let mut call = call.clone();
        if self.world.borrow().misbehaves(Misbehaviour::TokenReused) {
            call.client_token.clone_from(&call.started_by);
        }
        if self.is_left_to_another_function(&call.started_by) {
            return RunTaskOutcome::Unknown { error: "another function decided it".to_owned() };
        }
        let refused = {
            let mut world = self.world.borrow_mut();
            let rate = world.scenario.rates.task_refused;
            world.strikes(rate, "RunTask is refused").then(|| world.rng.u32(..8))
        };
        if let Some(kind) = refused {
            if step(&self.world, Call::Read).await == Fate::Dies {
                die().await;
            }
            let class = match kind {
                0..4 => StartRefusal::Capacity,
                4..7 => StartRefusal::Throttled,
                _ => StartRefusal::Other,
            };
            return RunTaskOutcome::Refused { class, reason: format!("{class:?}") };
        }
        match self.write("RunTask", Call::Write, move |world| world.run_task(&call)).await {
            Ok(outcome) => outcome,
            Err(error) => RunTaskOutcome::Unknown { error: error.to_string() },
        }
    }

    async fn describe_tasks(&self, arns: &[TaskArn]) -> Result<DescribedTasks, EngineError> {
        self.read("DescribeTasks", |world| world.describe(arns)).await
    }

    async fn stop_task(&self, stop: TaskStop<'_>) -> Result<(), EngineError> {
        let arn = stop.task_arn.clone();
        self.write("StopTask", Call::Write, move |world| {
            world.later(0, Happening::TaskInterrupted(arn.clone()));
            // SIGTERM now, and SIGKILL after the container's stopTimeout.
            world.later(2 * crate::scenario::MINUTE, Happening::TaskKilled(arn));
        })
        .await
    }
}
