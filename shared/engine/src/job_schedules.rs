//! Bringing the job schedules in EventBridge Scheduler to what the release in place wants.

use landfall_planner::{Board, Input};

use crate::{
    Deadline, Engine, EngineError,
    ports::{DecisionPorts, JobSchedules},
};

/// How often the schedules are changed again because another release was put in place meanwhile.
const ROUNDS: u32 = 3;

impl<P: DecisionPorts + JobSchedules> Engine<P> {
    /// Changes the schedules until they are those of the release in place, unless another function does so. What fails
    /// or is left is on the board, and the sweep asks for it again.
    ///
    /// # Errors
    ///
    /// Fails if the board cannot be read or changed, or if a call to the scheduler fails. The board has that failure
    /// then, and a repetition of this call does nothing until [`landfall_planner::SCHEDULES_LEASE`] is over. So the
    /// alarm for errors notifies an operator, and the event ends in no dead-letter queue.
    pub async fn reconcile_schedules(&self, deadline: Deadline) -> Result<Board, EngineError> {
        let mut snapshot = self.read().await?;
        for _ in 0..ROUNDS {
            if !snapshot.board.schedules.need_a_writer(self.ports.now()) || deadline.is_over(&self.ports) {
                break;
            }
            let nonce = self.ports.nonce();
            let begin = Input::SchedulesBegun { nonce: nonce.clone() };
            snapshot = self.commit_from(snapshot, &begin, deadline).await?;
            let release = self.release_of(&snapshot.board).await?;
            let Some(release) = release.filter(|_| snapshot.board.schedules.is_written_by(&nonce)) else { break };
            let put = self.ports.put_schedules(&release.wanted_schedules()).await;
            let outcome = put.as_ref().map(|()| release.schedules_hash()).map_err(ToString::to_string);
            let settle = Input::SchedulesSettled { nonce, outcome };
            snapshot = self.commit_from(snapshot, &settle, deadline).await?;
            put?;
        }
        Ok(snapshot.board)
    }
}
