//! What can happen next, and what it leads to.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use landfall_pipeline::{
    AttemptState, Board, Claim, Context, Decision, Effect, Input, LedgerOutcome, Load as Event, NodeResult, NodeStatus,
    ObjectEvent, Outcome, RESULT_VERSION, RunResult, Stop, StopClass, decide, pending,
};

use crate::canon::Canon;
use crate::project::{DATASETS, MART, NODES, NOW, RELEASE, TASK};
use crate::state::{
    At, AttemptOf, Busy, Claimed, News, Task, TaskState, Why, World, arn, node_bits, nonce, number_of, relation_bits,
    run_id,
};
use crate::{Landfall, Without};

/// How much time passes at once.
pub const A_WHILE: SignedDuration = SignedDuration::from_mins(30);

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The object with that number lands.
    Land(usize),
    /// Its message is delivered.
    Deliver(usize),
    /// It is delivered once more than needed.
    DeliverAgain(usize),
    /// The function in that slot takes its next step.
    Go(usize),
    /// It does, and is not told: whether the call had its effect.
    GoUnanswered(usize, bool),
    /// It dies.
    Crash(usize),
    /// A task asks for its claim.
    Claim(AttemptOf),
    /// A task stops; `true`: all succeeded.
    Stop(AttemptOf, bool),
    /// ECS tells that a task stopped.
    TellStop(AttemptOf),
    /// ECS does not.
    LoseStop(AttemptOf),
    /// The sweep begins.
    Sweep,
    /// Half an hour passes.
    Later,
}

/// What can happen next.
pub fn possible(model: &Landfall, world: &World, steps: &mut Vec<Step>) {
    let free = world.slots.iter().any(Option::is_none);
    for (number, load) in world.loads.iter().enumerate() {
        let turn = world.loads.iter().take(number).all(|other| other.dataset != load.dataset || other.landed.is_some());
        if load.landed.is_none() && turn {
            steps.push(Step::Land(number));
        }
        if load.due && free {
            steps.push(Step::Deliver(number));
        }
        if load.landed.is_some() && !load.due && load.spare > 0 && free {
            steps.push(Step::DeliverAgain(number));
        }
    }
    for (slot, busy) in world.slots.iter().enumerate() {
        let Some(busy) = busy else { continue };
        steps.push(Step::Go(slot));
        if world.faults.crashes > 0 {
            steps.push(Step::Crash(slot));
        }
        if world.faults.lost_replies > 0 {
            match &busy.at {
                At::Swap { fresh, .. } if *fresh || model.without == Some(Without::Compare) => {
                    steps.extend([Step::GoUnanswered(slot, true), Step::GoUnanswered(slot, false)]);
                }
                At::Perform(board) if matches!(next_effect(board, &busy.tried), Some((true, _))) => {
                    steps.extend([Step::GoUnanswered(slot, true), Step::GoUnanswered(slot, false)]);
                }
                _ => {}
            }
        }
    }
    for (of, task) in &world.tasks {
        match task.state {
            TaskState::Starting => {
                steps.push(Step::Claim(*of));
                if world.faults.deaths > 0 {
                    steps.push(Step::Stop(*of, false));
                }
            }
            TaskState::Running(_) => {
                steps.push(Step::Stop(*of, true));
                if world.faults.deaths > 0 {
                    steps.push(Step::Stop(*of, false));
                }
            }
            TaskState::Stopped(_, true) => {
                if free {
                    steps.push(Step::TellStop(*of));
                }
                if world.faults.lost_stops > 0 {
                    steps.push(Step::LoseStop(*of));
                }
            }
            TaskState::Stopped(_, false) => {}
        }
    }
    if world.slots.iter().all(Option::is_none) {
        steps.push(Step::Sweep);
        if world.faults.half_hours > 0 {
            steps.push(Step::Later);
        }
    }
}

