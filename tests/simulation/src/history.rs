//! One history: from its seed through its faults to a quiet end, and what is then wrong with it.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

use fastrand::Rng;
use landfall_conductor::{ConductError, Conductor, Deadline, Offered, ReleaseParts};
use landfall_pipeline::{
    Board, DatasetLoaded, Input, JobName, Load, ObjectEvent, Project as Yaml, ReleaseId, RunId, safeguards,
    safeguards::Safeguard,
};

use crate::{
    check::{self, Violation},
    container,
    exec::{Call, Fate, Shared},
    ports::SimPorts,
    project::LANDING,
    scenario::{HOUR, MINUTE, Ms, Outside, SECOND, Scenario},
    world::{Function, Happening, Landed, Message, World, at, whole},
};

/// What a history came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Happenings.
    pub happenings: u64,
    /// Runs planned.
    pub runs: u64,
    /// Swaps of the board.
    pub swaps: u64,
    /// Faults by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
}

/// What is left out of a history, to find the least that still goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Less {
    /// Outside happenings by number.
    pub outside: BTreeSet<usize>,
    /// Kinds of faults, by the names of [`crate::scenario::Rates`].
    pub rates: BTreeSet<&'static str>,
}

/// Runs the history of a seed, with a safeguard switched off or none.
pub fn run(seed: u64, off: Option<Safeguard>, less: &Less, trace: bool) -> Report {
    safeguards::switch_off(off);
    let mut rng = Rng::with_seed(seed);
    let mut scenario = Scenario::any(&mut rng);
    scenario.without(less);
    let scenario = Rc::new(scenario);
    let world = Rc::new(RefCell::new(World::new(Rc::clone(&scenario), rng, trace)));
    let mut history = History { world, heap: BinaryHeap::new(), processes: Vec::new(), happenings: 0, order: 0 };
    history.begin();
    history.outside(&scenario);
    let quiet = history.go();
    safeguards::switch_off(None);
    drop(std::mem::take(&mut history.processes));
    let mut world = history.world.borrow_mut();
    let mut violations = std::mem::take(&mut world.violations);
    violations.extend(check::at_the_end(&world, quiet));
    Report {
        seed,
        happenings: history.happenings,
        runs: world.plans.len() as u64,
        swaps: world.swaps,
        struck: std::mem::take(&mut world.struck),
        violations,
        trace: world.trace.take().unwrap_or_default(),
    }
}

type Running = Pin<Box<dyn Future<Output = Ended>>>;

/// How a process ended.
enum Ended {
    /// A function's call: whether it succeeded.
    Called(bool),
    /// A container's process, with its exit code.
    Exited(i32),
}

/// What a process is.
enum What {
    /// A call of a function; so often before; killed at its deadline.
    Call { function: Function, before: u32, deadline: Ms },
    /// A task's process.
    Task(String),
}

struct Process {
    future: Option<Running>,
    what: What,
    /// What becomes of the call that it waits for.
    fate: Fate,
}

struct At(Ms, u64, Happening);

impl PartialEq for At {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

struct History {
    world: Shared,
    heap: BinaryHeap<Reverse<At>>,
    processes: Vec<Process>,
    happenings: u64,
    order: u64,
}

/// Everything that is to be done is done long before.
const MOST_HAPPENINGS: u64 = 200_000;
/// After the last fault, tasks that hang, tokens and claims need a while to be given up.
const QUIET: Ms = 5 * HOUR;

impl History {
    /// The stack is deployed, and the first release is in place.
    fn begin(&mut self) {
        self.world.borrow_mut().faulty = false;
        self.world.borrow_mut().put_board(Board::new(at(0)));
        self.call(Function::OnRelease(0), 0);
        while self.processes.iter().any(|process| process.future.is_some()) {
            if !self.one() {
                break;
            }
        }
        self.world.borrow_mut().faulty = true;
    }

    fn outside(&mut self, scenario: &Scenario) {
        let start = self.world.borrow().now + MINUTE;
        for (time, outside) in &scenario.outside {
            self.put(start + time, Happening::Outside(*outside));
        }
        self.put(start, Happening::Minute);
    }

