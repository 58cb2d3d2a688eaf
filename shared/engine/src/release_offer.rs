//! A release takes its place.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use landfall_manifest::Index;
use landfall_planner::{Board, CompileInput, Input, LandfallYml, Release, ReleaseId, compile};

use crate::{Deadline, Engine, EngineError, Ports, Snapshot};

/// How often a release is compiled anew because another came between.
const TRIES: u32 = 5;

/// A release's files, read and found readable.
#[derive(Debug)]
pub struct ReleaseParts {
    /// Its id.
    pub id: ReleaseId,
    /// Its manifest's index.
    pub index: Index,
    /// Its landfall.yml.
    pub project: LandfallYml,
    /// unique ids whose relation was found in the warehouse.
    pub existing: BTreeSet<String>,
    /// The task definition that runs it, if not the stack's own.
    pub task_definition: Option<String>,
    /// The bucket that relative locations are in.
    pub landing_bucket: Option<String>,
    /// An operator wants it although it is older, or changes more than `release.max_nodes`.
    pub force: bool,
}

/// What came of an offer.
#[derive(Debug)]
pub enum Offered {
    /// It is in place, by this call or one before.
    InPlace(Arc<Release>, Box<Board>),
    /// It cannot be used. The ledger does not know yet.
    Unusable(String),
    /// It is older than the one in place; the ledger knows.
    Older(String),
}

impl<P: Ports> Engine<P> {
    /// Compiles the release against the one in place and offers it to the planner; again, if another came between. What it then has pending is on the
    /// board, and not performed yet.
    pub async fn offer(&self, parts: &ReleaseParts, deadline: Deadline) -> Result<Offered, EngineError> {
        let id = &parts.id;
        for _ in 0..TRIES {
            let Snapshot { board, release: base, .. } = self.read().await?;
            if let Some(release) = base.as_ref().filter(|release| release.id() == id) {
                return Ok(Offered::InPlace(Arc::clone(release), Box::new(board)));
            }
            let compiled = compile(&CompileInput {
                id,
                index: &parts.index,
                project: &parts.project,
                landing_bucket: parts.landing_bucket.as_deref(),
                base: base.as_deref(),
                existing: &parts.existing,
                task_definition: parts.task_definition.as_deref(),
            });
            let compiled = match compiled {
                Ok(compiled) => compiled,
                Err(error) => return Ok(Offered::Unusable(error.to_string())),
            };
            self.ports.put_compiled(&compiled, &parts.index).await?;
            let release = match Index::from_bytes(&parts.index.to_bytes()) {
                Ok(index) => Arc::new(Release::new(compiled, index)),
                Err(error) => return Ok(Offered::Unusable(error.to_string())),
            };
            let board = self.commit(&Input::Offer { release: &release, force: parts.force }, deadline).await?;
            match &board.release {
                Some(current) if current == id => {
                    *self.release.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&release));
                    return Ok(Offered::InPlace(release, Box::new(board)));
                }
                Some(current) if current > id && !parts.force => {
                    return Ok(Offered::Older(format!("it is older than {current}, which is in place")));
                }
                Some(_) | None => {}
            }
        }
        Err(EngineError::Overtaken { release: id.clone(), tries: TRIES })
    }
}
