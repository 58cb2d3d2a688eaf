//! One history: from its seed through its faults to a quiet end, and what is then wrong with it.

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
use landfall_planner::{Board, DatasetLoaded, DatasetName, InboundEvent, ObjectEvent, OperatorAction};

use crate::{
    check::{self, Violation},
    exec::{Fate, Shared},
    mutants::Mutant,
    project::LANDING,
    scenario::{HOUR, MARKER, MINUTE, Ms, Outside, SECOND, Scenario, Word},
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
    pub writes: u64,
    /// Faults by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
    /// The board at the end, as it is stored.
    pub board: Option<String>,
}

/// What is left out of a history, to find the least that still goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Less {
    /// Outside happenings by number.
    pub outside: BTreeSet<usize>,
    /// Kinds of faults, by the names of [`crate::scenario::Rates`].
    pub rates: BTreeSet<&'static str>,
}

/// Runs the history of a seed, by the protocol or by a mutant of it.
pub fn run(seed: u64, mutant: Option<&'static Mutant>, less: &Less, trace: bool) -> Report {
    let mut rng = Rng::with_seed(seed);
    let mut scenario = Scenario::any(&mut rng);
    scenario.without(less);
    let scenario = Rc::new(scenario);
    let world = Rc::new(RefCell::new(World::new(Rc::clone(&scenario), rng, mutant, trace)));
    let mut history = History { world, heap: BinaryHeap::new(), processes: Vec::new(), happenings: 0, order: 0 };
    history.begin();
    history.outside(&scenario);
    let quiet = history.go();
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

/// Objects of three days, in turn; and the marker that says that there are all.
fn key(dataset: &str, object: u32) -> String {
    if object == MARKER { format!("{dataset}/_DONE") } else { format!("{dataset}/dt={}/{object}.csv", object % 3) }
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
        self.world.borrow_mut().version_of.insert(release_id(0), (0, 0));
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
            // What comes from outside begins a minute from now.
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
                return check::rests(&self.world.borrow());
            }
            if time > faults_until && !over {
                over = true;
                self.end_pauses();
            }
            if over {
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

    /// An operator ends every pause once the trouble is over.
    fn end_pauses(&self) {
        let mut world = self.world.borrow_mut();
        if world.scenario.outside.iter().any(|(_, outside)| matches!(outside, Outside::CommandHistory(..))) {
            let sources = world.scenario.versions.first().map(|version| version.sources.clone()).unwrap_or_default();
            let names = sources.iter().filter_map(|name| DatasetName::parse(format!("raw.{name}")).ok());
            for dataset in std::iter::once(None).chain(names.map(Some)) {
                world.action(OperatorAction::Resume { dataset });
            }
        }
    }

    /// An operator moves dead letters back: their alarm goes on until they are gone.
    fn redrive(&self) {
        let mut world = self.world.borrow_mut();
        if world.board.is_none() {
            return;
        }
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
                let (now, key) = (world.now, key(&dataset, object));
                // S3 counts from the start of an upload: its time may be older than the moment from which the object is read.
                let most = world.scenario.skew;
                let begun = now - world.rng.i64(0..=most);
                let load = InboundEvent::ObjectCreated(ObjectEvent {
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
                let load = InboundEvent::DatasetLoaded(DatasetLoaded {
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
            Outside::CommandHistory(number, word) => {
                let dataset = match number {
                    0 => None,
                    number => first.get(number - 1).and_then(|name| DatasetName::parse(format!("raw.{name}")).ok()),
                };
                let action = match word {
                    Word::Pause => OperatorAction::Pause { dataset },
                    Word::Resume => OperatorAction::Resume { dataset },
                    Word::Retry => OperatorAction::Retry { trigger: None },
                };
                world.action(action);
            }
            Outside::BoardLost(back, gone) => {
                if gone {
                    world.say(|| "board.json is deleted".to_owned());
                    world.board = None;
                }
                *world.struck.entry("the board is lost").or_default() += 1;
                let after = world.rng.i64(SECOND..10 * MINUTE);
                world.later(after, Happening::Invoke(Function::Recover(back), 0));
            }
            Outside::Job => {
                let time = at(whole(world.now)).to_string();
                world.later(0, Happening::Invoke(Function::Job(time), 0));
            }
        }
    }
}
