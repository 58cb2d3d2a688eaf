//! One history: from its seed through its faults to a quiet end, and the violations in it.

mod functions;
mod processes;

use functions::release_id;

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    future::Future,
    pin::Pin,
    rc::Rc,
};

use fastrand::Rng;
use landfall_planner::{Board, DatasetName, InboundEvent, OperatorAction, TaskArn};

use crate::{
    check::{self, Violation},
    exec::{Fate, Shared},
    mutants::Mutant,
    scenario::{CommandKind, External, HOUR, MINUTE, Ms, SECOND, Scenario},
    world::{Function, Happening, Message, World, at, whole},
};

/// The report of a history.
#[derive(Debug, Default)]
pub struct Report {
    /// The seed of the history.
    pub seed: u64,
    /// How many things happened.
    pub happenings: u64,
    /// How many plans were written.
    pub runs: u64,
    /// How many writes of the board succeeded.
    pub writes: u64,
    /// How many faults struck, by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// The violations of invariants.
    pub violations: Vec<Violation>,
    /// The trace, if it was requested.
    pub trace: Vec<String>,
    /// The board at the end as JSON, if a trace was requested.
    pub board: Option<String>,
}

/// What is omitted from a history, to find the smallest part that still violates an invariant.
#[derive(Debug, Clone, Default)]
pub struct Omitted {
    /// External happenings by number.
    pub outside: BTreeSet<usize>,
    /// Kinds of faults, by the names of [`crate::scenario::Rates`].
    pub rates: BTreeSet<&'static str>,
}

/// Runs the history of a seed, by the protocol or by a mutant of it.
pub fn run(seed: u64, mutant: Option<&'static Mutant>, omitted: &Omitted, trace: bool) -> Report {
    let mut rng = Rng::with_seed(seed);
    let mut scenario = Scenario::any(&mut rng);
    scenario.without(omitted);
    let scenario = Rc::new(scenario);
    let world = Rc::new(RefCell::new(World::new(Rc::clone(&scenario), rng, mutant, trace)));
    let mut history = History { world, heap: BinaryHeap::new(), processes: Vec::new(), happenings: 0, order: 0 };
    history.begin();
    history.outside(&scenario);
    let quiet = history.run_to_rest();
    drop(std::mem::take(&mut history.processes));
    let mut world = history.world.borrow_mut();
    let mut violations = std::mem::take(&mut world.violations);
    violations.extend(check::at_the_end(&world, quiet));
    Report {
        seed,
        happenings: history.happenings,
        runs: world.plans.len() as u64,
        writes: world.writes,
        struck: std::mem::take(&mut world.struck),
        violations,
        board: world.board.as_ref().filter(|_| trace).and_then(|(board, _)| serde_json::to_string(&**board).ok()),
        trace: world.trace.take().unwrap_or_default(),
    }
}

type Running = Pin<Box<dyn Future<Output = Ended>>>;

/// How a process ended.
enum Ended {
    /// A function's call ended, and whether it succeeded.
    Called(bool),
    /// A container's process exited with this code.
    Exited(i32),
}

/// The kind of a process.
enum ProcessKind {
    /// A call of a function, after this many failed calls, which is killed at its deadline.
    Call { function: Function, before: u32, deadline: Ms },
    /// The process of a task.
    Task(TaskArn),
}

struct Process {
    future: Option<Running>,
    kind: ProcessKind,
    /// The fate of the call that it waits for.
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

/// A history that has not come to rest by then never does.
const MOST_HAPPENINGS: u64 = 200_000;
/// How long a history may take to come to rest after its last fault: hanging tasks, tokens and claims have long time
/// limits.
const QUIET: Ms = 5 * HOUR;

impl History {
    /// Deploys the stack and puts the first release in place.
    fn begin(&mut self) {
        self.world.borrow_mut().faulty = false;
        self.world.borrow_mut().put_board(Board::new(at(0)));
        self.world.borrow_mut().version_of.insert(release_id(0), (0, 0));
        self.call(Function::OnRelease(0), 0);
        while self.processes.iter().any(|process| process.future.is_some()) {
            if !self.step() {
                break;
            }
        }
        self.world.borrow_mut().faulty = true;
    }

    fn outside(&mut self, scenario: &Scenario) {
        let start = self.world.borrow().now + MINUTE;
        for (time, outside) in &scenario.outside {
            self.put(start + time, Happening::External(*outside));
        }
        self.put(start, Happening::Minute);
    }

