//! The simulated services: what they do with a call.

use std::rc::Rc;

use landfall_engine::{DescribedTasks, Etag, RunTaskOutcome, TaskState};
use landfall_planner::{
    ATTEMPT_VARIABLE, Board, Claim, InboundEvent, OperatorAction, OperatorCommand, ReleaseId, RunId, RunTaskCall,
    TaskArn, invariants,
};

use crate::{
    check_times,
    mutants::Misbehaviour,
    ports::written,
    scenario::{HOUR, MINUTE, Ms, SECOND},
    world::{Function, Happening, Message, Task, World, at},
};

impl World {
    /// `PutObject` of the board with `If-Match`. Returns whether it was done.
    pub fn swap(&mut self, etag: &str, board: Board) -> bool {
        let same = self.board.as_ref().is_some_and(|(_, there)| there.to_string() == etag);
        if !same && !self.misbehaves(Misbehaviour::BoardOverwritten) {
            self.say(|| "a compare-and-swap of the board is refused: 412".to_owned());
            return false;
        }
        self.put_board(board);
        true
    }

    /// Returns the ETag of the board in place.
    pub fn board_etag(&self) -> Etag {
        Etag::new(self.board.as_ref().map(|(_, etag)| etag.to_string()).unwrap_or_default())
    }

    /// `PutObject` of a restored board, with `If-None-Match: *` or with `If-Match` on the board that it replaces.
    /// Returns whether it was done.
    pub fn restore(&mut self, over: Option<&str>, board: Board) -> bool {
        let there = self.board.as_ref().map(|(_, etag)| etag.to_string());
        if there.as_deref() != over {
            self.say(|| "the board is not restored: another one is in place".to_owned());
            return false;
        }
        self.say(|| "the board is restored".to_owned());
        self.board = None;
        self.recoveries += 1;
        self.put_board(board);
        true
    }

    /// Releases that were uploaded five minutes ago or earlier, are newer than `after`, and were never compiled.
    pub fn unheard(&self, after: Option<&ReleaseId>) -> Vec<ReleaseId> {
        let lies = self.version_of.iter().filter(|(id, (_, offered))| {
            after.is_none_or(|after| *id > after)
                && self.now - offered >= 5 * MINUTE
                && !self.releases.contains_key(*id)
        });
        lies.map(|(id, _)| id.clone()).collect()
    }

    /// Replaces the board without a condition.
    pub fn put_board(&mut self, board: Board) {
        let before = self.board.as_ref().map(|(before, _)| Rc::clone(before));
        let release = board.release.as_ref().and_then(|id| self.releases.get(id)).cloned();
        for violation in check_times::of_board(self, before.as_deref(), &board, release.as_deref()) {
            self.violated(violation.invariant, violation.detail);
        }
        for violation in invariants::check_step(before.as_deref(), &board, release.as_deref()) {
            self.violated(violation.invariant, violation.detail);
        }
        for (id, run) in &board.runs {
            let task = run.attempt.task_arn().and_then(|arn| self.tasks.get(arn));
            if let Some(other) = task.and_then(|task| task.facts.attempt).filter(|it| *it != run.attempt.number) {
                let what = format!("attempt {} of {id} has the task of attempt {other}", run.attempt.number);
                self.violated("L7", what);
            }
        }
        if board.ledger != before.as_ref().and_then(|before| before.ledger.clone())
            && let Some(key) = &board.ledger
        {
            self.committed.push(key.clone());
            if let Some(page) = self.ledger.get(key).filter(|_| self.trace.is_some()) {
                let lines: Vec<String> = page
                    .lines
                    .iter()
                    .map(|line| format!("    {}: {:?}: {}", line.event, line.outcome, line.detail))
                    .collect();
                self.say(|| format!("board {}\n{}", board.seq, lines.join("\n")));
            }
        } else {
            self.say(|| format!("board {}", board.seq));
        }
        self.writes += 1;
        let etag = self.number();
        for backlog in &board.docs.pending {
            self.docs_are_pending(backlog);
        }
        let board = Rc::new(board);
        self.versions.push(Rc::clone(&board));
        self.board = Some((board, etag));
    }

    /// `PutObject` of a claim with `If-None-Match: *`. Returns whether it was done.
    pub fn claim(&mut self, key: &(RunId, u32), claim: &Claim) -> bool {
        if self.claims.contains_key(key) {
            return false;
        }
        let time = written(self);
        self.say(|| format!("attempt {} of {} is claimed: {claim:?}", key.1, key.0));
        self.claims.insert(key.clone(), (claim.clone(), time));
        true
    }

