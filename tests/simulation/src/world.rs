//! The state of the simulated services, and the true content of the warehouse.

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
    Board, Claim, InboundEvent, LedgerObject, Plan, Release, ReleaseId, RunId, RunResult, RunTaskCall, TaskArn,
    WantedSchedule, invariants::Hold,
};

use crate::{
    check::Violation,
    docs::Shelf,
    exec::{Call, Fate},
    mutants::{self, Misbehaviour, Mutant},
    scenario::{External, Ms, Scenario},
};

/// A message of the queue of loads.
#[derive(Debug, Clone)]
pub struct Message {
    /// The load. `None` for a wake.
    pub load: Option<InboundEvent>,
    /// The time from which it can be received.
    pub visible_at: Ms,
    /// How often it was received.
    pub receives: u32,
    /// The id that SQS gave it.
    pub number: u64,
}

/// A call of a Lambda function.
#[derive(Debug, Clone)]
pub enum Function {
    /// on-load, with a batch of the queue.
    OnLoad(Vec<Message>),
    /// on-schedule, for the sweep.
    Sweep,
    /// on-schedule, for a job with this scheduled time.
    Job(String),
    /// The function on-task-stopped.
    OnTaskStopped(Box<TaskState>),
    /// on-release, for this version of the project.
    OnRelease(usize),
    /// on-release, for the job schedules alone.
    Schedules,
    /// The function publish-docs.
    PublishDocs,
    /// `landfall recover` by an operator, with the board this many versions before the last.
    Recover(usize),
}

/// Something that happens at a time.
pub enum Happening {
    /// The call of a process returns.
    Resume(usize),
    /// An external event of the scenario happens.
    External(External),
    /// A message arrives in the queue.
    Arrives(Message),
    /// The event source mapping polls the queue.
    Poll,
    /// A function is called, after this many failed calls.
    Invoke(Function, u32),
    /// The schedule of the sweep is due.
    Minute,
    /// A task's container starts.
    TaskStarts(TaskArn),
    /// A task's process is killed.
    TaskKilled(TaskArn),
    /// A task gets SIGTERM.
    TaskInterrupted(TaskArn),
    /// ECS reports STOPPED.
    TaskStops(TaskArn),
    /// A late call has its effect.
    Effect(Box<dyn FnOnce(&mut World)>),
}

impl fmt::Debug for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume(process) => write!(f, "process {process} continues"),
            Self::External(outside) => write!(f, "outside: {outside:?}"),
            Self::Arrives(message) => write!(f, "message {} arrives", message.number),
            Self::Poll => f.write_str("the queue is polled"),
            Self::Invoke(function, before) => write!(f, "call {} of {function:?}", before + 1),
            Self::Minute => f.write_str("the minute"),
            Self::TaskStarts(arn) => write!(f, "{arn} starts"),
            Self::TaskKilled(arn) => write!(f, "{arn} is killed"),
            Self::TaskInterrupted(arn) => write!(f, "{arn} gets SIGTERM"),
            Self::TaskStops(arn) => write!(f, "{arn} is STOPPED"),
            Self::Effect(_) => f.write_str("a late call has its effect"),
        }
    }
}

/// An ECS task.
#[derive(Debug, Clone)]
pub struct Task {
    /// The state that ECS reports.
    pub facts: TaskState,
    /// When ECS accepted it.
    pub created: Ms,
    /// When `DescribeTasks` begins to know it.
    pub known_from: Ms,
    /// When ECS reported STOPPED.
    pub stopped: Option<Ms>,
    /// The number of its process.
    pub process: Option<usize>,
    /// Whether it got SIGTERM.
    pub told_to_stop: bool,
    /// Whether it was killed.
    pub killed: bool,
    /// The number of its hold in the warehouse, once it has the claim.
    pub hold: Option<usize>,
}

/// An object that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The name of the dataset.
    pub dataset: String,
    /// When it was complete in the bucket.
    pub written: Ms,
    /// The id of the event.
    pub event: String,
}

/// Until when the content of a relation has read each dataset.
pub type Seen = BTreeMap<String, Ms>;

/// The state of everything that is simulated.
pub struct World {
    /// The virtual time.
    pub now: Ms,
    /// The source of all randomness.
    pub rng: Rng,
    /// The scenario of the history.
    pub scenario: Rc<Scenario>,
    /// The safeguard that is missing, if any.
    pub mutant: Option<&'static Mutant>,
    /// Whether faults strike.
    pub faulty: bool,
    /// The fate of the call that returns now.
    pub fate: Option<Fate>,
    /// The call that the current process waits for.
    pub command: Option<Call>,
    /// Happenings to be scheduled by the history.
    pub outbox: Vec<(Ms, Happening)>,
    /// How many faults struck, by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// The trace, if it is wanted.
    pub trace: Option<Vec<String>>,