/// What a step leads to.
pub fn take(model: &Landfall, world: &mut World, step: &Step) {
    match *step {
        Step::Land(number) => {
            let load = &mut world.loads[number];
            (load.landed, load.due) = (Some(*NOW), true);
        }
        Step::Deliver(number) => {
            world.loads[number].due = false;
            invoke(model, world, Why::Load(number), News::Load(number));
        }
        Step::DeliverAgain(number) => {
            world.loads[number].spare -= 1;
            invoke(model, world, Why::Load(number), News::Load(number));
        }
        Step::Go(slot) => go(model, world, slot, None),
        Step::GoUnanswered(slot, applied) => {
            world.faults.lost_replies -= 1;
            go(model, world, slot, Some(applied));
        }
        Step::Crash(slot) => {
            world.faults.crashes -= 1;
            // The queue delivers the message again. ECS's event comes no more: the sweep is there for it.
            if let Some(Busy { why: Why::Load(number), .. }) = world.slots[slot].take() {
                world.loads[number].due = true;
            }
        }
        Step::Claim(of) => claim(model, world, of),
        Step::Stop(of, succeeded) => {
            world.faults.deaths -= u8::from(!succeeded);
            if succeeded {
                build(world, of);
            }
            stop(world, of, succeeded);
        }
        Step::TellStop(of) => {
            let news = observe(world, of);
            untold(world, of);
            invoke(model, world, Why::Stopped(of), news);
        }
        Step::LoseStop(of) => {
            world.faults.lost_stops -= 1;
            untold(world, of);
        }
        Step::Sweep => invoke(model, world, Why::Sweep(BTreeSet::new()), News::Tick),
        Step::Later => {
            world.faults.half_hours -= 1;
            world.later(A_WHILE);
        }
    }
}

fn invoke(model: &Landfall, world: &mut World, why: Why, news: News) {
    let free = world.slots.iter().position(Option::is_none).unwrap();
    let busy = Busy { why, at: At::Decide(news), tried: BTreeSet::new() };
    world.slots[free] = go_on(model, world, busy);
}

/// The next step of a function that others see. `unanswered`: it is not told, and whether the call had its effect.
fn go(model: &Landfall, world: &mut World, slot: usize, unanswered: Option<bool>) {
    let mut busy = world.slots[slot].take().unwrap();
    busy.at = match busy.at {
        At::Decide(news) => At::Decide(news),
        At::Unsure => At::Perform(world.board.clone()),
        At::Swap { news, fresh, after, outcome, plans } => {
            let applies = (fresh || model.without == Some(Without::Compare)) && unanswered != Some(false);
            if applies {
                swap(world, news, &after, outcome, plans);
            }
            match (unanswered, applies) {
                (None, true) => At::Perform(after),
                // Its mark is on the board.
                (Some(_), true) => At::Unsure,
                (_, false) => At::Decide(news),
            }
        }
        At::Perform(board) => {
            let (starts, of) = next_effect(&board, &busy.tried).unwrap();
            busy.tried.insert((starts, of));
            perform(world, board, starts, of, unanswered)
        }
    };
    world.slots[slot] = go_on(model, world, busy);
}

/// What a function does before it next changes the world, or ends. It reads the board at once: had it read later, it would have seen what it now
/// sees when it loses the swap, decides again, and reads then. Ending is no step either: to die then is to have ended.
fn go_on(model: &Landfall, world: &World, mut busy: Busy) -> Option<Busy> {
    loop {
        busy.at = match busy.at {
            At::Decide(news) => read_and_decide(world, news),
            At::Perform(board) if next_effect(&board, &busy.tried).is_none() => {
                At::Decide(next_stopped(model, world, &mut busy.why, &board)?)
            }
            at => return Some(Busy { at, ..busy }),
        };
    }
}

