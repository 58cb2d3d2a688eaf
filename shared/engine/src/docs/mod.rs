//! Docs are pending: a new immutable version of the site, then one flip of its pointer (L8).
//!
//! A run knows only what it built, so its catalog is merged into the one before, node by node, by release and read point; nothing that a newer
//! run said is overwritten, and nothing gets lost because a run was partial. The pointer `current.json` moves only to a complete version, by
//! compare-and-compare-and-swap; who loses merges again.

mod merge;

use jiff::Timestamp;
use landfall_planner::{Input, PendingDocs, Plan, ReleaseId, RunId, compact_timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CompareAndSwap, Deadline, Engine, EngineError, Ports, PutNew, Snapshot};
use merge::{Part, Site};

pub use merge::AsOf;

/// The pointer's key.
pub const POINTER: &str = "current.json";
/// The page at the root, which follows the pointer.
const ROOT_PAGE: &str = include_str!("root.html");
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The objects of a bucket, as publishing uses them. An error means that nobody knows whether the call had its effect.
#[expect(async_fn_in_trait, reason = "every user names its bucket; none needs the futures to be of a certain kind")]
pub trait Files {
    /// For people.
    fn address(&self, key: &str) -> String;
    /// An object and its etag. Reads only.
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, EngineError>;
    /// Writes an object, whatever was there.
    async fn put(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<(), EngineError>;
    /// Writes an object unless one is there.
    async fn put_new(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<PutNew, EngineError>;
    /// Replaces an object if it still is the one with this etag.
    async fn swap(&self, key: &str, etag: &str, bytes: &[u8]) -> Result<CompareAndSwap, EngineError>;
}

/// current.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// The folder below `versions/`.
    pub version: String,
    /// The newest release in it.
    pub release: ReleaseId,
    /// The newest read point in it.
    pub read_point: Timestamp,
    /// The run that it is from.
    pub run_id: RunId,
    /// When it was published.
    pub published_at: Timestamp,
}

impl<P: Ports> Engine<P> {
    /// Publishes what the board says is pending, from the runs' files in the state bucket, and puts on the board that it is.
    pub async fn publish_docs(
        &self,
        state: &impl Files,
        docs: &impl Files,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let Snapshot { board, .. } = self.read().await?;
        let backlog = board.docs.pending;
        if backlog.is_empty() {
            return Ok(());
        }
        let parts = parts(state, &backlog).await?;
        if !parts.is_empty() {
            docs.put("index.html", ROOT_PAGE.as_bytes(), HTML).await?;
            while !self.publish(docs, &parts).await? {
                if deadline.is_over(self.ports.now()) {
                    return Err(EngineError::DocsContended);
                }
            }
        }
        self.commit(&Input::Published { docs: backlog }, deadline).await?;
        Ok(())
    }

    /// Makes one version and moves the pointer to it; false if another moved it first.
    async fn publish(&self, docs: &impl Files, parts: &[Part]) -> Result<bool, EngineError> {
        let pointer = docs.get(POINTER).await?;
        let before = match &pointer {
            Some((bytes, _)) => Some(site(docs, bytes).await?),
            None => None,
        };
        let Some(site) = merge::merge(before, parts) else { return Ok(true) };
        let now = self.ports.now();
        let version = format!("{}-{}", compact_timestamp(now), self.ports.nonce());
        let address = |name: &str| format!("versions/{version}/{name}");
        for (name, value) in [("catalog.json", &site.catalog), ("manifest.json", &site.manifest)] {
            docs.put(&address(name), &json(value)?, JSON).await?;
        }
        docs.put(&address("as_of.json"), &json(&site.as_of)?, JSON).await?;
        docs.put(&address("index.html"), &site.page, HTML).await?;
        let next = Pointer {
            version,
            release: site.newest.release,
            read_point: site.newest.read_point,
            run_id: site.newest.run,
            published_at: now,
        };
        let next = json(&next)?;
        Ok(match pointer {
            None => matches!(docs.put_new(POINTER, &next, JSON).await?, PutNew::Created { .. }),
            Some((_, etag)) => match docs.swap(POINTER, &etag, &next).await? {
                CompareAndSwap::Written { .. } => true,
                CompareAndSwap::Conflict => false,
                // Whoever's version it is now: merging once more is right either way.
                CompareAndSwap::Unknown { .. } => docs.get(POINTER).await?.is_some_and(|(there, _)| there == next),
            },
        })
    }
}

/// What the runs left. One whose files are gone or unreadable has no docs to give, and is passed over: its nodes keep what they had.
async fn parts(state: &impl Files, backlog: &[PendingDocs]) -> Result<Vec<Part>, EngineError> {
    let mut parts = Vec::new();
    for backlog in backlog {
        let prefix = Plan::attempt_prefix(&backlog.run, backlog.attempt);
        let get = async |name: &str| state.get(&format!("{prefix}{name}")).await;
        let (catalog, manifest) = (get("catalog.json").await?, get("manifest.json").await?);
        let json = |stored: Option<(Vec<u8>, String)>| {
            stored.and_then(|(bytes, _)| serde_json::from_slice::<Value>(&bytes).ok())
        };
        let (Some(catalog), Some(manifest)) = (json(catalog), json(manifest)) else {
            tracing::error!(run = %backlog.run, "its catalog.json or manifest.json is gone or unreadable: no docs from it");
            continue;
        };
        let page = get("index.html").await?.map(|(bytes, _)| bytes);
        parts.push(Part { backlog: backlog.clone(), catalog, manifest, page });
    }
    parts.sort_by(|a, b| a.age().cmp(&b.age()));
    Ok(parts)
}

/// The version that the pointer names.
async fn site(docs: &impl Files, pointer: &[u8]) -> Result<Site, EngineError> {
    let unreadable = |address: String| move |source| EngineError::Document { address, source };
    let pointer: Pointer = serde_json::from_slice(pointer).map_err(unreadable(docs.address(POINTER)))?;
    let read = async |name: &str| {
        let key = format!("versions/{}/{name}", pointer.version);
        docs.get(&key).await.map(|stored| (stored.map(|(bytes, _)| bytes).unwrap_or_default(), docs.address(&key)))
    };
    let (catalog, catalog_at) = read("catalog.json").await?;
    let (manifest, manifest_at) = read("manifest.json").await?;
    let (as_of, as_of_at) = read("as_of.json").await?;
    let (page, _) = read("index.html").await?;
    Ok(Site {
        catalog: serde_json::from_slice(&catalog).map_err(unreadable(catalog_at))?,
        manifest: serde_json::from_slice(&manifest).map_err(unreadable(manifest_at))?,
        as_of: serde_json::from_slice(&as_of).map_err(unreadable(as_of_at))?,
        page,
        newest: PendingDocs {
            run: pointer.run_id,
            attempt: 0,
            release: pointer.release,
            read_point: pointer.read_point,
        },
    })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(value).map_err(|source| EngineError::Json { what: "a file of the docs", source })
}
