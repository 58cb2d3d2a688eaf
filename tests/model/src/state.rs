//! The state of the model: the board, two functions, the tasks, and what is still to come.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use landfall_pipeline::{Board, Nonce, RunId, Set};

use crate::canon::{Canon, back};
use crate::project::{NOW, RELEASE, node};

/// A run's number; its id is made of it.
pub type RunNumber = u8;
/// An attempt of a run.
pub type AttemptOf = (RunNumber, u8);

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// board.json.
    pub board: Canon,
    /// Two invocations of functions at once.
    pub slots: [Option<Busy>; 2],
    /// Objects, landed or to land, in the order in which those of one dataset land.
    pub loads: Vec<Load>,
    /// What ECS knows.
    pub tasks: BTreeMap<AttemptOf, Task>,
    /// The objects `claim`.
    pub claims: BTreeMap<AttemptOf, Claimed>,
    /// Of each dataset, up to which load its staging model has seen it, and the mart.
    pub seen: [[u8; 2]; 2],
    /// How many runs were planned.
    pub planned: u8,
    /// Faults that may still happen.
    pub faults: Faults,
}

/// How many faults of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A function dies between two steps.
    pub crashes: u8,
    /// A call has its effect, or not, and nobody is told.
    pub lost_replies: u8,
    /// A task dies without a result, before its claim or after.
    pub deaths: u8,
    /// ECS does not tell that a task stopped.
    pub lost_stops: u8,
    /// Half an hour passes: no fault, but it is counted as they are.
    pub half_hours: u8,
}

/// One object, which is one load of its dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Load {
    /// The dataset's number.
    pub dataset: usize,
    /// It lies in the bucket, since then.
    pub landed: Option<Timestamp>,
    /// Its message is in the queue.
    pub due: bool,
    /// How often its message may be delivered once more than needed.
    pub spare: u8,
    /// Whether a committed line of the ledger tells what became of it.
    pub outcome: bool,
    /// How many committed lines say that it opened or joined a debt.
    pub mapped: u8,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Task {
    /// Nodes it is to build, a bit each.
    pub nodes: u8,
    /// Relations it writes, a bit each.
    pub writes: u64,
    /// Relations it reads, a bit each.
    pub reads: u64,
    /// Where it stands.
    pub state: TaskState,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// It has not asked for its claim yet.
    Starting,
    /// dbt runs; it sees what had landed when it claimed.
    Running([u8; 2]),
    /// It stopped; `true`: it left a result, and all succeeded. And whether ECS is still to tell.
    Stopped(bool, bool),
}

/// The object `claim` of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claimed {
    /// Its task has it, since then.
    Task(Timestamp),
    /// Nobody may run it.
    Void,
}

/// A function in an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Busy {
    /// What it was invoked for.
    pub why: Why,
    /// Its next step.
    pub at: At,
    /// Effects that it tried: each once.
    pub tried: BTreeSet<(bool, AttemptOf)>,
}

/// What a function was invoked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The load with that number.
    Load(usize),
    /// A task stopped.
    Stopped(AttemptOf),
    /// The sweep; of these stopped tasks it has told the board.
    Sweep(BTreeSet<AttemptOf>),
}

/// Where a function stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum At {
    /// It reads the board, and decides; it never rests here.
    Decide(News),
    /// It swaps the board next.
    Swap {
        /// What it decided on.
        news: News,
        /// Nobody swapped since it read.
        fresh: bool,
        /// The board as it will be.
        after: Canon,
        /// What became of the load: whether it is mapped.
        outcome: Option<bool>,
        /// A run is planned.
        plans: bool,
    },
    /// Its swap was not answered: it reads the board next, and finds its mark.
    Unsure,
    /// It does next what this board asks, or ends.
    Perform(Canon),
}

/// What the decider is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum News {
    /// A load.
    Load(usize),
    /// Nothing.
    Tick,
    /// `RunTask` was answered.
    Started(AttemptOf),
    /// The attempt is void.
    Voided(AttemptOf),
    /// The attempt was not to be made void: its task has the claim.
    Claimed(AttemptOf),
    /// A task stopped: the claim that was there then, and whether all succeeded.
    Stopped(AttemptOf, Option<Claimed>, bool),
}

