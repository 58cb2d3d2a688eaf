//! Processes of tasks and functions, from their start to their end, and the fates of their calls.

use std::{
    rc::Rc,
    task::{Context, Waker},
};

use landfall_engine::{Deadline, Engine, EngineError};
use landfall_planner::{RunId, TaskArn};

use super::{Ended, History, Process, ProcessKind, Running, functions::invoke};
use crate::{
    container,
    exec::{Call, Fate},
    mutants,
    ports::SimPorts,
    scenario::{MINUTE, SECOND},
    world::{Function, Happening, at},
};

impl History {
    pub(super) fn task_starts(&mut self, arn: &TaskArn) {
        let mut world = self.world.borrow_mut();
        let Some(task) = world.tasks.get(arn).filter(|task| !task.told_to_stop && task.stopped.is_none()) else {
            return;
        };
        let run = task.facts.started_by.clone().and_then(|run| RunId::parse(run).ok());
        let (Some(run), Some(attempt)) = (run, task.facts.attempt) else { return };
        let rates = world.scenario.rates;
        if world.strikes(rates.task_killed, "a task is killed") {
            let after = world.rng.i64(SECOND..2 * MINUTE);
            world.later(after, Happening::TaskKilled(arn.clone()));
        }
        if world.strikes(rates.task_interrupted, "a task is interrupted") {
            let after = world.rng.i64(SECOND..2 * MINUTE);
            world.later(after, Happening::TaskInterrupted(arn.clone()));
        }
        let process = self.processes.len();
        if let Some(task) = world.tasks.get_mut(arn) {
            task.process = Some(process);
            "RUNNING".clone_into(&mut task.facts.last_status);
        }
        let (shared, name) = (Rc::clone(&self.world), arn.clone());
        let future: Running = Box::pin(async move { Ended::Exited(container::run(shared, name, run, attempt).await) });
        drop(world);
        self.processes.push(Process { future: Some(future), kind: ProcessKind::Task(arn.clone()), fate: Fate::Done });
        self.poll(process);
    }

    pub(super) fn task_killed(&mut self, arn: &TaskArn) {
        let process = self.world.borrow().tasks.get(arn).and_then(|task| task.process);
        let Some(process) = process else { return };
        let alive = self.processes.get_mut(process).and_then(|process| process.future.take()).is_some();
        if alive {
            self.task_ended(arn, "EssentialContainerExited", "OutOfMemoryError: killed", Some(137));
        }
    }

    fn task_ended(&mut self, arn: &TaskArn, code: &str, reason: &str, exit_code: Option<i32>) {
        let mut world = self.world.borrow_mut();
        // The warehouse may still execute statements of a process that ended, for as long as landfall.yml says.
        let drain = world.scenario.drain;
        let now = world.now + if drain > 0 { world.rng.i64(0..drain) } else { 0 };
        if let Some(hold) = world.tasks.get(arn).and_then(|task| task.hold)
            && let Some(hold) = world.holds.get_mut(hold)
        {
            hold.to = Some(now);
        }
        let lingers = world.scenario.rates.task_lingers;
        let most = if world.strikes(lingers, "a task lingers") { 30 * MINUTE } else { 20 * SECOND };
        let after = world.rng.i64(500..most);
        world.ends(arn, after, code, reason, exit_code);
    }

    pub(super) fn call(&mut self, function: Function, before: u32) {
        let (own_clock, now, acts) = {
            let mut world = self.world.borrow_mut();
            let own_clock = world.by_wrong_clock() - world.now;
            (own_clock, world.now, !matches!(function, Function::PublishDocs | Function::Recover(_)))
        };
        let ports = SimPorts::new(&self.world, own_clock, acts);
        let deadline = Deadline(at(now + own_clock + 55 * SECOND));
        let shared = Rc::clone(&self.world);
        let rules = mutants::rules(shared.borrow().mutant);
        let called = function.clone();
        let future: Running = Box::pin(async move {
            let result = invoke(&Engine::with_rules(ports, rules), called, deadline, &shared).await;
            if let Err(error) = &result {
                shared.borrow_mut().say(|| format!("a function failed: {error}"));
                if matches!(error, EngineError::Board { .. } | EngineError::ReadBack { .. }) {
                    shared.borrow_mut().violated("L6", format!("a board does not read back: {error}"));
                }
            }
            Ended::Called(result.is_ok())
        });
        let process = self.processes.len();
        let kind = ProcessKind::Call { function, before, deadline: now + 60 * SECOND };
        self.processes.push(Process { future: Some(future), kind, fate: Fate::Done });
        self.poll(process);
    }