    /// Lets everything happen; whether it came to rest.
    fn go(&mut self) -> bool {
        let (faults_until, last) = {
            let world = self.world.borrow();
            let until = world.now + world.scenario.faults_until;
            (until, until + QUIET)
        };
        let mut redriven = false;
        while self.happenings < MOST_HAPPENINGS {
            let Some(Reverse(next)) = self.heap.peek() else { return true };
            let time = next.0;
            if time > faults_until && self.world.borrow().faulty {
                self.world.borrow_mut().faulty = false;
            }
            if time > last {
                return check::rests(&self.world.borrow());
            }
            if time > faults_until && !redriven {
                redriven = true;
                self.redrive();
            }
            if time > faults_until + 10 * MINUTE && self.only_minutes() && check::rests(&self.world.borrow()) {
                return true;
            }
            if !self.one() {
                return true;
            }
        }
        false
    }

    /// A person moves dead letters back once the trouble is over.
    fn redrive(&mut self) {
        let mut world = self.world.borrow_mut();
        let dead = std::mem::take(&mut world.dead);
        for message in dead {
            let back = Message { receives: 0, visible_at: world.now, ..message };
            world.later(0, Happening::Arrives(back));
        }
    }

    fn only_minutes(&self) -> bool {
        self.heap.iter().all(|Reverse(next)| matches!(next.2, Happening::Minute | Happening::Poll))
            && self.world.borrow().queue.iter().all(|message| message.load.is_none())
            && self.processes.iter().all(|process| process.future.is_none())
    }

    fn put(&mut self, time: Ms, happening: Happening) {
        self.order += 1;
        self.heap.push(Reverse(At(time, self.order, happening)));
    }

    fn take_up(&mut self) {
        let happenings = std::mem::take(&mut self.world.borrow_mut().outbox);
        for (time, happening) in happenings {
            self.put(time, happening);
        }
    }

    /// One happening; false if there is none.
    fn one(&mut self) -> bool {
        self.take_up();
        let Some(Reverse(At(time, _, happening))) = self.heap.pop() else { return false };
        self.happenings += 1;
        {
            let mut world = self.world.borrow_mut();
            world.now = world.now.max(time);
            if !matches!(happening, Happening::Resume(_) | Happening::Poll | Happening::Minute) {
                world.say(|| format!("{happening:?}"));
            }
        }
        match happening {
            Happening::Resume(process) => self.resume(process),
            Happening::Outside(outside) => self.comes(outside),
            Happening::Arrives(message) => {
                let mut world = self.world.borrow_mut();
                let after = (message.visible_at - world.now).max(0);
                world.queue.push_back(message);
                world.later(after, Happening::Poll);
            }
            Happening::Poll => self.world.borrow_mut().poll(),
            Happening::Invoke(function, before) => self.call(function, before),
            Happening::Minute => {
                let sweeps = self.world.borrow_mut().sweeps();
                if sweeps {
                    self.call(Function::Sweep, 0);
                }
                let now = self.world.borrow().now;
                self.put(now + MINUTE, Happening::Minute);
            }
            Happening::TaskStarts(arn) => self.task_starts(&arn),
            Happening::TaskKilled(arn) => self.task_killed(&arn),
            Happening::TaskInterrupted(arn) => {
                if let Some(task) = self.world.borrow_mut().tasks.get_mut(&arn) {
                    task.told_to_stop = true;
                }
            }
            Happening::TaskStops(arn) => self.world.borrow_mut().stopped(&arn),
            Happening::Effect(effect) => effect(&mut self.world.borrow_mut()),
        }
        self.take_up();
        true
    }

    fn comes(&mut self, outside: Outside) {
        let mut world = self.world.borrow_mut();
        let first = world.scenario.versions.first().map(|version| version.sources.clone()).unwrap_or_default();
        match outside {
            Outside::Lands(dataset, object) => {
                let Some(dataset) = first.get(dataset).cloned() else { return };
                let number = world.number();
                let event = format!("event-{number}");
                let (now, key) = (world.now, format!("{dataset}/{object}.csv"));
                // S3 counts from the start of an upload: its time may be older than the moment from which the object is read.
                let most = world.scenario.skew;
                let begun = now - world.rng.i64(0..=most);
                let load = Load::Object(ObjectEvent {
                    event_id: event.clone(),
                    time: at(whole(begun)),
                    bucket: LANDING.to_owned(),
                    key,
                    version_id: None,
                    etag: Some(format!("{number}")),
                    sequencer: Some(format!("{number:016x}")),
                    size: Some(1),
                    reason: None,
                });
                world.landed.push(Landed { dataset, written: now, event });
                world.send(&load);
            }
            Outside::Word(dataset) => {
                let Some(dataset) = first.get(dataset).cloned() else { return };
                let number = world.number();
                let event = format!("event-{number}");
                let now = world.now;
                let load = Load::Loaded(DatasetLoaded {
                    event_id: event.clone(),
                    time: at(whole(now)),
                    dataset: format!("raw.{dataset}"),
                    loaded_at: None,
                    batch_id: None,
                });
                world.landed.push(Landed { dataset, written: now, event });
                world.send(&load);
            }
            Outside::Release => {
                let next = 1 + world.version_of.values().copied().max().unwrap_or_default();
                if next < world.scenario.versions.len() {
                    world.later(0, Happening::Invoke(Function::OnRelease(next), 0));
                }
            }
            Outside::Job => {
                let time = at(whole(world.now)).to_string();
                world.later(0, Happening::Invoke(Function::Job(time), 0));
            }
        }
    }

