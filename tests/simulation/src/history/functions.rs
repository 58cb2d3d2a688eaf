//! The handlers of the functions as in their crates, and the parts of a release.

use std::{collections::BTreeSet, rc::Rc};

use landfall_engine::{Deadline, Engine, EngineError, Offered, ReleaseParts};
use landfall_planner::{
    Board, DatasetLoaded, InboundEvent, Input, JobName, LandfallYml, ObjectEvent, ReleaseId, StoredBoard,
};

use crate::{
    docs::SimFiles,
    exec::Shared,
    mutants::Misbehaviour,
    ports::SimPorts,
    project::LANDING,
    scenario::MINUTE,
    world::{Function, Happening, World},
};

/// Calls the handler of a function as its crate does.
pub(super) async fn invoke(
    engine: &Engine<SimPorts>,
    function: Function,
    deadline: Deadline,
    world: &Shared,
) -> Result<(), EngineError> {
    match function {
        Function::OnLoad(batch) => {
            let rate = world.borrow().scenario.rates.batch_fails;
            let fails = world.borrow_mut().strikes(rate, "a batch fails as a whole");
            let loads: Vec<InboundEvent> = batch.into_iter().filter_map(|message| message.load).collect();
            for load in &loads {
                if let InboundEvent::ObjectCreated(ObjectEvent { event_id, .. })
                | InboundEvent::DatasetLoaded(DatasetLoaded { event_id, .. }) = load
                {
                    *world.borrow_mut().received.entry(event_id.clone()).or_default() += 1;
                }
            }
            if fails {
                return Err(EngineError::Contended { tries: 0 });
            }
            let input = if loads.is_empty() { Input::Tick } else { Input::Events(&loads) };
            engine.conduct(&input, deadline).await?;
        }
        Function::Sweep => {
            engine.sweep(deadline).await?;
        }
        Function::Job(scheduled_time) => {
            let job = JobName::parse("qa").unwrap_or_else(|error| unreachable!("{error}"));
            engine.conduct(&Input::Schedule { job, scheduled_time }, deadline).await?;
        }
        Function::OnTaskStopped(facts) => {
            if let Some(stop) = engine.observe(&facts).await? {
                engine.conduct(&Input::Stopped(Box::new(stop)), deadline).await?;
            }
        }
        Function::OnRelease(version) => {
            let parts = parts(&world.borrow(), version);
            if let Offered::InPlace { snapshot, .. } = engine.offer(&parts, deadline).await? {
                engine.perform(*snapshot, deadline).await?;
                engine.reconcile_schedules(deadline).await?;
            }
        }
        Function::Schedules => {
            engine.reconcile_schedules(deadline).await?;
        }
        Function::Recover(back) => recover(engine, back, world).await?,
        Function::PublishDocs => {
            let files = SimFiles(engine.ports().clone());
            engine.publish_docs(&files, &files, deadline).await?;
        }
    }
    Ok(())
}

/// Does what `landfall recover` does.
async fn recover(engine: &Engine<SimPorts>, back: usize, world: &Shared) -> Result<(), EngineError> {
    let (old, over) = {
        let world = world.borrow();
        // At the earliest the first version with a release: before it there was nothing to lose.
        let old = world.versions.iter().rev().filter(|board| board.release.is_some()).nth(back);
        let old = old.or(world.versions.get(1)).map(|board| Board::clone(board));
        (old, world.board.is_some().then(|| world.board_etag()))
    };
    let Some(old) = old else { return Ok(()) };
    let recovered = engine.recover(StoredBoard::from(old), over.as_ref()).await?;
    let newer = recovered.release.filter(|release| recovered.board.release.as_ref().is_some_and(|now| release > now));
    if let Some(release) = newer {
        let mut world = world.borrow_mut();
        let version = world.version(&release);
        world.later(MINUTE, Happening::Invoke(Function::OnRelease(version), 0));
    }
    Ok(())
}

/// The id of the release of a version.
pub(super) fn release_id(version: usize) -> ReleaseId {
    ReleaseId::parse(format!("r{version}")).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The parts of the release of a version of the project.
fn parts(world: &World, version: usize) -> ReleaseParts {
    let id = release_id(version);
    let scenario = Rc::clone(&world.scenario);
    let project = scenario.versions.get(version).unwrap_or_else(|| unreachable!("a version of the scenario"));
    ReleaseParts {
        id,
        index: project
            .index(world.misbehaves(Misbehaviour::RelationsByNode))
            .unwrap_or_else(|error| unreachable!("{error}")),
        project: LandfallYml::from_yaml(&scenario.yaml_of(version)).unwrap_or_else(|error| unreachable!("{error}")),
        existing: BTreeSet::new(),
        task_definition: None,
        landing_bucket: Some(LANDING.to_owned()),
        force: false,
    }
}