/// Reads the board and decides.
fn read_and_decide(world: &World, news: News) -> At {
    let decision = decided(world, &world.board.board, news);
    if !decision.changed {
        return At::Perform(world.board.clone());
    }
    let outcome = decision.lines.iter().find(|line| line.event.starts_with("load/"));
    let outcome = outcome.map(|line| line.outcome == LedgerOutcome::Mapped);
    let plans = !decision.plans.is_empty();
    At::Swap { news, fresh: true, after: Canon::of(decision.board), outcome, plans }
}

fn decided(world: &World, board: &Board, news: News) -> Decision {
    let nonce = nonce(world.free_run());
    let context = Context { now: *NOW, nonce: &nonce, release: Some(&RELEASE), task: Some(&TASK) };
    let (run, attempt) = match news {
        News::Load(_) | News::Tick => (run_id(0), 0),
        News::Started(of) | News::Voided(of) | News::Claimed(of) | News::Stopped(of, ..) => {
            (run_id(of.0), u32::from(of.1))
        }
    };
    match news {
        News::Load(number) => {
            let load = &world.loads[number];
            let dataset = DATASETS[load.dataset];
            let event = ObjectEvent {
                event_id: format!("load/{number}"),
                time: load.landed.unwrap(),
                bucket: "landing".to_owned(),
                key: format!("{dataset}/{number}.csv"),
                version_id: None,
                etag: None,
                sequencer: Some(number.to_string()),
                size: None,
                reason: None,
            };
            decide(board, &Input::Loads(&[Event::Object(event)]), &context)
        }
        News::Tick => decide(board, &Input::Tick, &context),
        News::Started(of) => decide(board, &Input::Started { run, attempt, task_arn: arn(of) }, &context),
        News::Voided(_) => decide(board, &Input::Voided { run, attempt }, &context),
        News::Claimed(of) => decide(board, &Input::Claimed { run, attempt, task_arn: arn(of) }, &context),
        News::Stopped(of, claim, succeeded) => {
            let task_arn = arn(of);
            let nodes = world.tasks.get(&of).map_or(0, |task| task.nodes);
            let result = |number: usize| NodeResult {
                id: NODES[number].parse().unwrap(),
                status: NodeStatus::Success,
                seconds: 0.0,
                message: None,
                failures: None,
            };
            let stop = Stop {
                run: run.clone(),
                attempt,
                task_arn: task_arn.clone(),
                reason: String::new(),
                class: if succeeded { StopClass::Exited } else { StopClass::HostLost },
                exit_code: succeeded.then_some(0),
                claim: claim.map(|claim| match claim {
                    Claimed::Task(at) => (Claim::Task { task_arn: task_arn.clone() }, at),
                    Claimed::Void => (Claim::Void { reason: String::new() }, *NOW),
                }),
                result: succeeded.then(|| RunResult {
                    version: RESULT_VERSION,
                    run_id: run,
                    attempt,
                    task_arn,
                    started_at: *NOW,
                    finished_at: *NOW,
                    outcome: Outcome::Succeeded,
                    message: None,
                    steps: Vec::new(),
                    nodes: (0..NODES.len()).filter(|number| nodes & (1 << number) != 0).map(result).collect(),
                    breach: Vec::new(),
                    artifacts: Vec::new(),
                }),
            };
            decide(board, &Input::Stopped(Box::new(stop)), &context)
        }
    }
}

/// The board is replaced: whoever read it before holds an old one.
fn swap(world: &mut World, news: News, after: &Canon, outcome: Option<bool>, plans: bool) {
    world.board = after.clone();
    world.planned += u8::from(plans);
    if let (News::Load(number), Some(mapped)) = (news, outcome) {
        let load = &mut world.loads[number];
        load.outcome = true;
        load.mapped += u8::from(mapped);
    }
    for busy in world.slots.iter_mut().flatten() {
        if let At::Swap { fresh, .. } = &mut busy.at {
            *fresh = false;
        }
    }
}