    fn task_starts(&mut self, arn: &str) {
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

    fn task_killed(&mut self, arn: &str) {
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
        let after = world.rng.i64(500..20 * SECOND);
        world.ends(arn, after, code, reason, exit_code);
    }

    fn call(&mut self, function: Function, before: u32) {
        let (skew, now, acts) = {
            let mut world = self.world.borrow_mut();
            let most = world.scenario.skew;
            let skew = world.rng.i64(-most..=most);
            (skew, world.now, !matches!(function, Function::PublishDocs))
        };
        let ports = SimPorts::new(&self.world, skew, acts);
        let deadline = Deadline(at(now + skew + 55 * SECOND));
        let shared = Rc::clone(&self.world);
        let called = function.clone();
        let future: Running = Box::pin(async move {
            let result = invoke(&Conductor::over(ports), called, deadline, &shared).await;
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
    fn resume(&mut self, process: usize) {
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
                let asked = self.world.borrow_mut().asked.take();
                match asked {
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
                    // Lambda calls again, twice; then it is a dead letter, and the sweep's or a person's.
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

/// A function's handler, as its crate has it.
async fn invoke(
    conductor: &Conductor<SimPorts>,
    function: Function,
    deadline: Deadline,
    world: &Shared,
) -> Result<(), ConductError> {
    match function {
        Function::OnLoad(batch) => {
            let loads: Vec<Load> = batch.into_iter().filter_map(|message| message.load).collect();
            for load in &loads {
                if let Load::Object(ObjectEvent { event_id, .. }) | Load::Loaded(DatasetLoaded { event_id, .. }) = load
                {
                    *world.borrow_mut().received.entry(event_id.clone()).or_default() += 1;
                }
            }
            let input = if loads.is_empty() { Input::Tick } else { Input::Loads(&loads) };
            conductor.conduct(&input, deadline).await?;
        }
        Function::Sweep => {
            conductor.sweep(deadline).await?;
        }
        Function::Job(scheduled_time) => {
            let job = JobName::parse("qa").unwrap_or_else(|error| unreachable!("{error}"));
            conductor.conduct(&Input::Schedule { job, scheduled_time }, deadline).await?;
        }
        Function::OnTaskStopped(facts) => {
            if let Some(stop) = conductor.observe(&facts).await? {
                conductor.conduct(&Input::Stopped(Box::new(stop)), deadline).await?;
            }
        }
        Function::OnRelease(version) => {
            let parts = parts(world, version);
            if let Offered::InPlace(_, board) = conductor.offer(&parts, deadline).await? {
                conductor.perform(*board, deadline).await?;
            }
        }
        Function::PublishDocs => {
            let (board, _) = conductor.board().await?;
            let runs = board.docs.owed.into_iter().map(|owed| owed.run).collect();
            conductor.commit(&Input::Published { runs }, deadline).await?;
        }
    }
    Ok(())
}

/// The release of a version of the project.
pub fn parts(world: &Shared, version: usize) -> ReleaseParts {
    let mut world = world.borrow_mut();
    let id = ReleaseId::parse(format!("r{version}")).unwrap_or_else(|error| unreachable!("{error}"));
    world.version_of.insert(id.clone(), version);
    let scenario = Rc::clone(&world.scenario);
    let project = scenario.versions.get(version).unwrap_or_else(|| unreachable!("a version of the scenario"));
    ReleaseParts {
        id,
        index: project.index().unwrap_or_else(|error| unreachable!("{error}")),
        project: Yaml::from_yaml(&scenario.yaml).unwrap_or_else(|error| unreachable!("{error}")),
        existing: BTreeSet::new(),
        task_definition: None,
        landing_bucket: Some(LANDING.to_owned()),
        force: false,
    }
}
