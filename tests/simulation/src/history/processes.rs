//! What becomes of processes: a task's and a function's, from their start to their end, and of each call between.

use std::{
    rc::Rc,
    task::{Context, Waker},
};

use landfall_engine::{Deadline, Engine};
use landfall_planner::RunId;

use super::{Ended, History, Process, Running, What, functions::invoke};
use crate::{
    container,
    exec::{Call, Fate},
    mutants,
    ports::SimPorts,
    scenario::{MINUTE, SECOND},
    world::{Function, Happening, at},
};

impl History {
    pub(super) fn task_starts(&mut self, arn: &str) {
        let mut world = self.world.borrow_mut();
        let Some(task) = world.tasks.get(arn).filter(|task| !task.told_to_stop && task.stopped.is_none()) else {
            return;
        };
        let run = task.facts.started_by.clone().and_then(|run| RunId::parse(run).ok());
        let (Some(run), Some(attempt)) = (run, task.facts.attempt) else { return };
        let rates = world.scenario.rates;
        if world.strikes(rates.task_killed, "a task is killed") {
            let after = world.rng.i64(SECOND..2 * MINUTE);
            world.later(after, Happening::TaskKilled(arn.to_owned()));
        }
        if world.strikes(rates.task_interrupted, "a task is interrupted") {
            let after = world.rng.i64(SECOND..2 * MINUTE);
            world.later(after, Happening::TaskInterrupted(arn.to_owned()));
        }
        let process = self.processes.len();
        if let Some(task) = world.tasks.get_mut(arn) {
            task.process = Some(process);
            "RUNNING".clone_into(&mut task.facts.last_status);
        }
        let (shared, name) = (Rc::clone(&self.world), arn.to_owned());
        let future: Running = Box::pin(async move { Ended::Exited(container::run(shared, name, run, attempt).await) });
        drop(world);
        self.processes.push(Process { future: Some(future), what: What::Task(arn.to_owned()), fate: Fate::Done });
        self.poll(process);
    }

    pub(super) fn task_killed(&mut self, arn: &str) {
        let process = self.world.borrow().tasks.get(arn).and_then(|task| task.process);
        let Some(process) = process else { return };
        let alive = self.processes.get_mut(process).and_then(|process| process.future.take()).is_some();
        if alive {
            self.task_over(arn, "EssentialContainerExited", "OutOfMemoryError: killed", Some(137));
        }
    }

    fn task_over(&mut self, arn: &str, code: &str, reason: &str, exit_code: Option<i32>) {
        let mut world = self.world.borrow_mut();
        let now = world.now;
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
        let (skew, now, acts) = {
            let mut world = self.world.borrow_mut();
            let most = world.scenario.skew;
            let skew = world.rng.i64(-most..=most);
            (skew, world.now, !matches!(function, Function::PublishDocs | Function::Recover(_)))
        };
        let ports = SimPorts::new(&self.world, skew, acts);
        let deadline = Deadline(at(now + skew + 55 * SECOND));
        let shared = Rc::clone(&self.world);
        let rules = mutants::rules(shared.borrow().mutant);
        let called = function.clone();
        let future: Running = Box::pin(async move {
            let result = invoke(&Engine::with_rules(ports, rules), called, deadline, &shared).await;
            if let Err(error) = &result {
                shared.borrow_mut().say(|| format!("a function failed: {error}"));
            }
            Ended::Called(result.is_ok())
        });
        let process = self.processes.len();
        let what = What::Call { function, before, deadline: now + 60 * SECOND };
        self.processes.push(Process { future: Some(future), what, fate: Fate::Done });
        self.poll(process);
    }

    /// A process's call comes back: it dies, or its call's fate is drawn and it goes on.
    pub(super) fn resume(&mut self, process: usize) {
        let Some(there) = self.processes.get(process).filter(|process| process.future.is_some()) else { return };
        let over = match &there.what {
            What::Call { deadline, .. } => self.world.borrow().now > *deadline,
            What::Task(_) => false,
        };
        let rates = self.world.borrow().scenario.rates;
        let function = matches!(there.what, What::Call { .. });
        if over || (function && self.world.borrow_mut().strikes(rates.crash_before, "a function dies before a call")) {
            self.dead(process);
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
                    Some(call) => self.waits(process, call),
                    None => self.dead(process),
                }
            }
        }
        self.take_up();
    }

    /// A call is under way: when it comes back, and what becomes of it, is drawn now and done then.
    fn waits(&mut self, process: usize, call: Call) {
        let function = self.processes.get(process).is_some_and(|process| matches!(process.what, What::Call { .. }));
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

    fn dead(&mut self, process: usize) {
        if let Some(there) = self.processes.get_mut(process) {
            there.future = None;
        }
        let ended = match self.processes.get(process).map(|process| &process.what) {
            Some(What::Task(_)) => Ended::Exited(137),
            Some(What::Call { .. }) | None => Ended::Called(false),
        };
        self.ended(process, &ended);
    }

    fn ended(&mut self, process: usize, ended: &Ended) {
        let Some(there) = self.processes.get(process) else { return };
        match (&there.what, ended) {
            (What::Task(arn), Ended::Exited(code)) => {
                let arn = arn.clone();
                let told = self.world.borrow().tasks.get(&arn).is_some_and(|task| task.told_to_stop);
                let stop_code = if told { "SpotInterruption" } else { "EssentialContainerExited" };
                self.task_over(&arn, stop_code, "its container exited", Some(*code));
            }
            (What::Call { function, before, .. }, Ended::Called(well)) => {
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
                    Function::Sweep => {}
                    // Somebody who was told that it failed says it again, and takes a newer version.
                    Function::Recover(back) if !well => {
                        let back = back.saturating_sub(1);
                        world.later(MINUTE, Happening::Invoke(Function::Recover(back), 0));
                    }
                    // Lambda calls again, twice; then it is a dead letter, and the sweep's or an operator's.
                    _ if !well && before < 2 => {
                        let after = if before == 0 { MINUTE } else { 2 * MINUTE };
                        world.later(after, Happening::Invoke(function, before + 1));
                    }
                    // The dead letter is moved back once the trouble is over.
                    Function::OnRelease(_) | Function::Job(_) if !well => {
                        let after = 10 * MINUTE;
                        world.later(after, Happening::Invoke(function, 0));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        self.take_up();
    }
}