/// What the board asks that this function has not tried: to start an attempt's task (`true`), or to make the attempt void.
fn next_effect(board: &Canon, tried: &BTreeSet<(bool, AttemptOf)>) -> Option<(bool, AttemptOf)> {
    let effects = pending(&board.board, Some(&RELEASE), *NOW).into_iter().filter_map(|effect| match effect {
        Effect::StartTask { run, attempt } => Some((true, (number_of(&run), attempt as u8))),
        Effect::Void { run, attempt } => Some((false, (number_of(&run), attempt as u8))),
        _ => None,
    });
    effects.into_iter().find(|effect| !tried.contains(effect))
}

fn perform(world: &mut World, board: Canon, starts: bool, of: AttemptOf, unanswered: Option<bool>) -> At {
    if !starts {
        let there = *world.claims.entry(of).or_insert(Claimed::Void);
        return At::Decide(match there {
            Claimed::Task(_) => News::Claimed(of),
            Claimed::Void => News::Voided(of),
        });
    }
    // The token of the attempt: a repeated call starts nothing twice.
    if unanswered != Some(false) && !world.tasks.contains_key(&of) {
        let run = &board.board.runs[&run_id(of.0)];
        let (nodes, writes, reads) = (node_bits(&run.nodes), relation_bits(&run.writes), relation_bits(&run.reads));
        world.tasks.insert(of, Task { nodes, writes, reads, state: TaskState::Starting });
    }
    // Nobody knows whether it was started: the next function makes the same call.
    if unanswered.is_some() { At::Perform(board) } else { At::Decide(News::Started(of)) }
}

/// Of the sweep: the next task that the board takes for running and that has stopped.
fn next_stopped(model: &Landfall, world: &World, why: &mut Why, board: &Canon) -> Option<News> {
    let Why::Sweep(told) = why else { return None };
    let running = board.board.runs.iter().filter(|(_, run)| run.attempt.state == AttemptState::Running);
    let attempts = running.map(|(id, run)| (number_of(id), run.attempt.number as u8));
    let of = attempts.into_iter().find(|of| {
        let stopped = world.tasks.get(of).is_some_and(|task| matches!(task.state, TaskState::Stopped(..)));
        stopped && !told.contains(of) && model.without != Some(Without::Sweep)
    })?;
    told.insert(of);
    Some(observe(world, of))
}

/// What is to be seen of a stopped task.
fn observe(world: &World, of: AttemptOf) -> News {
    let succeeded = matches!(world.tasks[&of].state, TaskState::Stopped(true, _));
    News::Stopped(of, world.claims.get(&of).copied(), succeeded)
}

fn untold(world: &mut World, of: AttemptOf) {
    if let Some(Task { state: TaskState::Stopped(_, tell), .. }) = world.tasks.get_mut(&of) {
        *tell = false;
    }
}

fn claim(model: &Landfall, world: &mut World, of: AttemptOf) {
    let there = *world.claims.entry(of).or_insert(Claimed::Task(*NOW));
    if there == Claimed::Void && model.without != Some(Without::Claim) {
        return stop(world, of, false);
    }
    let reads = [world.landed(0), world.landed(1)];
    world.tasks.get_mut(&of).unwrap().state = TaskState::Running(reads);
}

fn stop(world: &mut World, of: AttemptOf, succeeded: bool) {
    world.tasks.get_mut(&of).unwrap().state = TaskState::Stopped(succeeded, true);
}

/// The nodes are built, parents first: a staging model sees what its task could read, and the mart what the staging models saw.
fn build(world: &mut World, of: AttemptOf) {
    let Task { nodes, state: TaskState::Running(read), .. } = world.tasks[&of] else { return };
    for (dataset, seen) in world.seen.iter_mut().enumerate() {
        if nodes & (1 << dataset) != 0 {
            seen[0] = read[dataset];
        }
        if nodes & (1 << MART) != 0 {
            seen[1] = seen[0];
        }
    }
}
