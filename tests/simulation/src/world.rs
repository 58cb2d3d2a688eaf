//! The simulated world: what S3, SQS and ECS hold, and what is true of the warehouse, whoever believes what.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    rc::Rc,
    sync::Arc,
};

use fastrand::Rng;
use jiff::Timestamp;
use landfall_engine::TaskState;
use landfall_planner::{
    Board, Claim, InboundEvent, LedgerObject, Plan, Release, ReleaseId, RunId, RunResult, RunTaskCall, invariants::Hold,
};

use crate::{
    check::Violation,
    docs::Shelf,
    exec::{Call, Fate},
    mutants::{self, Misbehaviour, Mutant},
    scenario::{Ms, Outside, Scenario},
};

/// A message of the queue of loads.
#[derive(Debug, Clone)]
pub struct Message {
    /// None: a wake.
    pub load: Option<InboundEvent>,
    /// Not received before.
    pub visible_at: Ms,
    /// How often it was received.
    pub receives: u32,
    /// SQS's own.
    pub number: u64,
}

/// A Lambda function and what it is called with.
#[derive(Debug, Clone)]
pub enum Function {
    /// A batch of the queue.
    OnLoad(Vec<Message>),
    /// The minute's sweep.
    Sweep,
    /// A job is due.
    Job(String),
    /// A task stopped.
    OnTaskStopped(Box<TaskState>),
    /// The release of this version of the project is offered.
    OnRelease(usize),
    /// Docs are pending.
    PublishDocs,
    /// No function, but an operator: the board so many versions before the last is put into its place.
    Recover(usize),
}

/// What happens next.
pub enum Happening {
    /// A process goes on.
    Resume(usize),
    /// From outside.
    Outside(Outside),
    /// A message arrives in the queue.
    Arrives(Message),
    /// The event source mapping looks for messages.
    Poll,
    /// A function is called; so often before.
    Invoke(Function, u32),
    /// The minute is over.
    Minute,
    /// A task's container starts.
    TaskStarts(String),
    /// A task's process is killed.
    TaskKilled(String),
    /// A task is told to stop.
    TaskInterrupted(String),
    /// ECS says STOPPED.
    TaskStops(String),
    /// A call whose reply was lost has its effect after all.
    Effect(Box<dyn FnOnce(&mut World)>),
}

impl fmt::Debug for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume(process) => write!(f, "process {process} goes on"),
            Self::Outside(outside) => write!(f, "outside: {outside:?}"),
            Self::Arrives(message) => write!(f, "message {} arrives", message.number),
            Self::Poll => f.write_str("the queue is polled"),
            Self::Invoke(function, before) => write!(f, "call {} of {function:?}", before + 1),
            Self::Minute => f.write_str("the minute"),
            Self::TaskStarts(arn) => write!(f, "{arn} starts"),
            Self::TaskKilled(arn) => write!(f, "{arn} is killed"),
            Self::TaskInterrupted(arn) => write!(f, "{arn} is told to stop"),
            Self::TaskStops(arn) => write!(f, "{arn} is STOPPED"),
            Self::Effect(_) => f.write_str("a late call has its effect"),
        }
    }
}

/// An ECS task.
#[derive(Debug, Clone)]
pub struct Task {
    /// As ECS tells it.
    pub facts: TaskState,
    /// When ECS took it up.
    pub created: Ms,
    /// `DescribeTasks` does not know it before.
    pub known_from: Ms,
    /// When ECS said STOPPED.
    pub stopped: Option<Ms>,
    /// The process that runs in it.
    pub process: Option<usize>,
    /// It was told to stop.
    pub told_to_stop: bool,
    /// It was taken to stop by a kill.
    pub killed: bool,
    /// What it holds in the warehouse, once it has the claim.
    pub hold: Option<usize>,
}

/// An object that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The dataset, by its number in the scenario's first project.
    pub dataset: String,
    /// By S3's clock.
    pub written: Ms,
    /// The id of the event.
    pub event: String,
}

/// Until when the content of a relation has seen each dataset.
pub type Seen = BTreeMap<String, Ms>;

/// Everything.
pub struct World {
    /// Virtual time.
    pub now: Ms,
    /// All chance.
    pub rng: Rng,
    /// What was drawn.
    pub scenario: Rc<Scenario>,
    /// The safeguard that is missing, if any.
    pub mutant: Option<&'static Mutant>,
    /// Whether faults strike.
    pub faulty: bool,
    /// The fate of the call that goes on now.
    pub fate: Option<Fate>,
    /// The call that the process that runs now waits for.
    pub command: Option<Call>,
    /// What is to happen, to be taken up by the history.
    pub outbox: Vec<(Ms, Happening)>,
    /// Faults by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// What happened, if anybody wants to know.
    pub trace: Option<Vec<String>>,

