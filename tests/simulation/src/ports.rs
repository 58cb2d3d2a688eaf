//! The simulated services as the engine calls them. Each call is a step with a fate.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use jiff::Timestamp;
use landfall_engine::{
    ClaimRecord, CompareAndSwap, DeadLetterCounts, EngineError, Etag, NextStep, PutNew, ReadBoard, ReadPlan,
    ports::{AttemptStore, BoardStore, Clock, LedgerStore, Messages, PlanStore, ReleaseStore, StackSettings},
};
use landfall_manifest::Index;
use landfall_planner::{
    Board, Claim, Compiled, LedgerHeader, LedgerObject, Nonce, Plan, Release, ReleaseId, RunId, RunResult,
    TaskSettings, compact_timestamp,
};
use serde_json::Value;

use crate::{
    exec::{Call, Fate, Shared, die, step, wait},
    mutants::Misbehaviour,
    scenario::Ms,
    world::{Function, Happening, Message, World, at, ms, whole},
};

mod tasks;

/// The services as one function calls them.
#[derive(Clone)]
pub struct SimPorts {
    pub(crate) world: Shared,
    /// The error of the function's own clock.
    own_clock: Ms,
    /// S3's time of the last reply, and when it came.
    last_reply: Rc<Cell<Option<(Ms, Ms)>>>,
    task: Option<TaskSettings>,
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0} got no answer")]
struct NoAnswer(&'static str);

pub(crate) fn lost(what: &'static str) -> EngineError {
    EngineError::call(NoAnswer(what), NextStep::Retry)
}

impl SimPorts {
    /// The ports of a function whose own clock is wrong by `own_clock`. `acts`: whether it starts tasks.
    pub fn new(world: &Shared, own_clock: Ms, acts: bool) -> Self {
        let cluster = world.borrow().cluster();
        let task = TaskSettings { task_definition: "dbt:1".to_owned(), cluster, ..TaskSettings::default() };
        Self { world: Rc::clone(world), own_clock, last_reply: Rc::default(), task: acts.then_some(task) }
    }

    /// Notes the `Date` of a reply.
    fn replied(&self) {
        let mut world = self.world.borrow_mut();
        let most = world.scenario.skew;
        let date = whole(world.now + world.rng.i64(-most..=most));
        self.last_reply.set(Some((date, world.now)));
    }

    pub(crate) async fn read<T>(
        &self,
        what: &'static str,
        look: impl FnOnce(&mut World) -> T,
    ) -> Result<T, EngineError> {
        match step(&self.world, Call::Read).await {
            Fate::Done => {
                self.replied();
                Ok(look(&mut self.world.borrow_mut()))
            }
            Fate::Dies => die().await,
            Fate::Refused | Fate::ReplyLost | Fate::Late(_) | Fate::Conflict => Err(lost(what)),
        }
    }

    /// A write that is done now, later or never, and is answered or not.
    pub(crate) async fn write<T>(
        &self,
        what: &'static str,
        call: Call,
        act: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, EngineError> {
        let fate = step(&self.world, call).await;
        match fate {
            Fate::Done => {
                self.replied();
                Ok(act(&mut self.world.borrow_mut()))
            }
            Fate::Refused | Fate::Conflict => Err(lost(what)),
            Fate::ReplyLost => {
                act(&mut self.world.borrow_mut());
                Err(lost(what))
            }
            Fate::Late(after) => {
                let effect = Happening::Effect(Box::new(move |world| drop(act(world))));
                self.world.borrow_mut().later(after, effect);
                Err(lost(what))
            }
            Fate::Dies => {
                act(&mut self.world.borrow_mut());
                die().await
            }
        }
    }

    /// Whether a mutant leaves the start of the run's attempt to the function that decided it, because the board in
    /// place is a later one.
    fn is_left_to_another_function(&self, run: &str) -> bool {
        let world = self.world.borrow();
        let attempt = world.board.as_ref().and_then(|(board, _)| {
            let (_, run) = board.runs.iter().find(|(id, _)| id.as_str() == run)?;
            Some((board.now, &run.attempt))
        });
        world.misbehaves(Misbehaviour::StartedByDecisionOnly)
            && attempt.is_some_and(|(now, attempt)| attempt.is_starting() && now > attempt.since)
    }

    /// A write with `If-None-Match: *` as `Store::put_new` makes it: after a lost reply it reads the object, and
    /// equal bytes count as its own.
    pub(crate) async fn put_new(
        &self,
        what: &'static str,
        put: impl Fn(&mut World) -> PutNew + Clone + 'static,
        mine: impl Fn(&World) -> Option<bool>,
    ) -> Result<PutNew, EngineError> {
        for _ in 0..3 {
            if let Ok(answer) = self.write(what, Call::Conditional, put.clone()).await {
                return Ok(answer);
            }
            match self.read(what, |world| mine(world)).await {
                Ok(Some(true)) => return Ok(PutNew::Created { etag: Etag::new("") }),
                Ok(Some(false)) => return Ok(PutNew::Exists),
                Ok(None) | Err(_) => {}
            }
        }
        Err(lost(what))
    }
}

fn created(is_new: bool) -> PutNew {
    if is_new { PutNew::Created { etag: Etag::new("") } } else { PutNew::Exists }
}

impl Clock for SimPorts {
    fn now(&self) -> Timestamp {
        let world = self.world.borrow();
        match self.last_reply.get() {
            Some((date, replied)) if !world.misbehaves(Misbehaviour::OwnClockTrusted) => at(date + world.now - replied),
            _ => at(world.now + self.own_clock),
        }
    }

    fn process_time(&self) -> Timestamp {
        at(self.world.borrow().now + self.own_clock)
    }

    fn nonce(&self) -> Nonce {
        let random = self.world.borrow_mut().rng.u64(..);
        Nonce::parse(format!("{random:016x}")).unwrap_or_else(|error| unreachable!("{error}"))
    }

    async fn pause(&self, most: Duration) {
        let most = i64::try_from(most.as_millis()).unwrap_or(1000);
        let time = self.world.borrow_mut().rng.i64(0..=most);
        wait(&self.world, time).await;
    }
}

impl StackSettings for SimPorts {
    fn stack(&self) -> &'static str {
        "simulated"
    }

    fn task(&self) -> Option<&TaskSettings> {
        self.task.as_ref()
    }
}

impl BoardStore for SimPorts {
    async fn board(&self) -> Result<ReadBoard, EngineError> {
        let created = self.world.borrow().misbehaves(Misbehaviour::BoardCreated).then(|| Board::new(self.now()));
        self.read("the board", |world| {
            if let (None, Some(board)) = (&world.board, created) {
                world.restore(None, board);
            }
            let (board, etag) = world.board.as_ref()?;
            let mut board = Board::clone(board);
            if world.misbehaves(Misbehaviour::NoncesHidden) {
                board.nonces.clear();
            }
            Some(ReadBoard { board: board.into(), etag: Etag::new(etag.to_string()) })
        })
        .await?
        .ok_or_else(|| EngineError::NoBoard { address: "board.json".to_owned() })
    }

    async fn compare_and_swap_board(&self, etag: &Etag, board: &Board) -> Result<CompareAndSwap, EngineError> {
        let (etag, board) = (etag.clone(), board.clone());
        let swap = move |world: &mut World| world.swap(etag.as_str(), board).then(|| world.board_etag());
        Ok(match self.write("the compare-and-swap", Call::Conditional, swap).await {
            Ok(Some(etag)) => CompareAndSwap::Written { etag },
            Ok(None) => CompareAndSwap::Conflict,
            Err(error) => CompareAndSwap::Unknown { fault: error.to_string() },
        })
    }

    async fn restore_board(&self, replaced: Option<&Etag>, board: &Board) -> Result<CompareAndSwap, EngineError> {
        let (replaced, board) = (replaced.cloned(), board.clone());
        let restore = move |world: &mut World| {
            world.restore(replaced.as_ref().map(Etag::as_str), board).then(|| world.board_etag())
        };
        Ok(match self.write("the board", Call::Conditional, restore).await {
            Ok(Some(etag)) => CompareAndSwap::Written { etag },
            Ok(None) => CompareAndSwap::Conflict,
            Err(error) => CompareAndSwap::Unknown { fault: error.to_string() },
        })
    }
}

impl ReleaseStore for SimPorts {
    async fn release(&self, id: &ReleaseId) -> Result<Arc<Release>, EngineError> {
        self.read("a release", |world| world.releases.get(id).cloned())
            .await?
            .ok_or_else(|| EngineError::ReleaseFile { release: id.clone(), address: "compiled.json".to_owned() })
    }

    async fn put_compiled(&self, compiled: &Compiled, index: &Index) -> Result<(), EngineError> {
        let index = Index::from_bytes(&index.to_bytes())
            .map_err(|source| EngineError::Release { release: compiled.release.clone(), source: source.into() })?;
        let release = Arc::new(Release::new(compiled.clone(), index));
        self.write("a compiled release", Call::Write, move |world| {
            world.releases.insert(release.id().clone(), release);
        })
        .await
    }

    async fn unprocessed_releases(&self, after: Option<&ReleaseId>) -> Result<Vec<ReleaseId>, EngineError> {
        self.read("the releases", |world| world.unheard(after)).await
    }
}

impl PlanStore for SimPorts {
    async fn put_plan(&self, plan: &Plan) -> Result<PutNew, EngineError> {
        let (ours, run) = (plan.clone(), plan.run_id.clone());
        self.put_new(
            "a plan",
            move |world| {
                let is_new = !world.plans.contains_key(&ours.run_id);
                world.plans.entry(ours.run_id.clone()).or_insert_with(|| ours.clone());
                created(is_new)
            },
            |world| world.plans.get(&run).map(|there| there == plan),
        )
        .await
    }

    async fn plan(&self, run: &RunId) -> Result<ReadPlan, EngineError> {
        let plan = self.read("a plan", |world| world.plans.get(run).cloned()).await?;
        let missing = || ReadPlan::Unusable { reason: format!("the plan of {run} is missing") };
        Ok(plan.map_or_else(missing, |plan| ReadPlan::Found(Box::new(plan))))
    }

    async fn runs_since(&self, since: Timestamp) -> Result<Vec<RunId>, EngineError> {
        let from = compact_timestamp(since);
        self.read("the runs", |world| world.plans.keys().filter(|run| run.as_str() >= from.as_str()).cloned().collect())
            .await
    }
}

impl LedgerStore for SimPorts {
    async fn put_ledger(&self, key: &str, page: &LedgerObject) -> Result<PutNew, EngineError> {
        let (key, ours) = (key.to_owned(), page.clone());
        let put = {
            let key = key.clone();
            move |world: &mut World| {
                let is_new = !world.ledger.contains_key(&key);
                world.ledger.entry(key.clone()).or_insert_with(|| ours.clone());
                created(is_new)
            }
        };
        self.put_new("a page", put, |world| world.ledger.get(&key).map(|there| there == page)).await
    }

    async fn delete_ledger(&self, key: &str) -> Result<(), EngineError> {
        let key = key.to_owned();
        self.write("a page's end", Call::Write, move |world| drop(world.ledger.remove(&key))).await
    }

    async fn ledger_after(&self, key: Option<&str>, most: usize) -> Result<Vec<String>, EngineError> {
        let after = |world: &mut World| {
            let keys = world.ledger.keys().filter(|there| key.is_none_or(|key| there.as_str() > key));
            keys.take(most).cloned().collect()
        };
        self.read("the ledger's keys", after).await
    }

    async fn ledger_page(&self, key: &str) -> Result<Option<LedgerObject>, EngineError> {
        self.read("a page", |world| world.ledger.get(key).cloned()).await
    }

    async fn ledger_header(&self, key: &str) -> Result<Option<LedgerHeader>, EngineError> {
        self.read("a page's first line", |world| world.ledger.get(key).map(|page| page.header.clone())).await
    }
}

impl AttemptStore for SimPorts {
    async fn put_claim(&self, run: &RunId, attempt: u32, claim: &Claim) -> Result<PutNew, EngineError> {
        if matches!(claim, Claim::Revoked { .. }) && self.world.borrow().misbehaves(Misbehaviour::RevokeSkipped) {
            return Ok(created(true));
        }
        if matches!(claim, Claim::Revoked { .. }) && self.is_left_to_another_function(run.as_str()) {
            return Err(lost("a claim"));
        }
        let (key, ours) = ((run.clone(), attempt), claim.clone());
        let put = {
            let key = key.clone();
            move |world: &mut World| created(world.claim(&key, &ours))
        };
        self.put_new("a claim", put, |world| world.claims.get(&key).map(|(there, _)| there == claim)).await
    }

    async fn claim(&self, run: &RunId, attempt: u32) -> Result<Option<ClaimRecord>, EngineError> {
        let key = (run.clone(), attempt);
        let claim = self.read("a claim", |world| world.claims.get(&key).cloned()).await?;
        Ok(claim.map(|(claim, time)| ClaimRecord { claim, written_at: at(time) }))
    }

    async fn result(&self, run: &RunId, attempt: u32) -> Result<Option<RunResult>, EngineError> {
        self.read("a result", |world| world.results.get(&(run.clone(), attempt)).cloned()).await
    }
}

impl Messages for SimPorts {
    async fn wake(&self, time: Timestamp) -> Result<(), EngineError> {
        self.write("a wake", Call::Write, move |world| {
            let visible_at = ms(time).clamp(world.now, world.now + 15 * crate::scenario::MINUTE);
            let number = world.number();
            let message = Message { load: None, visible_at, receives: 0, number };
            world.later(0, Happening::Arrives(message));
        })
        .await
    }

    async fn put_event(&self, detail_type: &str, detail: &Value) -> Result<(), EngineError> {
        let (kind, run) = (detail_type.to_owned(), detail.get("run").and_then(Value::as_str).map(str::to_owned));
        self.write("PutEvents", Call::Write, move |world| match kind.as_str() {
            "Docs Pending" => world.later(100, Happening::Invoke(Function::PublishDocs, 0)),
            "Run Settled" if world.misbehaves(Misbehaviour::SettledUnpublished) => {}
            "Run Settled" => {
                if let Some(Ok(run)) = run.map(RunId::parse) {
                    *world.announced.entry(run).or_default() += 1;
                }
            }
            _ => {}
        })
        .await
    }

    async fn offer_again(&self, release: &ReleaseId) -> Result<(), EngineError> {
        let version = self.world.borrow().version(release);
        self.write("PutEvents", Call::Write, move |world| {
            world.later(100, Happening::Invoke(Function::OnRelease(version), 0));
        })
        .await
    }

    async fn ask_for_schedules(&self, _: &ReleaseId) -> Result<(), EngineError> {
        if self.world.borrow().misbehaves(Misbehaviour::SchedulesByTransition) {
            return Ok(());
        }
        self.write("PutEvents", Call::Write, move |world| {
            world.later(100, Happening::Invoke(Function::Schedules, 0));
        })
        .await
    }

    async fn dead_letters(&self) -> Result<Option<DeadLetterCounts>, EngineError> {
        let count = |world: &mut World| Some(DeadLetterCounts { loads: world.dead.len() as u64, functions: 0 });
        self.read("GetQueueAttributes", count).await
    }
}

/// The time of a write that is done now, by S3's clock.
pub fn written(world: &World) -> Ms {
    whole(world.now)
}