    /// `RunTask`. A remembered token returns the task of the first call, or `ConflictException` for other parameters.
    pub fn run_task(&mut self, call: &RunTaskCall) -> RunTaskOutcome {
        // "The lower of 24 h and the task's life plus 1 h."
        let known = self.tokens.get(&call.client_token).cloned().filter(|(_, arn, since)| {
            let stopped = self.tasks.get(arn).and_then(|task| task.stopped);
            self.now - since < 24 * HOUR && stopped.is_none_or(|stopped| self.now - stopped < HOUR)
        });
        if let Some((first, arn, _)) = known {
            return if first == *call {
                RunTaskOutcome::Started { task_arn: arn }
            } else {
                RunTaskOutcome::Conflict { task_arns: vec![arn] }
            };
        }
        let number = self.number();
        let arn = match TaskArn::parse(format!("arn:task/{}/{}-{number}", call.settings.cluster, call.started_by)) {
            Ok(arn) => arn,
            Err(error) => return RunTaskOutcome::Unknown { error: error.to_string() },
        };
        let attempt = call.environment.get(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok());
        let facts = TaskState {
            task_arn: arn.clone(),
            last_status: "PROVISIONING".to_owned(),
            desired_status: Some("RUNNING".to_owned()),
            stop_code: None,
            stopped_reason: None,
            exit_code: None,
            container_reason: None,
            started_by: Some(call.started_by.clone()),
            attempt,
            plan: None,
            created_at: Some(at(self.now)),
            stopped_at: None,
            version: 1,
        };
        let known_from = if self.rng.u32(..4) == 0 { self.now + self.rng.i64(0..20 * SECOND) } else { self.now };
        let task = Task {
            facts,
            created: self.now,
            known_from,
            stopped: None,
            process: None,
            told_to_stop: false,
            killed: false,
            hold: None,
        };
        self.say(|| format!("ECS accepts {arn}"));
        self.tasks.insert(arn.clone(), task);
        self.tokens.insert(call.client_token.clone(), (call.clone(), arn.clone(), self.now));
        let rates = self.scenario.rates;
        if self.strikes(rates.task_never_starts, "a task never starts") {
            let after = self.rng.i64(20 * SECOND..3 * MINUTE);
            self.ends(&arn, after, "TaskFailedToStart", "CannotPullContainerError: no route", None);
        } else {
            let slow = self.rng.u32(..20) == 0;
            let after = self.rng.i64(5 * SECOND..if slow { 20 * MINUTE } else { 40 * SECOND });
            self.later(after, Happening::TaskStarts(arn.clone()));
        }
        RunTaskOutcome::Started { task_arn: arn }
    }

    /// The process of a task ended, or never started. ECS reports STOPPED after a while.
    pub fn ends(&mut self, arn: &TaskArn, after: Ms, code: &str, reason: &str, exit_code: Option<i32>) {
        if let Some(task) = self.tasks.get_mut(arn) {
            task.facts.stop_code = Some(code.to_owned());
            task.facts.stopped_reason = Some(reason.to_owned());
            task.facts.exit_code = exit_code;
        }
        self.later(after, Happening::TaskStops(arn.clone()));
    }