    /// board.json and its etag.
    pub board: Option<(Rc<Board>, u64)>,
    /// Every board that was in place, as the bucket's versions.
    pub versions: Vec<Rc<Board>>,
    /// How often an older board was restored.
    pub recoveries: u32,
    /// How many writes of the board succeeded.
    pub writes: u64,
    /// The plans by run.
    pub plans: BTreeMap<RunId, Plan>,
    /// The ledger objects, including those off the chain.
    pub ledger: BTreeMap<String, LedgerObject>,
    /// Keys of ledger objects that a board named, in order.
    pub committed: Vec<String>,
    /// The claims with S3's time of them.
    pub claims: HashMap<(RunId, u32), (Claim, Ms)>,
    /// The results of attempts.
    pub results: HashMap<(RunId, u32), RunResult>,
    /// The compiled releases.
    pub releases: HashMap<ReleaseId, Arc<Release>>,
    /// Which version of the project a release is, and when it was offered.
    pub version_of: BTreeMap<ReleaseId, (usize, Ms)>,

    /// The job schedules by name.
    pub schedules: BTreeMap<String, WantedSchedule>,
    /// The queue of loads.
    pub queue: VecDeque<Message>,
    /// The dead letters of the queue.
    pub dead: Vec<Message>,
    /// How many calls of on-load are in progress.
    pub loading: usize,
    /// The last number that was given out.
    pub numbers: u64,

    /// The tasks by ARN.
    pub tasks: BTreeMap<TaskArn, Task>,
    /// The client tokens: the call, its task, and when it was first used.
    pub tokens: HashMap<String, (RunTaskCall, TaskArn, Ms)>,

    /// How often on-load received each event.
    pub received: BTreeMap<String, u32>,
    /// The objects that landed.
    pub landed: Vec<Landed>,
    /// The ids of the messages that are no events.
    pub malformed: Vec<String>,
    /// The number of objects of each dataset.
    pub delivered: BTreeMap<String, u32>,
    /// The content of relations and tests.
    pub content: HashMap<String, Seen>,
    /// The code with which each of them was last built.
    pub codes: HashMap<String, u32>,
    /// The holds of all tasks.
    pub holds: Vec<Hold<Ms>>,
    /// The ARNs of the tasks that ran dbt, by attempt.
    pub ran: BTreeMap<(RunId, u32), Vec<TaskArn>>,
    /// The docs bucket.
    pub shelf: Shelf,
    /// How often the stack's cluster was replaced by another.
    pub clusters: u32,
    /// How often `Run Settled` was sent for each run.
    pub announced: BTreeMap<RunId, u32>,
    /// The violations found so far.
    pub violations: Vec<Violation>,
}

/// When every history begins, in milliseconds since 1970.
const BEGINNING: i64 = 1_795_000_000_000;

/// A virtual time as seconds, for the trace.
struct Seconds(Ms);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0.rem_euclid(1000)))
    }
}

/// Converts virtual time to a timestamp.
pub fn at(ms: Ms) -> Timestamp {
    Timestamp::from_millisecond(BEGINNING + ms).unwrap_or_default()
}

/// Rounds down to seconds, as S3's times are.
pub fn whole(ms: Ms) -> Ms {
    ms - ms.rem_euclid(1000)
}

/// Converts a timestamp to virtual time.
pub fn ms(at: Timestamp) -> Ms {
    at.as_millisecond() - BEGINNING
}

impl World {
    /// The world before the history.
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
            schedules: BTreeMap::new(),
            queue: VecDeque::new(),
            dead: Vec::new(),
            loading: 0,
            numbers: 0,
            tasks: BTreeMap::new(),
            tokens: HashMap::new(),
            received: BTreeMap::new(),
            landed: Vec::new(),
            malformed: Vec::new(),
            delivered: BTreeMap::new(),
            content: HashMap::new(),
            codes: HashMap::new(),
            holds: Vec::new(),
            ran: BTreeMap::new(),
            shelf: Shelf::default(),
            clusters: 0,
            announced: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// Whether the services misbehave in that way, for a mutant.
    pub fn misbehaves(&self, misbehaviour: Misbehaviour) -> bool {
        mutants::misbehaves(self.mutant, misbehaviour)
    }

    /// Returns the name of the stack's cluster.
    pub fn cluster(&self) -> String {
        format!("cluster-{}", self.clusters)
    }

    /// Returns a number that was not given out before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Schedules a happening.
    pub fn later(&mut self, after: Ms, happening: Happening) {
        self.outbox.push((self.now + after.max(0), happening));
    }

    /// Whether a fault with this rate in a thousand strikes. Counts it if it does.
    pub fn strikes(&mut self, rate: u32, what: &'static str) -> bool {
        let strikes = self.faulty && rate > 0 && self.rng.u32(..1000) < rate;
        if strikes {
            *self.struck.entry(what).or_default() += 1;
            self.say(|| format!("fault: {what}"));
        }
        strikes
    }

    /// Adds a line to the trace, if it is wanted.
    pub fn say(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} s  {}", Seconds(now), what()));
        }
    }

    /// Records a violation.
    pub fn violated(&mut self, invariant: &'static str, detail: String) {
        self.say(|| format!("VIOLATION of {invariant}: {detail}"));
        self.violations.push(Violation { invariant, detail });
    }

    /// Returns the version of the project in a release.
    pub fn version(&self, release: &ReleaseId) -> usize {
        self.version_of.get(release).map(|(version, _)| *version).unwrap_or_default()
    }
}
