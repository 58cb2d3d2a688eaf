//! Putting a release in place.

use std::{collections::BTreeSet, sync::Arc};

use landfall_manifest::Index;
use landfall_planner::{CompileInput, Input, LandfallYml, Release, ReleaseId, compile};

use crate::{Deadline, Engine, EngineError, Snapshot, ports::DecisionPorts};

/// How often a release is compiled again because another release was put in place meanwhile.
const TRIES: u32 = 5;

/// A release's files, read and parsed.
#[derive(Debug)]
pub struct ReleaseParts {
    /// The release's id.
    pub id: ReleaseId,
    /// The index of its manifest.
    pub index: Index,
    /// The landfall.yml of the release.
    pub project: LandfallYml,
    /// The unique ids whose relation was found in the warehouse.
    pub existing: BTreeSet<String>,
    /// The task definition that runs the release, if it is not the stack's own.
    pub task_definition: Option<String>,
    /// The bucket of relative locations.
    pub landing_bucket: Option<String>,
    /// Whether an operator wants the release although it is older, or changes more than `release.max_nodes`.
    pub force: bool,
}

/// The outcome of an offer.
#[derive(Debug)]
pub enum Offered {
    /// The release is in place, by this call or an earlier one.
    InPlace {
        /// The id of the release.
        release: Arc<Release>,
        /// The board that names it.
        snapshot: Box<Snapshot>,
    },
    /// The release cannot be used. The ledger does not say so yet.
    Unusable {
        /// Why the release was refused.
        reason: String,
    },
    /// A newer release is in place. The ledger says so.
    Older {
        /// The id of the release.
        reason: String,
    },
}

impl<P: DecisionPorts> Engine<P> {
    /// Compiles the release against the one in place and offers it to the planner; again, if another was put in place meanwhile. The effects that
    /// follow are on the board and not performed yet.
    ///
    /// # Errors
    ///
    /// Fails if other releases win each time, if the board cannot be read or changed, or if a call fails.
    pub async fn offer(&self, parts: &ReleaseParts, deadline: Deadline) -> Result<Offered, EngineError> {
        let id = &parts.id;
        let mut snapshot = self.read().await?;
        for _ in 0..TRIES {
            let base = self.release_of(&snapshot.board).await?;
            if let Some(release) = base.as_ref().filter(|release| release.id() == id) {
                return Ok(Offered::InPlace { release: Arc::clone(release), snapshot: Box::new(snapshot) });
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
                Err(error) => return Ok(Offered::Unusable { reason: error.to_string() }),
            };
            self.ports.put_compiled(&compiled, &parts.index).await?;
            let release = match Index::from_bytes(&parts.index.to_bytes()) {
                Ok(index) => Arc::new(Release::new(compiled, index)),
                Err(error) => return Ok(Offered::Unusable { reason: error.to_string() }),
            };
            let input = Input::Offer { release: &release, force: parts.force };
            snapshot = self.commit_from(snapshot, &input, deadline).await?;
            match &snapshot.board.release {
                Some(current) if current == id => {
                    self.keep_release(&release);
                    return Ok(Offered::InPlace { release, snapshot: Box::new(snapshot) });
                }
                Some(current) if current > id && !parts.force => {
                    return Ok(Offered::Older { reason: format!("it is older than {current}, which is in place") });
                }
                Some(_) | None => {}
            }
        }
        Err(EngineError::ReleaseContended { release: id.clone(), tries: TRIES })
    }
}
