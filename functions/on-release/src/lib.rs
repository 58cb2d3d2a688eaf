//! A release was uploaded: `releases/<release>/release.json` exists, which is written last. The function indexes its manifest, checks its landfall.yml,
//! pins its image in a task definition, updates the job schedules, and puts it in place. A release that cannot be used is refused with the
//! reason, and the release before stays in place.

use std::collections::BTreeSet;

use landfall_aws::{
    StoreError,
    engine_ports::{AwsEngine, Deadline, Offered, ReleaseParts},
    events::parse_release_offered,
};
use landfall_function_runtime::HandlerError;
use landfall_manifest::Index;
use landfall_planner::{Input, LandfallYml, ReleaseDocument, ReleaseId};
use serde::Deserialize;
use serde_json::{Value, json};

/// The release's files could not be used.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    /// The release is refused, with the reason.
    #[error("{0}")]
    Refused(String),
    /// A file could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Handles one event.
///
/// # Errors
///
/// Fails if the event is malformed, if a call fails, or if the engine fails. A release that cannot be used is no error.
pub async fn handle(engine: &AwsEngine, event: Value, deadline: Deadline) -> Result<(), HandlerError> {
    let offered = parse_release_offered(&event)?;
    if offered.schedules {
        engine.reconcile_schedules(deadline).await?;
        return Ok(());
    }
    let id = offered.release;
    let files = match read(engine, &id).await {
        Ok(files) => files,
        Err(FilesError::Refused(reason)) => return refuse(engine, &id, reason, deadline).await,
        Err(FilesError::Store(error)) => return Err(error.into()),
    };
    let config = engine.ports().config();
    let task_definition = match &files.document.image {
        Some(image) => {
            let definitions = engine.ports().clients().task_definitions();
            Some(definitions.pin(config.task_definition()?, config.container()?, image).await?)
        }
        None => None,
    };
    let parts = ReleaseParts {
        id: id.clone(),
        index: files.index,
        project: files.project,
        existing: files.existing,
        task_definition,
        landing_bucket: config.landing_buckets()?.first().cloned(),
        force: files.document.force,
    };
    match engine.offer(&parts, deadline).await? {
        Offered::InPlace { snapshot, .. } => {
            engine.perform(*snapshot, deadline).await?;
            engine.reconcile_schedules(deadline).await?;
            Ok(())
        }
        Offered::Unusable { reason } => refuse(engine, &id, reason, deadline).await,
        Offered::Older { reason } => write_refusal(engine, &id, &reason).await,
    }
}

/// A release's files, parsed.
struct ReleaseFiles {
    document: ReleaseDocument,
    index: Index,
    project: LandfallYml,
    existing: BTreeSet<String>,
}

async fn read(engine: &AwsEngine, id: &ReleaseId) -> Result<ReleaseFiles, FilesError> {
    let store = engine.ports().store();
    let get = async |name: &str| store.get(&format!("releases/{id}/{name}")).await;
    let refused = |reason: &str| FilesError::Refused(reason.to_owned());
    let document = get("release.json").await?.ok_or_else(|| refused("release.json was deleted after its upload"))?;
    let document =
        ReleaseDocument::from_json(&document.bytes).map_err(|error| FilesError::Refused(error.to_string()))?;
    let manifest = get("manifest.json").await?;
    let manifest =
        manifest.ok_or_else(|| refused("manifest.json is missing: run `dbt parse`, then `landfall release` again"))?;
    let index =
        Index::from_slice(&manifest.bytes).map_err(|error| FilesError::Refused(format!("manifest.json: {error}")))?;
    let project = match get("landfall.yml").await? {
        None => LandfallYml::default(),
        Some(yaml) => std::str::from_utf8(&yaml.bytes)
            .map_err(|error| error.to_string())
            .and_then(|text| LandfallYml::from_yaml(text).map_err(|error| error.to_string()))
            .map_err(FilesError::Refused)?,
    };
    let existing = match get("catalog.json").await? {
        None => BTreeSet::new(),
        Some(catalog) => {
            existing(&catalog.bytes).map_err(|error| FilesError::Refused(format!("catalog.json: {error}")))?
        }
    };
    Ok(ReleaseFiles { document, index, project, existing })
}

/// Returns the nodes and sources that dbt found in the warehouse.
/// <https://docs.getdbt.com/reference/artifacts/catalog-json>
fn existing(catalog: &[u8]) -> Result<BTreeSet<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Catalog {
        nodes: serde_json::Map<String, Value>,
        #[serde(default)]
        sources: serde_json::Map<String, Value>,
    }
    let catalog: Catalog = serde_json::from_slice(catalog)?;
    Ok(catalog.nodes.into_iter().chain(catalog.sources).map(|(id, _)| id).collect())
}

async fn refuse(engine: &AwsEngine, id: &ReleaseId, reason: String, deadline: Deadline) -> Result<(), HandlerError> {
    write_refusal(engine, id, &reason).await?;
    engine.conduct(&Input::Refuse { release: id.clone(), reason }, deadline).await?;
    Ok(())
}

/// Writes refused.json beside the release's files, where `landfall release` waits for the outcome.
async fn write_refusal(engine: &AwsEngine, id: &ReleaseId, reason: &str) -> Result<(), HandlerError> {
    tracing::error!(release = %id, reason, "the release is refused");
    let bytes = json!({ "release": id.as_str(), "reason": reason }).to_string();
    engine.ports().store().put(&format!("releases/{id}/refused.json"), bytes.as_bytes(), "application/json").await?;
    Ok(())
}
