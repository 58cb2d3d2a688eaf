//! The simulated EventBridge Scheduler, as the adapter calls it.

use landfall_engine::{EngineError, ports::JobSchedules};
use landfall_planner::WantedSchedule;

use crate::{
    exec::{Call, Fate, die, step},
    ports::{SimPorts, lost},
    world::World,
};

impl SimPorts {
    /// Fails if Scheduler refuses or throttles the next call.
    async fn may_call_scheduler(&self) -> Result<(), EngineError> {
        let refused = {
            let mut world = self.world.borrow_mut();
            let rate = world.scenario.rates.schedule_refused;
            world.strikes(rate, "Scheduler refuses a call")
        };
        if refused && step(&self.world, Call::Read).await == Fate::Dies {
            die().await;
        }
        if refused { Err(lost("Scheduler")) } else { Ok(()) }
    }
}

impl JobSchedules for SimPorts {
    /// Makes the calls that the adapter makes, each with a fate of its own. The first that fails ends it.
    async fn put_schedules(&self, wanted: &[WantedSchedule]) -> Result<(), EngineError> {
        for schedule in wanted {
            self.may_call_scheduler().await?;
            let there = self.read("GetSchedule", |world| world.schedules.get(&schedule.name).cloned()).await?;
            if there.as_ref() != Some(schedule) {
                self.may_call_scheduler().await?;
                let schedule = schedule.clone();
                let put = move |world: &mut World| drop(world.schedules.insert(schedule.name.clone(), schedule));
                self.write("UpdateSchedule", Call::Write, put).await?;
            }
        }
        let names = self.read("ListSchedules", |world| world.schedules.keys().cloned().collect::<Vec<_>>()).await?;
        for name in names.into_iter().filter(|name| wanted.iter().all(|schedule| schedule.name != *name)) {
            self.may_call_scheduler().await?;
            self.write("DeleteSchedule", Call::Write, move |world| drop(world.schedules.remove(&name))).await?;
        }
        Ok(())
    }
}