    /// The call of a process returns. The process crashes or continues.
    pub(super) fn resume(&mut self, process: usize) {
        let Some(there) = self.processes.get(process).filter(|process| process.future.is_some()) else { return };
        let over = match &there.kind {
            ProcessKind::Call { deadline, .. } => self.world.borrow().now > *deadline,
            ProcessKind::Task(_) => false,
        };
        let rates = self.world.borrow().scenario.rates;
        let function = matches!(there.kind, ProcessKind::Call { .. });
        if over || (function && self.world.borrow_mut().strikes(rates.crash_before, "a function dies before a call")) {
            self.crash(process);
            return;
        }
        self.poll(process);
    }

    fn poll(&mut self, process: usize) {
        let Some(there) = self.processes.get_mut(process) else { return };
        let Some(future) = there.future.as_mut() else { return };
        self.world.borrow_mut().fate = Some(there.fate);
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(ended) => {
                there.future = None;
                self.ended(process, &ended);
            }
            std::task::Poll::Pending => {
                let command = self.world.borrow_mut().command.take();
                match command {
                    Some(call) => self.wait_for_call(process, call),
                    None => self.crash(process),
                }
            }
        }
        self.schedule_outbox();
    }

    /// A process makes a call. The time at which it returns and its fate are drawn now.
    fn wait_for_call(&mut self, process: usize, call: Call) {
        let function =
            self.processes.get(process).is_some_and(|process| matches!(process.kind, ProcessKind::Call { .. }));
        let mut world = self.world.borrow_mut();
        let rates = world.scenario.rates;
        let time = match call {
            Call::Wait(time) => time,
            _ if world.strikes(rates.slow, "a call is slow") => world.rng.i64(SECOND..20 * SECOND),
            _ => world.rng.i64(2..60),
        };
        let fate = match call {
            Call::Wait(_) => Fate::Done,
            _ if world.strikes(rates.refused, "a call fails") => Fate::Refused,
            Call::Conditional if world.strikes(rates.conflict, "S3 answers 409") => Fate::Conflict,
            Call::Write | Call::Conditional if world.strikes(rates.reply_lost, "a reply is lost") => Fate::ReplyLost,
            Call::Write | Call::Conditional if world.strikes(rates.late, "a call has its effect late") => {
                Fate::Late(world.rng.i64(10..2 * MINUTE))
            }
            _ if function && world.strikes(rates.crash_after, "a function dies after a call") => Fate::Dies,
            _ => Fate::Done,
        };
        let now = world.now;
        drop(world);
        self.put(now + time, Happening::Resume(process));
        if let Some(there) = self.processes.get_mut(process) {
            there.fate = fate;
        }
    }

    fn crash(&mut self, process: usize) {
        if let Some(there) = self.processes.get_mut(process) {
            there.future = None;
        }
        let ended = match self.processes.get(process).map(|process| &process.kind) {
            Some(ProcessKind::Task(_)) => Ended::Exited(137),
            Some(ProcessKind::Call { .. }) | None => Ended::Called(false),
        };
        self.ended(process, &ended);
    }

    fn ended(&mut self, process: usize, ended: &Ended) {
        let Some(there) = self.processes.get(process) else { return };
        match (&there.kind, ended) {
            (ProcessKind::Task(arn), Ended::Exited(code)) => {
                let arn = arn.clone();
                let interrupted = self.world.borrow().tasks.get(&arn).is_some_and(|task| task.told_to_stop);
                let stop_code = if interrupted { "SpotInterruption" } else { "EssentialContainerExited" };
                self.task_ended(&arn, stop_code, "its container exited", Some(*code));
            }
            (ProcessKind::Call { function, before, .. }, Ended::Called(well)) => {
                let (function, before, well) = (function.clone(), *before, *well);
                let mut world = self.world.borrow_mut();
                match &function {
                    Function::OnLoad(batch) => {
                        world.loading -= 1;
                        if well {
                            world.acknowledge(batch);
                        }
                        if let Some(next) = world.next_visible() {
                            let after = next - world.now;
                            world.later(after, Happening::Poll);
                        }
                    }
                    Function::Sweep | Function::Schedules => {}
                    // The operator sees the failure and tries again with a newer version.
                    Function::Recover(back) if !well => {
                        let back = back.saturating_sub(1);
                        world.later(MINUTE, Happening::Invoke(Function::Recover(back), 0));
                    }
                    // Lambda retries twice. Then the event is a dead letter, which the sweep or an operator repairs.
                    _ if !well && before < 2 => {
                        let after = if before == 0 { MINUTE } else { 2 * MINUTE };
                        world.later(after, Happening::Invoke(function, before + 1));
                    }
                    // An operator moves the dead letter back later.
                    Function::OnRelease(_) | Function::Job(_) if !well => {
                        let after = 10 * MINUTE;
                        world.later(after, Happening::Invoke(function, 0));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        self.schedule_outbox();
    }
}
