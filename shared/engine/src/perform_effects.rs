//! Doing what the board asks.

use std::collections::HashSet;

use landfall_planner::{Board, Claim, Effect, Input, RunId, effects};

use crate::{Deadline, Engine, EngineError, Ports, PutNew, RunTaskOutcome, StartRefusal};

impl<P: Ports> Engine<P> {
    /// Commits the input, then does what the board asks, and what that leads to. Each effect is tried once: what does not succeed stays on the
    /// board, for the next function or the sweep.
    pub async fn conduct(&self, input: &Input<'_>, deadline: Deadline) -> Result<Board, EngineError> {
        // Boxed: the futures of a decision within an effect within a decision would be one deep type.
        let board = Box::pin(self.commit(input, deadline)).await?;
        Box::pin(self.perform(board, deadline)).await
    }

    /// Does what the board asks.
    pub async fn perform(&self, mut board: Board, deadline: Deadline) -> Result<Board, EngineError> {
        if self.ports.task().is_none() {
            return Ok(board);
        }
        let mut tried: HashSet<String> = HashSet::new();
        loop {
            let release = self.release_of(&board).await?;
            let next = effects(&board, release.as_deref(), self.ports.now())
                .into_iter()
                .find(|effect| tried.insert(key(effect)));
            let Some(effect) = next else { return Ok(board) };
            if deadline.is_over(self.ports.now()) {
                tracing::warn!(?effect, "no time left to do this: the next function does");
                return Ok(board);
            }
            match Box::pin(self.effect(&board, &effect, deadline)).await {
                Ok(Some(after)) => board = after,
                Ok(None) => {}
                // One effect that fails holds no other back; it is still on the board.
                Err(error) => tracing::error!(?effect, %error, "not done yet"),
            }
        }
    }

    async fn effect(&self, board: &Board, effect: &Effect, deadline: Deadline) -> Result<Option<Board>, EngineError> {
        match effect {
            Effect::StartTask { run, attempt } => self.start(run, *attempt, deadline).await,
            Effect::Revoke { run, attempt } => self.revoked(run, *attempt, deadline).await.map(Some),
            Effect::StopTask { run, attempt, task_arn } => {
                tracing::warn!(%run, attempt, task_arn, "this task is far beyond its time, and is stopped");
                let reason = format!("Landfall: attempt {attempt} of {run} is far beyond runs.timeout");
                self.ports.stop_task(task_arn, &reason).await?;
                Ok(None)
            }
            Effect::Announce => self.announce(board, deadline).await.map(Some),
            Effect::AnnounceLimit => self.announce_limit(board, deadline).await,
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

    async fn start(&self, run: &RunId, attempt: u32, deadline: Deadline) -> Result<Option<Board>, EngineError> {
        let plan = match self.ports.plan(run).await? {
            Ok(plan) => plan,
            Err(reason) => return self.not_started(run, attempt, reason, false, deadline).await,
        };
        match self.ports.run_task(&plan.run_task(attempt)).await {
            RunTaskOutcome::Started { task_arn } => {
                let input = Input::Started { run: run.clone(), attempt, task_arn };
                self.commit(&input, deadline).await.map(Some)
            }
            RunTaskOutcome::Conflict { task_arns } => {
                if let Some(task_arn) = task_arns.into_iter().next() {
                    let input = Input::Claimed { run: run.clone(), attempt, task_arn };
                    return self.commit(&input, deadline).await.map(Some);
                }
                let reason = "its client token was used with other parameters".to_owned();
                self.not_started(run, attempt, reason, true, deadline).await
            }
            RunTaskOutcome::Refused { class: StartRefusal::Throttled, reason } => {
                tracing::warn!(%run, attempt, reason, "RunTask was throttled: the same call is made again soon");
                Ok(None)
            }
            RunTaskOutcome::Refused { class, reason } => {
                let retryable = class != StartRefusal::Configuration;
                self.not_started(run, attempt, reason, retryable, deadline).await
            }
            RunTaskOutcome::Unknown { error } => {
                tracing::warn!(%run, attempt, error, "nobody knows whether the task was started: the same call is made again");
                Ok(None)
            }
        }
    }

    async fn not_started(
        &self,
        run: &RunId,
        attempt: u32,
        reason: String,
        retryable: bool,
        deadline: Deadline,
    ) -> Result<Option<Board>, EngineError> {
        let input = Input::NotStarted { run: run.clone(), attempt, reason, retryable };
        self.commit(&input, deadline).await.map(Some)
    }

    /// Gives an attempt up. Who comes first wins: after our `revoked` no task can claim it; a task that claimed it runs on (L7).
    async fn revoked(&self, run: &RunId, attempt: u32, deadline: Deadline) -> Result<Board, EngineError> {
        let claim = Claim::Revoked { reason: format!("given up by Landfall ({})", self.ports.nonce()) };
        let there = match self.ports.put_claim(run, attempt, &claim).await? {
            PutNew::Created { .. } => None,
            PutNew::Exists => self.ports.claim(run, attempt).await?,
        };
        let (run, input_attempt) = (run.clone(), attempt);
        let input = match there {
            Some((Claim::Task { task_arn }, _)) => Input::Claimed { run, attempt: input_attempt, task_arn },
            Some((Claim::Revoked { .. }, _)) | None => Input::Revoked { run, attempt: input_attempt },
        };
        self.commit(&input, deadline).await
    }

    async fn announce(&self, board: &Board, deadline: Deadline) -> Result<Board, EngineError> {
        for told in &board.announce {
            let mut detail = told.detail().map_err(|source| EngineError::Json { what: "an event", source })?;
            if let Some(fields) = detail.as_object_mut() {
                fields.insert("stack".to_owned(), self.ports.stack().into());
            }
            self.ports.put_event("Run Settled", &detail).await?;
        }
        let runs = board.announce.iter().map(|told| told.run.clone()).collect();
        self.commit(&Input::Announced { runs }, deadline).await
    }

    async fn announce_limit(&self, board: &Board, deadline: Deadline) -> Result<Option<Board>, EngineError> {
        let Some(limit) = &board.limit_reached else { return Ok(None) };
        let mut detail =
            serde_json::to_value(limit).map_err(|source| EngineError::Json { what: "an event", source })?;
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("stack".to_owned(), self.ports.stack().into());
        }
        self.ports.put_event("Limit Reached", &detail).await?;
        self.commit(&Input::LimitAnnounced, deadline).await.map(Some)
    }
}

/// One try an effect; a wake is one whatever its time.
fn key(effect: &Effect) -> String {
    match effect {
        Effect::Wake { .. } => "wake".to_owned(),
        other => format!("{other:?}"),
    }
}
