//! Performing the effects that the board asks for.

use std::collections::HashSet;

use landfall_planner::{Board, Claim, Effect, Input, Plan, RunId, effects};
use serde_json::Value;

use crate::{
    ClaimRecord, Deadline, Engine, EngineError, Ports, PutNew, ReadPlan, RunTaskOutcome, Snapshot, StartRefusal,
    ports::TaskStop,
};

impl<P: Ports> Engine<P> {
    /// Commits the input, then performs the effects that the board asks for, and those that follow from them. Each effect is tried once. One that
    /// fails stays on the board, for the next function or the sweep.
    ///
    /// # Errors
    ///
    /// Fails if the input could not be committed. An effect that fails is logged and is no error.
    pub async fn conduct(&self, input: &Input<'_>, deadline: Deadline) -> Result<Board, EngineError> {
        let snapshot = self.read().await?;
        Ok(self.conduct_from(snapshot, input, deadline).await?.board)
    }

    /// Like [`Self::conduct`], on a snapshot that is already there.
    pub(crate) async fn conduct_from(
        &self,
        snapshot: Snapshot,
        input: &Input<'_>,
        deadline: Deadline,
    ) -> Result<Snapshot, EngineError> {
        // Boxed: the futures of a decision within an effect within a decision would be one deep type.
        let snapshot = Box::pin(self.commit_from(snapshot, input, deadline)).await?;
        Box::pin(self.perform(snapshot, deadline)).await
    }

    /// Performs the effects that the board asks for, and those that follow from them.
    ///
    /// # Errors
    ///
    /// Fails if the release that the board names cannot be read, or if the board cannot be read again after a failed effect.
    pub async fn perform(&self, mut snapshot: Snapshot, deadline: Deadline) -> Result<Snapshot, EngineError> {
        if self.ports.task().is_none() {
            return Ok(snapshot);
        }
        let mut tried: HashSet<String> = HashSet::new();
        loop {
            let release = self.release_of(&snapshot.board).await?;
            let next = effects(&snapshot.board, release.as_deref(), self.ports.now())
                .into_iter()
                .find(|effect| tried.insert(key(effect)));
            let Some(effect) = next else { return Ok(snapshot) };
            if deadline.is_over(&self.ports) {
                tracing::warn!(?effect, "the deadline has passed: the next function performs this effect");
                return Ok(snapshot);
            }
            match Box::pin(self.effect(&snapshot, &effect)).await {
                Ok(Some(outcome)) => {
                    let plans = snapshot.plans.clone();
                    match Box::pin(self.commit_from(snapshot, &outcome, deadline)).await {
                        Ok(after) => snapshot = after,
                        // The effect stays on the board. Other effects go on from the board as it is now.
                        Err(error) => {
                            tracing::error!(?effect, %error, "the outcome of this effect is not on the board yet");
                            snapshot = self.read().await?;
                            snapshot.plans = plans;
                        }
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(?effect, %error, "this effect failed and stays on the board"),
            }
        }
    }

    /// Performs one effect and returns its outcome as the next input, if the board has to know it.
    async fn effect(&self, snapshot: &Snapshot, effect: &Effect) -> Result<Option<Input<'static>>, EngineError> {
        match effect {
            Effect::StartTask { run, attempt } => self.start(snapshot.plans.get(run), run, *attempt).await,
            Effect::Revoke { run, attempt } => self.revoke(run, *attempt).await.map(Some),
            Effect::StopTask { run, attempt, task_arn } => {
                tracing::warn!(%run, attempt, %task_arn, "stopping a task that is far beyond its timeout");
                let reason = format!("Landfall: attempt {attempt} of {run} is far beyond runs.timeout");
                self.ports.stop_task(TaskStop { task_arn, reason: &reason }).await?;
                Ok(None)
            }
            Effect::Announce => self.announce(&snapshot.board).await.map(Some),
            Effect::AnnounceLimit => self.announce_limit(&snapshot.board).await,
            Effect::PublishDocs => {
                let detail = serde_json::json!({ "stack": self.ports.stack() });
                self.ports.put_event("Docs Pending", &detail).await?;
                Ok(None)
            }
            Effect::Wake { at } => {
                self.ports.wake(*at).await?;
                Ok(None)
            }
        }
    }

    async fn start(
        &self,
        written: Option<&Plan>,
        run: &RunId,
        attempt: u32,
    ) -> Result<Option<Input<'static>>, EngineError> {
        let not_started = |reason, retryable| Input::NotStarted { run: run.clone(), attempt, reason, retryable };
        let call = match written {
            Some(plan) => plan.run_task(attempt),
            None => match self.ports.plan(run).await? {
                ReadPlan::Found(plan) => plan.run_task(attempt),
                ReadPlan::Unusable { reason } => return Ok(Some(not_started(reason, false))),
            },
        };
        Ok(match self.ports.run_task(&call).await {
            RunTaskOutcome::Started { task_arn } => Some(Input::Started { run: run.clone(), attempt, task_arn }),
            RunTaskOutcome::Conflict { task_arns } => Some(match task_arns.into_iter().next() {
                Some(task_arn) => Input::Claimed { run: run.clone(), attempt, task_arn },
                None => not_started("its client token was used with other parameters".to_owned(), true),
            }),
            RunTaskOutcome::Refused { class: StartRefusal::Throttled, reason } => {
                tracing::warn!(%run, attempt, reason, "RunTask was throttled: the next function makes the same call");
                None
            }
            RunTaskOutcome::Refused { class, reason } => {
                Some(not_started(reason, class != StartRefusal::Configuration))
            }
            RunTaskOutcome::Unknown { error } => {
                tracing::warn!(%run, attempt, error, "the outcome of RunTask is unknown; retrying with the same client token");
                None
            }
        })
    }

