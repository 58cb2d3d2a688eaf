//! The functions' handlers, as their crates have them, and what a release is made of.

use std::{collections::BTreeSet, rc::Rc};

use landfall_conductor::{ConductError, Conductor, Deadline, Offered, ReleaseParts};
use landfall_pipeline::{
    Board, DatasetLoaded, Input, JobName, Load, ObjectEvent, Project as Yaml, ReleaseId, StoredBoard,
};

use crate::{
    docs::SimFiles,
    exec::Shared,
    ports::SimPorts,
    project::LANDING,
    scenario::MINUTE,
    world::{Function, Happening, World},
};

/// A function's handler, as its crate has it.
pub(super) async fn invoke(
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
            let parts = parts(&world.borrow(), version);
            if let Offered::InPlace(_, board) = conductor.offer(&parts, deadline).await? {
                conductor.perform(*board, deadline).await?;
            }
        }
        Function::Recover(back) => recover(conductor, back, world).await?,
        Function::PublishDocs => {
            let files = SimFiles(conductor.ports().clone());
            conductor.publish_docs(&files, &files, deadline).await?;
        }
    }
    Ok(())
}

/// `landfall recover`.
async fn recover(conductor: &Conductor<SimPorts>, back: usize, world: &Shared) -> Result<(), ConductError> {
    let (old, over) = {
        let world = world.borrow();
        // The first version that has a release: before it there was nothing to lose.
        let old = world.versions.iter().rev().filter(|board| board.release.is_some()).nth(back);
        let old = old.or(world.versions.get(1)).map(|board| Board::clone(board));
        (old, world.board.as_ref().map(|(_, etag)| etag.to_string()))
    };
    let Some(old) = old else { return Ok(()) };
    let recovered = conductor.recover(StoredBoard::from(old), over.as_deref()).await?;
    let newer = recovered.release.filter(|release| recovered.board.release.as_ref().is_some_and(|now| release > now));
    if let Some(release) = newer {
        let mut world = world.borrow_mut();
        let version = world.version(&release);
        world.later(MINUTE, Happening::Invoke(Function::OnRelease(version), 0));
    }
    Ok(())
}

/// The id of a version's release.
pub(super) fn release_id(version: usize) -> ReleaseId {
    ReleaseId::parse(format!("r{version}")).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The release of a version of the project.
fn parts(world: &World, version: usize) -> ReleaseParts {
    let id = release_id(version);
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
