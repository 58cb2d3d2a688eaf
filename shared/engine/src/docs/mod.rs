//! Publishing docs: a new immutable version of the site, then one move of its pointer (L8).
//!
//! A run knows only what it built, so its catalog is merged into the one before, node by node, by release and read point. Nothing that a newer
//! run wrote is overwritten, and a partial run removes nothing. The pointer `current.json` moves only to a complete version, by compare-and-swap.
//! An invocation that loses merges again.

mod merge;

use jiff::Timestamp;
use landfall_planner::{Input, PendingDocs, Plan, ReleaseId, RunId, compact_timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    CompareAndSwap, Deadline, Engine, EngineError, Etag, PutNew,
    ports::{Clock, DecisionPorts},
};
use merge::{Part, Site};

pub use merge::AsOf;

/// The pointer's key.
pub const POINTER: &str = "current.json";
/// The page at the root, which redirects to the version that the pointer names.
const ROOT_PAGE: &str = include_str!("root.html");

/// An object and its ETag as one read returned them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// The ETag for [`Files::swap`].
    pub etag: Etag,
}

/// The media type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// The type of JSON files.
    Json,
    /// HTML in UTF-8.
    Html,
}

impl MediaType {
    /// Returns the value of the `Content-Type` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The objects of a bucket, as publishing uses them. After an error it is unknown whether the call had its effect.
#[expect(async_fn_in_trait, reason = "each user names its type; none needs the futures to be Send")]
pub trait Files {
    /// Returns the address of an object, for messages.
    fn address(&self, key: &str) -> String;
    /// Reads an object. Changes nothing.
    async fn get(&self, key: &str) -> Result<Option<FileVersion>, EngineError>;
    /// Writes an object over any that exists.
    async fn put(&self, key: &str, bytes: &[u8], media_type: MediaType) -> Result<(), EngineError>;
    /// Writes an object unless one exists.
    async fn put_new(&self, key: &str, bytes: &[u8], media_type: MediaType) -> Result<PutNew, EngineError>;
    /// Replaces an object if it still has this ETag.
    async fn swap(&self, key: &str, etag: &Etag, bytes: &[u8]) -> Result<CompareAndSwap, EngineError>;
}

/// The pointer, `current.json`.
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

impl<P: DecisionPorts> Engine<P> {
    /// Publishes the docs that the board says are pending, from the runs' files in the state bucket, and records that on the board.
    ///
    /// # Errors
    ///
    /// Fails if other invocations move the pointer until the deadline, if a file cannot be read or written, or if the board cannot be changed.
    pub async fn publish_docs(
        &self,
        state: &impl Files,
        docs: &impl Files,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let snapshot = self.read().await?;
        let pending = snapshot.board.docs.pending.clone();
        if pending.is_empty() {
            return Ok(());
        }
        while !self.publish(state, docs, &pending).await? {
            if deadline.is_over(&self.ports) {
                return Err(EngineError::DocsContended);
            }
        }
        self.commit_from(snapshot, &Input::Published { docs: pending }, deadline).await?;
        Ok(())
    }
}

impl<P: Clock> Engine<P> {
    /// Writes one version and moves the pointer to it. Returns false if another invocation moved the pointer first.
    /// Only one run's files are in memory at a time, beside the site.
    async fn publish(
        &self,
        state: &impl Files,
        docs: &impl Files,
        pending: &[PendingDocs],
    ) -> Result<bool, EngineError> {
        let pointer = docs.get(POINTER).await?;
        let mut merged = match &pointer {
            Some(pointer) => Some(site(docs, &pointer.bytes).await?),
            None => None,
        };
        let mut oldest_first: Vec<&PendingDocs> = pending.iter().collect();
        oldest_first.sort_by_key(|docs| (&docs.release, docs.read_point));
        let mut found = false;
        for pending in oldest_first {
            if let Some(part) = part(state, pending).await? {
                merged = merge::merge(merged, &[part]);
                found = true;
            }
        }
        let Some(site) = merged.filter(|_| found) else { return Ok(true) };
        docs.put("index.html", ROOT_PAGE.as_bytes(), MediaType::Html).await?;
        let now = self.ports.now();
        let version = format!("{}-{}", compact_timestamp(now), self.ports.nonce());
        let key = |name: &str| format!("versions/{version}/{name}");
        for (name, value) in [("catalog.json", &site.catalog), ("manifest.json", &site.manifest)] {
            docs.put(&key(name), &json(value)?, MediaType::Json).await?;
        }
        docs.put(&key("as_of.json"), &json(&site.as_of)?, MediaType::Json).await?;
        docs.put(&key("index.html"), &site.page, MediaType::Html).await?;
        let next = Pointer {
            version,
            release: site.newest.release,
            read_point: site.newest.read_point,
            run_id: site.newest.run,
            published_at: now,
        };
        let next = json(&next)?;
        Ok(match pointer {
            None => matches!(docs.put_new(POINTER, &next, MediaType::Json).await?, PutNew::Created { .. }),
            Some(pointer) => match docs.swap(POINTER, &pointer.etag, &next).await? {
                CompareAndSwap::Written { .. } => true,
                CompareAndSwap::Conflict => false,
                // If another invocation moved the pointer, merging once more is right.
                CompareAndSwap::Unknown { .. } => docs.get(POINTER).await?.is_some_and(|now| now.bytes == next),
            },
        })
    }
}

/// Reads what a run left. A run whose files are missing or malformed is left out: its nodes keep the docs that they had.
async fn part(state: &impl Files, pending: &PendingDocs) -> Result<Option<Part>, EngineError> {
    let prefix = Plan::attempt_prefix(&pending.run, pending.attempt);
    let get = async |name: &str| state.get(&format!("{prefix}{name}")).await;
    let json = |file: Option<FileVersion>| file.and_then(|file| serde_json::from_slice::<Value>(&file.bytes).ok());
    let (catalog, manifest) = (json(get("catalog.json").await?), json(get("manifest.json").await?));
    let (Some(catalog), Some(manifest)) = (catalog, manifest) else {
        tracing::error!(run = %pending.run, "catalog.json or manifest.json is missing or malformed: the docs of this run are left out");
        return Ok(None);
    };
    let page = get("index.html").await?.map(|file| file.bytes);
    Ok(Some(Part { pending: pending.clone(), catalog, manifest, page }))
}

/// Reads the version that the pointer names.
async fn site(docs: &impl Files, pointer: &[u8]) -> Result<Site, EngineError> {
    let malformed = |address: String| move |source| EngineError::Document { address, source };
    let pointer: Pointer = serde_json::from_slice(pointer).map_err(malformed(docs.address(POINTER)))?;
    let key = |name: &str| format!("versions/{}/{name}", pointer.version);
    let read =
        async |name: &str| docs.get(&key(name)).await.map(|file| file.map(|file| file.bytes).unwrap_or_default());
    let parse = async |name: &str| {
        let bytes = read(name).await?;
        serde_json::from_slice::<Value>(&bytes).map_err(malformed(docs.address(&key(name))))
    };
    let as_of = read("as_of.json").await?;
    Ok(Site {
        catalog: parse("catalog.json").await?,
        manifest: parse("manifest.json").await?,
        as_of: serde_json::from_slice(&as_of).map_err(malformed(docs.address(&key("as_of.json"))))?,
        page: read("index.html").await?,
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