    /// board.json and its etag.
    pub board: Option<(Rc<Board>, u64)>,
    /// Every board that was in place, as the bucket's versions have it.
    pub versions: Vec<Rc<Board>>,
    /// How often an older board was put into the place of one that was lost.
    pub recoveries: u32,
    /// Swaps that won.
    pub writes: u64,
    /// Plans.
    pub plans: BTreeMap<RunId, Plan>,
    /// Pages of the ledger, strays too.
    pub ledger: BTreeMap<String, LedgerObject>,
    /// Keys of pages that a compare-and-swap committed, in order.
    pub committed: Vec<String>,
    /// Claims and S3's time of them.
    pub claims: HashMap<(RunId, u32), (Claim, Ms)>,
    /// result.json.
    pub results: HashMap<(RunId, u32), RunResult>,
    /// Releases as compiled.
    pub releases: HashMap<ReleaseId, Arc<Release>>,
    /// Which version of the project a release is, and when it was offered.
    pub version_of: BTreeMap<ReleaseId, (usize, Ms)>,

    /// The queue of loads.
    pub queue: VecDeque<Message>,
    /// Its dead letters.
    pub dead: Vec<Message>,
    /// Calls of on-load in flight.
    pub loading: usize,
    /// The next of SQS's own numbers, and of everything else that needs one.
    pub numbers: u64,

    /// Tasks.
    pub tasks: BTreeMap<String, Task>,
    /// Client tokens: the call, its task, and when it was given out.
    pub tokens: HashMap<String, (RunTaskCall, String, Ms)>,

    /// How often each event was handed to on-load.
    pub received: BTreeMap<String, u32>,
    /// What landed.
    pub landed: Vec<Landed>,
    /// Objects of each dataset that were there before, by number: a key may be written again.
    pub delivered: BTreeMap<String, u32>,
    /// What relations and tests hold.
    pub content: HashMap<String, Seen>,
    /// The code that each of them was last built with.
    pub codes: HashMap<String, u32>,
    /// What tasks hold, and held.
    pub holds: Vec<Hold<Ms>>,
    /// Attempts whose tasks ran dbt: the ARN.
    pub ran: BTreeMap<(RunId, u32), Vec<String>>,
    /// The docs bucket.
    pub shelf: Shelf,
    /// Runs told to the bus as settled.
    pub announced: BTreeMap<RunId, u32>,
    /// What was found wrong on the way.
    pub violations: Vec<Violation>,
}

/// When every history begins.
const BEGINNING: i64 = 1_795_000_000_000;

/// For the trace.
struct Seconds(Ms);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0.rem_euclid(1000)))
    }
}

/// Virtual time as the product's.
pub fn at(ms: Ms) -> Timestamp {
    Timestamp::from_millisecond(BEGINNING + ms).unwrap_or_default()
}

/// S3's times have whole seconds.
pub fn whole(ms: Ms) -> Ms {
    ms - ms.rem_euclid(1000)
}

/// The product's time as virtual.
pub fn ms(at: Timestamp) -> Ms {
    at.as_millisecond() - BEGINNING
}

impl World {
    /// Before anything happened.
    pub fn new(scenario: Rc<Scenario>, rng: Rng, mutant: Option<&'static Mutant>, trace: bool) -> Self {
        Self {
            now: 0,
            rng,
            scenario,
            mutant,
            faulty: true,
            fate: None,
            command: None,
            outbox: Vec::new(),
            struck: BTreeMap::new(),
            trace: trace.then(Vec::new),
            board: None,
            versions: Vec::new(),
            recoveries: 0,
            writes: 0,
            plans: BTreeMap::new(),
            ledger: BTreeMap::new(),
            committed: Vec::new(),
            claims: HashMap::new(),
            results: HashMap::new(),
            releases: HashMap::new(),
            version_of: BTreeMap::new(),
            queue: VecDeque::new(),
            dead: Vec::new(),
            loading: 0,
            numbers: 0,
            tasks: BTreeMap::new(),
            tokens: HashMap::new(),
            received: BTreeMap::new(),
            landed: Vec::new(),
            delivered: BTreeMap::new(),
            content: HashMap::new(),
            codes: HashMap::new(),
            holds: Vec::new(),
            ran: BTreeMap::new(),
            shelf: Shelf::default(),
            announced: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// Whether the services misbehave in that way, for a mutant.
    pub fn misbehaves(&self, misbehaviour: Misbehaviour) -> bool {
        mutants::misbehaves(self.mutant, misbehaviour)
    }

    /// A number that was not given before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Has it happen after a while.
    pub fn later(&mut self, after: Ms, happening: Happening) {
        self.outbox.push((self.now + after.max(0), happening));
    }

    /// Whether a fault of so many in a thousand strikes; counted.
    pub fn strikes(&mut self, rate: u32, what: &'static str) -> bool {
        let strikes = self.faulty && rate > 0 && self.rng.u32(..1000) < rate;
        if strikes {
            *self.struck.entry(what).or_default() += 1;
            self.say(|| format!("fault: {what}"));
        }
        strikes
    }

    /// Writes it down, if anybody wants to know.
    pub fn say(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} s  {}", Seconds(now), what()));
        }
    }

    /// Something is not as it must be.
    pub fn violated(&mut self, invariant: &'static str, what: String) {
        self.say(|| format!("VIOLATION of {invariant}: {what}"));
        self.violations.push(Violation { invariant, what });
    }

    /// The version of the project that a release is.
    pub fn version(&self, release: &ReleaseId) -> usize {
        self.version_of.get(release).map(|(version, _)| *version).unwrap_or_default()
    }
}
