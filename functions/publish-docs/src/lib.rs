//! Docs are owed: a new immutable version of the site, then one flip of its pointer (L8).
//!
//! A run knows only what it built, so its catalog is merged into the one before, node by node, by release and read point; nothing that a newer
//! run said is overwritten, and nothing gets lost because a run was partial. The pointer `current.json` moves only to a complete version, by
//! compare-and-swap; who loses merges again.

mod merge;

use jiff::Timestamp;
use landfall_cloud::{
    ConfigError, Store, StoreError, clock,
    conductor::{ConductError, Conductor, Deadline},
    events::{Malformed, parse_docs_owed},
    store::{PutNew, Swap},
};
use landfall_pipeline::{DocsOwed, Input, Plan, ReleaseId, RunId, compact};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use merge::{Part, Site};

/// The pointer's key.
const POINTER: &str = "current.json";
/// The page at the root, which follows the pointer.
const ROOT_PAGE: &str = include_str!("root.html");

/// What a call can fail by; the sweep asks again.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// The event is not of its kind.
    #[error("{}: {}", .0.reason, .0.text)]
    Malformed(Malformed),
    /// The environment lacks the docs bucket.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The board.
    #[error(transparent)]
    Conduct(#[from] ConductError),
    /// S3.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document of ours that is not JSON.
    #[error("{address}: {source}")]
    Unreadable {
        /// Where.
        address: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Others published at the same time, again and again.
    #[error("the docs' pointer was moved by others until the time was up; the sweep tries again")]
    Contended,
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

/// Handles one event. `deadline` is Lambda's, in milliseconds since 1970.
pub async fn handle(conductor: &Conductor, event: Value, deadline: u64) -> Result<(), PublishFailure> {
    let asked = parse_docs_owed(&event).map_err(PublishFailure::Malformed)?;
    if asked.stack != conductor.ports().config().stack() {
        tracing::info!(stack = asked.stack, "docs of another stack: left alone");
        return Ok(());
    }
    let deadline = Deadline::of_lambda(clock::now(), deadline);
    let owed = conductor.read().await?.board.docs.owed;
    if owed.is_empty() {
        return Ok(());
    }
    let docs = conductor.ports().clients().store(conductor.ports().config().docs_bucket()?);
    let parts = parts(conductor.ports().store(), &owed).await?;
    if !parts.is_empty() {
        docs.put("index.html", ROOT_PAGE.as_bytes(), "text/html; charset=utf-8").await?;
        while !publish(&docs, &parts).await? {
            if deadline.is_over(clock::now()) {
                return Err(PublishFailure::Contended);
            }
        }
    }
    let runs = owed.into_iter().map(|owed| owed.run).collect();
    conductor.commit(&Input::Published { runs }, deadline).await?;
    Ok(())
}

/// What the runs left. One whose files are gone or unreadable has no docs to give, and is passed over: its nodes keep what they had.
async fn parts(state: &Store, owed: &[DocsOwed]) -> Result<Vec<Part>, PublishFailure> {
    let mut parts = Vec::new();
    for owed in owed {
        let prefix = Plan::attempt_prefix(&owed.run, owed.attempt);
        let get = async |name: &str| state.get(&format!("{prefix}{name}")).await;
        let (catalog, manifest) = (get("catalog.json").await?, get("manifest.json").await?);
        let json = |stored: Option<landfall_cloud::store::Stored>| {
            stored.and_then(|stored| serde_json::from_slice::<Value>(&stored.bytes).ok())
        };
        let (Some(catalog), Some(manifest)) = (json(catalog), json(manifest)) else {
            tracing::error!(run = %owed.run, "its catalog.json or manifest.json is gone or unreadable: no docs from it");
            continue;
        };
        let page = get("index.html").await?.map(|stored| stored.bytes);
        parts.push(Part { owed: owed.clone(), catalog, manifest, page });
    }
    parts.sort_by(|a, b| a.age().cmp(&b.age()));
    Ok(parts)
}

/// Makes one version and moves the pointer to it; false if another moved it first.
async fn publish(docs: &Store, parts: &[Part]) -> Result<bool, PublishFailure> {
    let pointer = docs.get(POINTER).await?;
    let before = match &pointer {
        Some(stored) => Some(site(docs, &stored.bytes).await?),
        None => None,
    };
    let Some(site) = merge::merge(before, parts) else { return Ok(true) };
    let now = clock::now();
    let version = format!("{}-{}", compact(now), clock::nonce());
    let address = |name: &str| format!("versions/{version}/{name}");
    for (name, value) in [("catalog.json", &site.catalog), ("manifest.json", &site.manifest)] {
        docs.put(&address(name), &bytes(name, value)?, "application/json").await?;
    }
    docs.put(&address("as_of.json"), &bytes("as_of.json", &site.as_of)?, "application/json").await?;
    docs.put(&address("index.html"), &site.page, "text/html; charset=utf-8").await?;
    let next = Pointer {
        version,
        release: site.newest.release,
        read_point: site.newest.read_point,
        run_id: site.newest.run,
        published_at: now,
    };
    let next = bytes(POINTER, &next)?;
    Ok(match pointer {
        None => matches!(docs.put_new(POINTER, &next, "application/json").await?, PutNew::Created { .. }),
        Some(stored) => match docs.swap(POINTER, &stored.etag, &next).await? {
            Swap::Done { .. } => true,
            Swap::Conflict => false,
            // Whoever's version it is now: merging once more is right either way.
            Swap::Unknown { .. } => docs.get(POINTER).await?.is_some_and(|there| there.bytes == next),
        },
    })
}

/// The version that the pointer names.
async fn site(docs: &Store, pointer: &[u8]) -> Result<Site, PublishFailure> {
    let unreadable = |address: String| move |source| PublishFailure::Unreadable { address, source };
    let pointer: Pointer = serde_json::from_slice(pointer).map_err(unreadable(docs.address(POINTER)))?;
    let read = async |name: &str| {
        let key = format!("versions/{}/{name}", pointer.version);
        docs.get(&key).await.map(|stored| (stored.map(|stored| stored.bytes).unwrap_or_default(), docs.address(&key)))
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
        newest: DocsOwed { run: pointer.run_id, attempt: 0, release: pointer.release, read_point: pointer.read_point },
    })
}

fn bytes(name: &str, value: &impl Serialize) -> Result<Vec<u8>, PublishFailure> {
    serde_json::to_vec(value).map_err(|source| PublishFailure::Unreadable { address: name.to_owned(), source })
}
