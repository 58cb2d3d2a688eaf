//! What must hold in every state, by the ids of ARCHITECTURE.md.

use landfall_pipeline::{Cause, DatasetName, MOST_ATTEMPTS};
use stateright::Property;

use crate::Landfall;
use crate::project::{DATASETS, MART};
use crate::state::{Faults, TaskState, Why, World, node_bits, run_id};
use crate::steps::{A_WHILE, Step, possible, take};

/// All of them.
pub fn all() -> Vec<Property<Landfall>> {
    vec![
        Property::always("L1: each event ends in one committed outcome", |_, world| one_outcome(world)),
        Property::always("L2: what a load owes is built from it, or owed on the board", |_, world| covered(world)),
        Property::always("L3: no two live tasks hold a relation for writing", |_, world| apart(world)),
        Property::always("L4: a load leads to at most one run, a run to a bounded number of attempts", |_, world| {
            bounded(world)
        }),
        Property::always("L7: only the board's own attempt of a run runs dbt", |_, world| fenced(world)),
        Property::always("L9: nothing is owed or live where nothing but time and the sweep goes on", progress),
        Property::sometimes("everything landed, was built and is settled", |_, world: &World| {
            let built = (0..2).all(|dataset| world.seen[dataset] == [world.landed(dataset); 2]);
            world.loads.iter().all(|load| load.outcome) && built && settled(world)
        }),
        Property::sometimes("two runs live at once, or one waits for the other's mart", |_, world: &World| {
            let waits = !world.board.board.runs.is_empty() && world.board.board.owed.values().any(|debt| !debt.planned);
            waits || world.board.board.runs.len() > 1
        }),
        Property::sometimes("an attempt is given up and the next one runs", |_, world: &World| {
            world.tasks.iter().any(|((_, attempt), task)| *attempt > 1 && matches!(task.state, TaskState::Running(_)))
        }),
    ]
}

fn one_outcome(world: &World) -> bool {
    world.loads.iter().enumerate().all(|(number, load)| {
        let in_hand = world.slots.iter().flatten().any(|busy| busy.why == Why::Load(number));
        let open = load.landed.is_none() || load.due || in_hand;
        (open || load.outcome) && load.mapped <= 1
    })
}

fn covered(world: &World) -> bool {
    (0..DATASETS.len()).all(|dataset| {
        let mut landed = world.loads.iter().filter(|load| load.dataset == dataset && load.landed.is_some());
        if landed.any(|load| !load.outcome) {
            return true;
        }
        let name = DatasetName::parse(format!("raw.{}", DATASETS[dataset])).unwrap();
        let owed = world.board.board.owed.get(&Cause::Load(name)).map_or(0, |debt| node_bits(&debt.nodes));
        let newest = world.landed(dataset);
        let [staging, mart] = world.seen[dataset];
        (staging == newest || owed & (1 << dataset) != 0) && (mart == newest || owed & (1 << MART) != 0)
    })
}

fn apart(world: &World) -> bool {
    let live: Vec<_> = world.tasks.values().filter(|task| matches!(task.state, TaskState::Running(_))).collect();
    live.iter().enumerate().all(|(at, one)| {
        live.iter()
            .skip(at + 1)
            .all(|other| one.writes & (other.writes | other.reads) == 0 && one.reads & other.writes == 0)
    })
}

fn bounded(world: &World) -> bool {
    let mapped: u8 = world.loads.iter().map(|load| load.mapped).sum();
    world.planned <= mapped && world.board.board.runs.values().all(|run| run.attempt.number <= MOST_ATTEMPTS)
}

fn fenced(world: &World) -> bool {
    let running = world.tasks.iter().filter(|(_, task)| matches!(task.state, TaskState::Running(_)));
    running.into_iter().all(|((run, attempt), _)| {
        let live = world.board.board.runs.get(&run_id(*run));
        live.is_some_and(|live| live.attempt.number == u32::from(*attempt))
    })
}

fn settled(world: &World) -> bool {
    world.board.board.runs.is_empty() && world.board.board.owed.values().all(|debt| debt.stuck.is_some())
}

/// Where nothing is left but that time passes and the sweep comes, the sweep must change something once an hour has passed, or nothing may be owed
/// or live. A fault is nothing to wait for, and no new load may be needed.
fn progress(model: &Landfall, world: &World) -> bool {
    if settled(world) || world.slots.iter().any(Option::is_some) {
        return true;
    }
    let mut waited = world.clone();
    waited.faults = Faults::default();
    let mut steps = Vec::new();
    possible(model, &waited, &mut steps);
    if !steps.iter().all(|step| matches!(step, Step::Sweep | Step::Land(_) | Step::DeliverAgain(_))) {
        return true;
    }
    (0..3).for_each(|_| waited.later(A_WHILE));
    waited.tidy();
    let mut after = waited.clone();
    take(model, &mut after, &Step::Sweep);
    while let Some(slot) = after.slots.iter().position(Option::is_some) {
        take(model, &mut after, &Step::Go(slot));
    }
    after.tidy();
    after != waited
}