    /// Lets everything happen. Returns whether the history came to rest.
    fn run_to_rest(&mut self) -> bool {
        let (faults_until, last) = {
            let world = self.world.borrow();
            // External happenings begin a minute from now.
            let until = world.now + MINUTE + world.scenario.faults_until;
            (until, until + QUIET)
        };
        let mut over = false;
        while self.happenings < MOST_HAPPENINGS {
            let Some(Reverse(next)) = self.heap.peek() else { return true };
            let time = next.0;
            if time > faults_until && self.world.borrow().faulty {
                self.world.borrow_mut().faulty = false;
            }
            if time > last {
                return check::is_at_rest(&self.world.borrow());
            }
            if time > faults_until && !over {
                over = true;
                self.end_pauses();
            }
            if over {
                self.redrive();
            }
            if over && self.only_minutes() && self.is_paused() {
                self.end_pauses();
                self.schedule_outbox();
            }
            if time > faults_until + 10 * MINUTE && self.only_minutes() && check::is_at_rest(&self.world.borrow()) {
                return true;
            }
            if !self.step() {
                return true;
            }
        }
        false
    }

    /// An operator ends every pause after the last fault.
    fn end_pauses(&self) {
        let mut world = self.world.borrow_mut();
        if world.scenario.outside.iter().any(|(_, outside)| matches!(outside, External::Command(..))) {
            let sources = world.scenario.versions.first().map(|version| version.sources.clone()).unwrap_or_default();
            let names = sources.iter().filter_map(|name| DatasetName::parse(format!("raw.{name}")).ok());
            for dataset in std::iter::once(None).chain(names.map(Some)) {
                world.action(OperatorAction::Resume { dataset });
            }
        }
    }

    /// Whether a pause that was delivered late holds. An operator sees it in `landfall status`.
    fn is_paused(&self) -> bool {
        let world = self.world.borrow();
        let board = world.board.as_ref().map(|(board, _)| board);
        board.is_some_and(|board| board.paused_all || board.datasets.values().any(|state| state.paused))
    }

    /// An operator moves dead letters back to the queue, as their alarm asks for.
    fn redrive(&self) {
        let mut world = self.world.borrow_mut();
        if world.board.is_none() {
            return;
        }
        let dead = std::mem::take(&mut world.dead);
        // Moving a malformed message back does not help.
        let is_event = |message: &Message| !matches!(message.load, Some(InboundEvent::Malformed { .. }));
        for message in dead.into_iter().filter(is_event) {
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

    fn schedule_outbox(&mut self) {
        let happenings = std::mem::take(&mut self.world.borrow_mut().outbox);
        for (time, happening) in happenings {
            self.put(time, happening);
        }
    }

    /// Lets the next thing happen. Returns false if there is none.
    fn step(&mut self) -> bool {
        self.schedule_outbox();
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
            Happening::External(outside) => self.external_happening(outside),
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
        self.schedule_outbox();
        true
    }

    fn external_happening(&mut self, outside: External) {
        let mut world = self.world.borrow_mut();
        let first = world.scenario.versions.first().map(|version| version.sources.clone()).unwrap_or_default();
        match outside {
            External::Lands(dataset, object) => {
                let Some(dataset) = first.get(dataset).cloned() else { return };
                world.object_lands(&dataset, object);
            }
            External::LoaderReport(dataset) => {
                let Some(dataset) = first.get(dataset).cloned() else { return };
                world.loader_reports(&dataset);
            }
            External::Malformed => world.malformed_arrives(),
            External::Release => {
                let next = world.version_of.len();
                if next < world.scenario.versions.len() {
                    let now = world.now;
                    world.version_of.insert(release_id(next), (next, now));
                    let rate = world.scenario.rates.event_lost;
                    if !world.strikes(rate, "a release's event is lost") {
                        world.later(0, Happening::Invoke(Function::OnRelease(next), 0));
                    }
                }
            }
            External::Command(number, command) => {
                let dataset = match number {
                    0 => None,
                    number => first.get(number - 1).and_then(|name| DatasetName::parse(format!("raw.{name}")).ok()),
                };
                let action = match command {
                    CommandKind::Pause => OperatorAction::Pause { dataset },
                    CommandKind::Resume => OperatorAction::Resume { dataset },
                    CommandKind::Retry => OperatorAction::Retry { trigger: None },
                };
                world.action(action);
            }
            External::BoardLost(back, gone) => {
                if gone {
                    world.say(|| "board.json is deleted".to_owned());
                    world.board = None;
                }
                *world.struck.entry("the board is lost").or_default() += 1;
                let after = world.rng.i64(SECOND..10 * MINUTE);
                world.later(after, Happening::Invoke(Function::Recover(back), 0));
            }
            External::ClusterChanged => {
                world.clusters += 1;
                *world.struck.entry("the cluster is changed").or_default() += 1;
            }
            External::Job => {
                let time = at(whole(world.now)).to_string();
                world.later(0, Happening::Invoke(Function::Job(time.clone()), 0));
                // Scheduler delivers at least once.
                let rate = world.scenario.rates.twice;
                if world.strikes(rate, "an event comes twice") {
                    let after = world.rng.i64(0..10 * MINUTE);
                    world.later(after, Happening::Invoke(Function::Job(time), 0));
                }
            }
        }
    }
}