    /// Ends the right of an attempt to run. The first writer of the claim wins: after a revocation no task can claim the attempt, and a task that
    /// claimed it first runs on (L7).
    async fn revoke(&self, run: &RunId, attempt: u32) -> Result<Input<'static>, EngineError> {
        let claim = Claim::Revoked { reason: format!("given up by Landfall ({})", self.ports.nonce()) };
        let existing = match self.ports.put_claim(run, attempt, &claim).await? {
            PutNew::Created { .. } => None,
            PutNew::Exists => self.ports.claim(run, attempt).await?,
        };
        let run = run.clone();
        Ok(match existing {
            Some(ClaimRecord { claim: Claim::Task { task_arn }, .. }) => Input::Claimed { run, attempt, task_arn },
            Some(ClaimRecord { claim: Claim::Revoked { .. }, .. }) | None => Input::Revoked { run, attempt },
        })
    }

    async fn announce(&self, board: &Board) -> Result<Input<'static>, EngineError> {
        for announcement in &board.announce {
            let detail = announcement.detail().map_err(|source| EngineError::Json { what: "an event", source })?;
            self.ports.put_event("Run Settled", &self.with_stack(detail)).await?;
        }
        Ok(Input::Announced { runs: board.announce.iter().map(|announcement| announcement.run.clone()).collect() })
    }

    async fn announce_limit(&self, board: &Board) -> Result<Option<Input<'static>>, EngineError> {
        let Some(limit) = &board.limit_reached else { return Ok(None) };
        let detail = serde_json::to_value(limit).map_err(|source| EngineError::Json { what: "an event", source })?;
        self.ports.put_event("Limit Reached", &self.with_stack(detail)).await?;
        Ok(Some(Input::LimitAnnounced))
    }

    fn with_stack(&self, mut detail: Value) -> Value {
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("stack".to_owned(), self.ports.stack().into());
        }
        detail
    }
}

/// Returns the key by which an effect is tried once. All wakes share one, whatever their time.
fn key(effect: &Effect) -> String {
    match effect {
        Effect::Wake { .. } => "wake".to_owned(),
        other => format!("{other:?}"),
    }
}
