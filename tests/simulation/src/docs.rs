//! The docs bucket, the files that runs leave for it, and the checks at each move of its pointer (L8).

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jiff::Timestamp;
use landfall_engine::{
    CompareAndSwap, EngineError, Etag, PutNew,
    docs::{AsOf, FileVersion, Files, MediaType, POINTER, Pointer},
};
use landfall_planner::{PendingDocs, Plan, ReleaseId, RunResult};
use serde_json::{Map, Value, json};

use crate::{check::Violation, exec::Call, mutants::Misbehaviour, ports::SimPorts, project::Project, world::World};

/// The docs bucket, and the files of the state bucket that docs are made from.
#[derive(Default)]
pub struct Shelf {
    files: BTreeMap<String, (Rc<Vec<u8>>, u64)>,
    /// The nodes of all docs that were ever pending on a board.
    backlog: BTreeMap<(ReleaseId, Timestamp), BTreeSet<String>>,
}

/// One of the two buckets, as the engine sees it. Their keys are distinct.
pub struct SimFiles(pub SimPorts);

impl Files for SimFiles {
    fn address(&self, key: &str) -> String {
        key.to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<FileVersion>, EngineError> {
        let found = self.0.read("a file", |world| world.shelf.files.get(key).cloned()).await?;
        Ok(found.map(|(bytes, etag)| FileVersion { bytes: bytes.to_vec(), etag: Etag::new(etag.to_string()) }))
    }

    async fn put(&self, key: &str, bytes: &[u8], _: MediaType) -> Result<(), EngineError> {
        let (key, bytes) = (key.to_owned(), bytes.to_vec());
        self.0.write("a file", Call::Write, move |world| world.put_file(&key, bytes)).await
    }

    async fn put_new(&self, key: &str, bytes: &[u8], _: MediaType) -> Result<PutNew, EngineError> {
        let (name, ours) = (key.to_owned(), bytes.to_vec());
        let put = move |world: &mut World| {
            let is_new = !world.shelf.files.contains_key(&name);
            let is_new = is_new || world.overwrites(&name);
            if is_new {
                world.put_file(&name, ours.clone());
            }
            if is_new { PutNew::Created { etag: Etag::new("") } } else { PutNew::Exists }
        };
        self.0.put_new("a file", put, |world| world.shelf.files.get(key).map(|(there, _)| **there == bytes)).await
    }

    async fn swap(&self, key: &str, etag: &Etag, bytes: &[u8]) -> Result<CompareAndSwap, EngineError> {
        let (key, etag, bytes) = (key.to_owned(), etag.clone(), bytes.to_vec());
        let swapped = self.0.write("a compare-and-swap of a file", Call::Conditional, move |world| {
            let same = world.shelf.files.get(&key).is_some_and(|(_, there)| there.to_string() == etag.as_str());
            let same = same || world.overwrites(&key);
            if same {
                world.put_file(&key, bytes);
            }
            same
        });
        Ok(match swapped.await {
            Ok(true) => CompareAndSwap::Written { etag: Etag::new("") },
            Ok(false) => CompareAndSwap::Conflict,
            Err(error) => CompareAndSwap::Unknown { fault: error.to_string() },
        })
    }
}

/// A version of the docs.
struct Shown {
    nodes: BTreeSet<String>,
    as_of: BTreeMap<String, AsOf>,
    manifest: BTreeSet<String>,
}

impl World {
    /// Whether the file is written without its condition, for a mutant.
    fn overwrites(&self, key: &str) -> bool {
        key == POINTER && self.misbehaves(Misbehaviour::PointerOverwritten)
    }

    fn put_file(&mut self, key: &str, bytes: Vec<u8>) {
        let before = (key == POINTER).then(|| self.pointer()).flatten();
        let etag = self.number();
        self.shelf.files.insert(key.to_owned(), (Rc::new(bytes), etag));
        if key == POINTER {
            self.moved(before);
        }
    }