    /// The task is STOPPED. Its event is sent, or lost, or delivered twice or late.
    pub fn stopped(&mut self, arn: &TaskArn) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.stopped.is_none()) else { return };
        task.stopped = Some(now);
        "STOPPED".clone_into(&mut task.facts.last_status);
        task.facts.stopped_at = Some(at(now));
        task.facts.version += 1;
        let facts = task.facts.clone();
        let rates = self.scenario.rates;
        if self.strikes(rates.event_lost, "a task's event is lost") {
            return;
        }
        let after = if self.strikes(rates.delayed, "an event is late") { self.rng.i64(0..2 * HOUR) } else { 200 };
        self.later(after, Happening::Invoke(Function::OnTaskStopped(Box::new(facts.clone())), 0));
        if self.strikes(rates.twice, "an event comes twice") {
            let after = self.rng.i64(0..10 * MINUTE);
            self.later(after, Happening::Invoke(Function::OnTaskStopped(Box::new(facts)), 0));
        }
    }

    /// `DescribeTasks`. It is eventually consistent about new tasks, and forgets a task an hour after its stop.
    pub fn describe(&mut self, arns: &[TaskArn]) -> DescribedTasks {
        let mut described = DescribedTasks::default();
        for arn in arns {
            let rate = self.scenario.rates.task_unknown;
            let unknown = self.strikes(rate, "ECS does not know a task for a moment");
            let known = self.tasks.get(arn).filter(|task| {
                self.now >= task.known_from && task.stopped.is_none_or(|stopped| self.now - stopped < HOUR)
            });
            match known.filter(|_| !unknown) {
                Some(task) => described.tasks.push(task.facts.clone()),
                None => described.missing.push(arn.clone()),
            }
        }
        described
    }

    /// Sends a message to the queue through `EventBridge`, which may deliver it late or twice.
    pub fn send(&mut self, load: &landfall_planner::InboundEvent) {
        let rates = self.scenario.rates;
        let copies = if self.strikes(rates.twice, "an event comes twice") { self.rng.u32(2..=3) } else { 1 };
        for _ in 0..copies {
            let after = if self.strikes(rates.delayed, "an event is late") {
                self.rng.i64(0..2 * HOUR)
            } else {
                self.rng.i64(50..2 * SECOND)
            };
            let number = self.number();
            let visible_at = self.now + after;
            let message = Message { load: Some(received(load, at(visible_at))), visible_at, receives: 0, number };
            self.later(after, Happening::Arrives(message));
        }
    }

    /// Sends an operator command now.
    pub fn action(&mut self, action: OperatorAction) {
        let number = self.number();
        let event_id = format!("command-{number}");
        // EventBridge sets the time of an event that states none. Other senders state one by their own clock.
        let time = match self.rng.u32(..4) {
            0 if self.faulty => self.any_time().max(at(self.now)),
            _ => at(self.now),
        };
        let command = OperatorCommand { event_id, time, stated_time: None, action };
        self.send(&InboundEvent::Command(command));
    }

    /// The event source mapping receives batches, as its concurrency allows.
    pub fn poll(&mut self) {
        const CONCURRENCY: usize = 2;
        const VISIBILITY: Ms = 7 * MINUTE;
        const RECEIVES: u32 = 10;
        while self.loading < CONCURRENCY {
            let most = *self.rng.choice([1, 3, 10].iter()).unwrap_or(&1);
            let mut batch = Vec::new();
            let mut gone = Vec::new();
            let now = self.now;
            for (at, message) in self.queue.iter_mut().enumerate() {
                if message.visible_at > now || batch.len() >= most {
                    continue;
                }
                if message.receives >= RECEIVES {
                    gone.push(at);
                    continue;
                }
                message.receives += 1;
                message.visible_at = now + VISIBILITY;
                batch.push(message.clone());
            }
            let moved = !gone.is_empty();
            for at in gone.into_iter().rev() {
                self.dead.extend(self.queue.remove(at));
            }
            if batch.is_empty() {
                // What this poll moved to the dead letters may have been what it was scheduled for.
                if let Some(next) = self.next_visible().filter(|_| moved) {
                    self.later(next - self.now, Happening::Poll);
                }
                return;
            }
            self.loading += 1;
            self.later(0, Happening::Invoke(Function::OnLoad(batch), 0));
        }
    }

    /// Deletes the messages of a handled batch. SQS may deliver a deleted message once more.
    pub fn acknowledge(&mut self, batch: &[Message]) {
        let rate = self.scenario.rates.twice / 4;
        for message in batch {
            // It fails alone (`ReportBatchItemFailures`), and is shown again at once.
            if matches!(message.load, Some(InboundEvent::Malformed { .. })) {
                let now = self.now;
                let there = self.queue.iter_mut().find(|there| there.number == message.number);
                if let Some(there) = there {
                    there.visible_at = now;
                }
                continue;
            }
            if self.strikes(rate, "a message comes again though it was deleted") {
                continue;
            }
            self.queue.retain(|there| there.number != message.number);
        }
    }

    /// The next time that a message becomes visible.
    pub fn next_visible(&self) -> Option<Ms> {
        self.queue.iter().map(|message| message.visible_at).min()
    }

    /// Whether the sweep of this minute is called.
    pub fn sweeps(&mut self) -> bool {
        let rate = self.scenario.rates.sweep_lost;
        !self.misbehaves(Misbehaviour::NoSweep) && !self.strikes(rate, "a sweep is lost")
    }
}

/// The event as on-load reads it from a message that SQS received then.
fn received(load: &InboundEvent, received: jiff::Timestamp) -> InboundEvent {
    match load {
        InboundEvent::Command(OperatorCommand { event_id, time, action, .. }) => {
            InboundEvent::Command(OperatorCommand::received(event_id.clone(), *time, received, action.clone()))
        }
        other => other.clone(),
    }
}
