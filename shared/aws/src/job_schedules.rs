//! The engine's port for job schedules.

use landfall_engine::{EngineError, NextStep, ports::JobSchedules};
use landfall_planner::WantedSchedule;

use crate::engine_ports::Aws;

impl JobSchedules for Aws {
    async fn put_schedules(&self, wanted: &[WantedSchedule]) -> Result<(), EngineError> {
        let settings = self.config().schedule_settings()?;
        let changes = self.clients().schedules().reconcile(&settings, wanted).await;
        let changes = changes.map_err(|error| EngineError::call(error, NextStep::Retry))?;
        tracing::info!(?changes, "job schedules");
        Ok(())
    }
}