    /// Writes what an ended run leaves beside its result: the whole manifest, and a catalog of what it built.
    pub fn leave_docs(&mut self, result: &RunResult, project: &Project) {
        let built = result.nodes.iter().filter(|node| node.status.is_success());
        let catalog: Map<String, Value> = built.map(|node| (node.id.to_string(), json!(result.run_id))).collect();
        let manifest: Map<String, Value> = project.nodes.iter().map(|node| (node.id(), json!({}))).collect();
        let prefix = Plan::attempt_prefix(&result.run_id, result.attempt);
        let catalog = json!({ "metadata": {}, "nodes": catalog, "sources": {} });
        self.put_file(&format!("{prefix}catalog.json"), catalog.to_string().into_bytes());
        let manifest = json!({ "nodes": manifest, "sources": {} });
        self.put_file(&format!("{prefix}manifest.json"), manifest.to_string().into_bytes());
    }

    /// Remembers docs that are pending on a board.
    pub fn docs_are_pending(&mut self, backlog: &PendingDocs) {
        let key = format!("{}catalog.json", Plan::attempt_prefix(&backlog.run, backlog.attempt));
        let Some(catalog) = self.json(&key) else { return };
        let nodes = names(&catalog);
        self.shelf.backlog.entry((backlog.release.clone(), backlog.read_point)).or_default().extend(nodes);
    }

    fn json(&self, key: &str) -> Option<Value> {
        serde_json::from_slice(&self.shelf.files.get(key)?.0).ok()
    }

    fn pointer(&self) -> Option<Pointer> {
        serde_json::from_value(self.json(POINTER)?).ok()
    }

    fn shown(&self, pointer: &Pointer) -> Option<Shown> {
        let file = |name: &str| format!("versions/{}/{name}", pointer.version);
        self.shelf.files.get(&file("index.html"))?;
        Some(Shown {
            nodes: names(&self.json(&file("catalog.json"))?),
            manifest: names(&self.json(&file("manifest.json"))?),
            as_of: serde_json::from_value(self.json(&file("as_of.json"))?).ok()?,
        })
    }

    /// Checks that the pointer moved forward to a complete version, and that no node lost its docs.
    fn moved(&mut self, before: Option<Pointer>) {
        let Some(pointer) = self.pointer() else {
            return self.violated("L8", "the docs' pointer cannot be read".to_owned());
        };
        let Some(now) = self.shown(&pointer) else {
            return self.violated("L8", format!("the docs' version {} is not complete", pointer.version));
        };
        self.say(|| format!("the docs show {} nodes in version {}", now.nodes.len(), pointer.version));
        let Some(before) = before else { return };
        if (&pointer.release, pointer.read_point) < (&before.release, before.read_point) {
            self.violated("L8", format!("the docs went back from {} to {}", before.run_id, pointer.run_id));
        }
        let Some(then) = self.shown(&before) else { return };
        let lost: Vec<&String> = then
            .nodes
            .iter()
            .filter(|node| now.manifest.contains(*node))
            .filter(|node| !now.nodes.contains(*node) || now.as_of.get(*node) < then.as_of.get(*node))
            .collect();
        if !lost.is_empty() {
            self.violated("L8", format!("the docs lost {lost:?}"));
        }
    }
}

/// Checks L8: all docs that were ever pending are published, or newer ones are.
pub fn at_the_end(world: &World) -> Vec<Violation> {
    // Docs may have been pending only on a lost board. After a recovery everything runs and is published again.
    if world.recoveries > 0 || world.shelf.backlog.is_empty() {
        return Vec::new();
    }
    let Some(shown) = world.pointer().and_then(|pointer| world.shown(&pointer)) else {
        return vec![Violation { invariant: "L8", detail: "docs were pending, but none are published".to_owned() }];
    };
    let mut found = Vec::new();
    for ((release, read_point), nodes) in &world.shelf.backlog {
        let backlog = AsOf { release: release.clone(), read_point: *read_point };
        for node in nodes.iter().filter(|node| shown.manifest.contains(*node)) {
            if shown.as_of.get(node).is_none_or(|known| *known < backlog) {
                let detail = format!("the docs of {node} as of {release}, {read_point}, are missing");
                found.push(Violation { invariant: "L8", detail });
            }
        }
    }
    found
}

fn names(list: &Value) -> BTreeSet<String> {
    list.get("nodes").and_then(Value::as_object).into_iter().flatten().map(|(id, _)| id.clone()).collect()
}
