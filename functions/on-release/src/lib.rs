//! A release was offered: `releases/<release>/release.json` is there, written last. Its manifest is indexed, its landfall.yml checked against
//! it, its image pinned in a task definition, its jobs scheduled, and it takes its place on the board. One that cannot be used is refused with
//! the reason, and the one before stays.

use std::collections::BTreeSet;

use landfall_aws::{
    CallError, ConfigError, StoreError, clock,
    engine_ports::{AwsEngine, Deadline, EngineError, Offered, ReleaseParts},
    events::{Malformed, parse_release_offered},
    schedules::{ScheduleError, WantedSchedule},
    task_definitions::PinError,
};
use landfall_manifest::Index;
use landfall_planner::{Compiled, Input, LandfallYml, ReleaseDocument, ReleaseId};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a call can fail by; it is called again, and then becomes a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseFailure {
    /// The event is not of its kind.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The board could not be changed.
    #[error(transparent)]
    Conduct(#[from] EngineError),
    /// S3.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task definition.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The schedules.
    #[error(transparent)]
    Schedules(#[from] ScheduleError),
    /// Another service.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why a release cannot be used.
type Refusal = String;

/// Handles one event. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: u64) -> Result<(), ReleaseFailure> {
    let offered = parse_release_offered(&event).map_err(ReleaseFailure::Malformed)?;
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    let id = offered.release;
    let parts = match read(engine, &id).await? {
        Ok(parts) => parts,
        Err(reason) => return refuse(engine, &id, reason, deadline).await,
    };
    let config = engine.ports().config();
    let task_definition = match &parts.offer.image {
        Some(image) => {
            let definitions = engine.ports().clients().task_definitions();
            Some(definitions.pin(config.task_definition()?, config.container()?, image).await?)
        }
        None => None,
    };
    let parts = ReleaseParts {
        id: id.clone(),
        index: parts.index,
        project: parts.project,
        existing: parts.existing,
        task_definition,
        landing_bucket: config.landing_buckets()?.first().cloned(),
        force: parts.offer.force,
    };
    match engine.offer(&parts, deadline).await? {
        Offered::InPlace(release, board) => {
            schedule(engine, &release.compiled).await?;
            engine.perform(*board, deadline).await?;
            Ok(())
        }
        Offered::Unusable(reason) => refuse(engine, &id, reason, deadline).await,
        Offered::Older(reason) => note_refusal(engine, &id, &reason).await,
    }
}

/// A release's files, read.
struct Parts {
    offer: ReleaseDocument,
    index: Index,
    project: LandfallYml,
    existing: BTreeSet<String>,
}

async fn read(engine: &AwsEngine, id: &ReleaseId) -> Result<Result<Parts, Refusal>, ReleaseFailure> {
    let store = engine.ports().store();
    let get = async |name: &str| store.get(&format!("releases/{id}/{name}")).await;
    let Some(offer) = get("release.json").await? else { return Ok(Err("release.json is gone again".to_owned())) };
    let offer = match ReleaseDocument::from_json(&offer.bytes) {
        Ok(offer) => offer,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let Some(manifest) = get("manifest.json").await? else {
        return Ok(Err("manifest.json is missing: run `dbt parse`, then `landfall release` again".to_owned()));
    };
    let index = match Index::from_slice(&manifest.bytes) {
        Ok(index) => index,
        Err(error) => return Ok(Err(format!("manifest.json: {error}"))),
    };
    let project = match get("landfall.yml").await? {
        None => LandfallYml::default(),
        Some(yaml) => match std::str::from_utf8(&yaml.bytes)
            .map_err(|e| e.to_string())
            .and_then(|text| LandfallYml::from_yaml(text).map_err(|error| error.to_string()))
        {
            Ok(project) => project,
            Err(reason) => return Ok(Err(reason)),
        },
    };
    let existing = match get("catalog.json").await? {
        None => BTreeSet::new(),
        Some(catalog) => match existing(&catalog.bytes) {
            Ok(existing) => existing,
            Err(error) => return Ok(Err(format!("catalog.json: {error}"))),
        },
    };
    Ok(Ok(Parts { offer, index, project, existing }))
}

/// The nodes that dbt found in the warehouse. <https://docs.getdbt.com/reference/artifacts/catalog-json>
fn existing(catalog: &[u8]) -> Result<BTreeSet<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Catalog {
        nodes: serde_json::Map<String, Value>,
    }
    serde_json::from_slice::<Catalog>(catalog).map(|catalog| catalog.nodes.into_iter().map(|(id, _)| id).collect())
}

/// Brings the schedules to what the release in place asks for; another release may have come between, and then it does the same.
async fn schedule(engine: &AwsEngine, compiled: &Compiled) -> Result<(), ReleaseFailure> {
    let settings = engine.ports().config().schedule_settings()?;
    let wanted: Vec<WantedSchedule> = compiled
        .jobs
        .iter()
        .map(|(name, job)| WantedSchedule {
            name: name.to_string(),
            expression: job.schedule.clone(),
            timezone: job.timezone.clone(),
            input: json!({ "job": name.as_str(), "scheduled_time": "<aws.scheduler.scheduled-time>" }),
        })
        .collect();
    let schedules = engine.ports().clients().schedules();
    let changes = schedules.reconcile(&settings.group, &wanted, &settings.target_arn, &settings.role_arn).await?;
    tracing::info!(?changes, "job schedules");
    Ok(())
}

async fn refuse(engine: &AwsEngine, id: &ReleaseId, reason: Refusal, deadline: Deadline) -> Result<(), ReleaseFailure> {
    note_refusal(engine, id, &reason).await?;
    engine.conduct(&Input::Refuse { release: id.clone(), reason }, deadline).await?;
    Ok(())
}

/// Beside the release's files, where `landfall release` looks for the verdict.
async fn note_refusal(engine: &AwsEngine, id: &ReleaseId, reason: &str) -> Result<(), ReleaseFailure> {
    tracing::error!(release = %id, reason, "refused");
    let bytes = json!({ "release": id.as_str(), "reason": reason }).to_string();
    engine.ports().store().put(&format!("releases/{id}/refused.json"), bytes.as_bytes(), "application/json").await?;
    Ok(())
}