impl News {
    fn attempt(self) -> Option<AttemptOf> {
        match self {
            Self::Load(_) | Self::Tick => None,
            Self::Started(of) | Self::Voided(of) | Self::Claimed(of) | Self::Stopped(of, ..) => Some(of),
        }
    }
}

/// The nonce of a number.
pub fn nonce(number: u8) -> Nonce {
    Nonce::parse(format!("{number:x}")).unwrap()
}

/// The run id of a number.
pub fn run_id(number: RunNumber) -> RunId {
    RunId::new(*NOW, &nonce(number), 0)
}

/// The number in a run id.
pub fn number_of(run: &RunId) -> RunNumber {
    run.as_str().split('-').nth(1).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap()
}

/// The ARN of an attempt's task.
pub fn arn((run, attempt): AttemptOf) -> String {
    format!("task/{run}/{attempt}")
}

/// A set of nodes, a bit each by the model's own numbers.
pub fn node_bits(set: &Set) -> u8 {
    RELEASE.ids(set).iter().filter_map(node).fold(0, |bits, node| bits | 1 << node)
}

/// A set of relations, a bit each.
pub fn relation_bits(set: &Set) -> u64 {
    set.iter().fold(0, |bits, relation| bits | 1 << relation)
}

impl World {
    /// How many loads of a dataset lie in the bucket.
    pub fn landed(&self, dataset: usize) -> u8 {
        self.loads.iter().filter(|load| load.dataset == dataset && load.landed.is_some()).map(|_| 1).sum()
    }

    /// The smallest number that no run in the world has.
    pub fn free_run(&self) -> RunNumber {
        let mut used: BTreeSet<RunNumber> = self.tasks.keys().chain(self.claims.keys()).map(|(run, _)| *run).collect();
        let mut on = |board: &Board| used.extend(board.runs.keys().map(number_of));
        on(&self.board.board);
        for busy in self.slots.iter().flatten() {
            if let At::Swap { after: board, .. } | At::Perform(board) = &busy.at {
                on(&board.board);
            }
        }
        let told = self.slots.iter().flatten().filter_map(|busy| match &busy.at {
            At::Decide(news) | At::Swap { news, .. } => news.attempt(),
            At::Unsure | At::Perform(_) => None,
        });
        used.extend(told.map(|(run, _)| run));
        (1..=u8::MAX).find(|number| !used.contains(number)).unwrap()
    }

    /// Forgets what nothing asks for any more, and puts the slots in order: which of two equal functions does what is no difference.
    pub fn tidy(&mut self) {
        let rank = |slot: &Option<Busy>| slot.as_ref().map(|busy| busy.why.clone());
        if rank(&self.slots[0]) < rank(&self.slots[1]) {
            self.slots.swap(0, 1);
        }
        if self.slots.iter().any(Option::is_some) {
            return;
        }
        for load in self.loads.iter_mut().filter(|load| load.outcome && !load.due && load.spare == 0) {
            load.landed = Some(*NOW);
        }
        let on_board: BTreeSet<RunNumber> = self.board.board.runs.keys().map(number_of).collect();
        self.tasks
            .retain(|(run, _), task| on_board.contains(run) || !matches!(task.state, TaskState::Stopped(_, false)));
        let tasks: BTreeSet<RunNumber> = self.tasks.keys().map(|(run, _)| *run).collect();
        self.claims.retain(|(run, _), _| on_board.contains(run) || tasks.contains(run));
    }

    /// So much later.
    pub fn later(&mut self, by: jiff::SignedDuration) {
        self.board = self.board.later(by);
        self.loads.iter_mut().filter_map(|load| load.landed.as_mut()).for_each(|time| *time = back(*time, by));
        for claim in self.claims.values_mut() {
            if let Claimed::Task(at) = claim {
                *at = back(*at, by);
            }
        }
    }
}
