//! The upload of a release. release.json is uploaded last, because its event starts `on-release`.

use landfall_aws::{Store, clock, store::PutNew};
use landfall_planner::{BOARD_KEY, Board, RELEASE_VERSION, ReleaseDocument, ReleaseId, StoredBoard, compact_timestamp};
use sha2::{Digest as _, Sha256};

use super::{ReleaseCommandError, ReleaseRequest, artifacts::ParsedProject};
use crate::text;

/// Makes the board of a new stack. Returns whether no release is in place yet.
///
/// Only this command makes a board. The functions stop when the board is missing, so that a deleted board is restored
/// and not replaced by an empty one.
pub(super) async fn ensure_board(state: &Store) -> Result<bool, ReleaseCommandError> {
    if let Some(stored) = state.get(BOARD_KEY).await? {
        return Ok(StoredBoard::from_json(&stored.bytes)?.release().is_none());
    }
    // A new board would lose the backlog of the deleted one.
    if !state.versions(BOARD_KEY).await?.is_empty() {
        return Err(ReleaseCommandError::BoardLost(state.address(BOARD_KEY)));
    }
    // A laptop's clock may be wrong, and the board's time never decreases.
    let board = Board::new(clock::s3_now());
    match state.put_new(BOARD_KEY, &board.to_json()?, "application/json").await? {
        PutNew::Created { .. } => Ok(true),
        PutNew::Exists => {
            let stored = state.get(BOARD_KEY).await?;
            let stored = stored.map(|stored| StoredBoard::from_json(&stored.bytes)).transpose()?;
            Ok(stored.is_none_or(|board| board.release().is_none()))
        }
    }
}

/// Uploads the files of the release and returns its id.
pub(super) async fn upload(
    state: &Store,
    request: &ReleaseRequest<'_>,
    files: &ParsedProject,
    settings: Option<&str>,
    catalog: Option<&[u8]>,
) -> Result<ReleaseId, ReleaseCommandError> {
    // Of two releases the one with the later id is newer, so ids have S3's time.
    let now = clock::s3_now();
    let mut digest = Sha256::new();
    digest.update(&files.manifest);
    digest.update(settings.unwrap_or_default());
    digest.update(request.image.unwrap_or_default());
    let digest = text::hex(&digest.finalize());
    let id = format!("{}-{}", compact_timestamp(now), digest.get(..8).unwrap_or_default());
    let id = ReleaseId::parse(id)
        .map_err(|error| ReleaseCommandError::Manifest { file: "manifest.json".into(), reason: error.to_string() })?;
    let key = |name: &str| format!("releases/{id}/{name}");
    let json = "application/json";
    state.put(&key("manifest.json"), &files.manifest, json).await?;
    if let Some(settings) = settings {
        state.put(&key("landfall.yml"), settings.as_bytes(), "application/yaml").await?;
    }
    if let Some(catalog) = catalog {
        state.put(&key("catalog.json"), catalog, json).await?;
    }
    if let Some(partial_parse) = &files.partial_parse {
        state.put(&key("partial_parse.msgpack"), partial_parse, "application/octet-stream").await?;
    }
    let document = ReleaseDocument {
        version: RELEASE_VERSION,
        release: id.clone(),
        created_at: now,
        image: request.image.map(str::to_owned),
        target: request.dbt.target.clone(),
        force: request.force,
    };
    match state.put_new(&key("release.json"), &serde_json::to_vec_pretty(&document)?, json).await? {
        PutNew::Created { .. } => Ok(id),
        PutNew::Exists => Err(ReleaseCommandError::Exists(id)),
    }
}
