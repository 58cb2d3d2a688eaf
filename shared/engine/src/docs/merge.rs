//! Merging the docs of runs into one site.

use std::collections::BTreeMap;

use jiff::Timestamp;
use landfall_planner::{PendingDocs, ReleaseId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The docs that one run left.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) pending: PendingDocs,
    pub(crate) catalog: Value,
    pub(crate) manifest: Value,
    pub(crate) page: Option<Vec<u8>>,
}

/// A version of the site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) catalog: Value,
    pub(crate) manifest: Value,
    pub(crate) as_of: BTreeMap<String, AsOf>,
    pub(crate) page: Vec<u8>,
    /// The newest run in it.
    pub(crate) newest: PendingDocs,
}

/// Which run a catalog entry is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AsOf {
    /// The release of the run.
    pub release: ReleaseId,
    /// The read point of the run.
    pub read_point: Timestamp,
}

/// The catalog's two lists of relations.
const LISTS: [&str; 2] = ["nodes", "sources"];

/// Merges the parts, oldest first, into the site before; none if there is neither a site nor a part.
pub(crate) fn merge(before: Option<Site>, parts: &[Part]) -> Option<Site> {
    let mut parts = parts.iter();
    let mut site = match before {
        Some(site) => site,
        None => from_part(parts.next()?),
    };
    for part in parts {
        add(&mut site, part);
    }
    prune(&mut site);
    Some(site)
}

fn from_part(part: &Part) -> Site {
    let mut site = Site {
        catalog: part.catalog.clone(),
        manifest: part.manifest.clone(),
        as_of: BTreeMap::new(),
        page: part.page.clone().unwrap_or_default(),
        newest: part.pending.clone(),
    };
    for list in LISTS {
        let ids: Vec<String> = entries(&site.catalog, list).map(|(id, _)| id.clone()).collect();
        site.as_of.extend(ids.into_iter().map(|id| (id, as_of(part))));
    }
    site
}

fn add(site: &mut Site, part: &Part) {
    let at = as_of(part);
    let newest = AsOf { release: site.newest.release.clone(), read_point: site.newest.read_point };
    if at >= newest {
        let mut manifest = part.manifest.clone();
        carry_compiled(&mut manifest, &site.manifest);
        site.manifest = manifest;
        site.newest = part.pending.clone();
        if let Some(page) = &part.page {
            site.page.clone_from(page);
        }
        if let (Some(ours), Some(theirs)) = (site.catalog.as_object_mut(), part.catalog.get("metadata")) {
            ours.insert("metadata".to_owned(), theirs.clone());
        }
    } else {
        carry_compiled(&mut site.manifest, &part.manifest);
    }
    for list in LISTS {
        for (id, entry) in entries(&part.catalog, list) {
            if site.as_of.get(id).is_some_and(|known| *known > at) {
                continue;
            }
            site.as_of.insert(id.clone(), at.clone());
            if let Some(object) = site.catalog.as_object_mut() {
                let ours = object.entry(list).or_insert_with(|| Value::Object(Map::new()));
                if let Some(ours) = ours.as_object_mut() {
                    ours.insert(id.clone(), entry.clone());
                }
            }
        }
    }
}

/// Copies the compiled SQL of nodes whose source is the same: dbt writes only that of the nodes that it ran.
fn carry_compiled(to: &mut Value, from: &Value) {
    let Some(nodes) = to.get_mut("nodes").and_then(Value::as_object_mut) else { return };
    for (id, node) in nodes {
        let Some(node) = node.as_object_mut() else { continue };
        if node.get("compiled_code").is_some_and(|code| !code.is_null()) {
            continue;
        }
        let Some(other) = from.get("nodes").and_then(|nodes| nodes.get(id)) else { continue };
        let same = other.get("checksum") == node.get("checksum") && other.get("raw_code") == node.get("raw_code");
        for field in ["compiled_code", "compiled", "compiled_path"] {
            if let Some(value) = other.get(field).filter(|_| same) {
                node.insert(field.to_owned(), value.clone());
            }
        }
    }
}

/// Removes nodes from the catalog that the newest manifest lacks: the project dropped them. A partial run still lists all nodes in its manifest.
fn prune(site: &mut Site) {
    for list in LISTS {
        let Some(known) = site.manifest.get(list).and_then(Value::as_object) else { continue };
        if let Some(ours) = site.catalog.get_mut(list).and_then(Value::as_object_mut) {
            ours.retain(|id, _| {
                let keep = known.contains_key(id);
                if !keep {
                    site.as_of.remove(id);
                }
                keep
            });
        }
    }
}

fn as_of(part: &Part) -> AsOf {
    AsOf { release: part.pending.release.clone(), read_point: part.pending.read_point }
}

fn entries<'a>(catalog: &'a Value, list: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    catalog.get(list).and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_planner::RunId;
    use serde_json::json;

    fn part(release: &str, second: i64, catalog: &[(&str, &str)], manifest: &Value) -> Part {
        let nodes: Map<String, Value> =
            catalog.iter().map(|(id, sent_at)| ((*id).to_owned(), json!(sent_at))).collect();
        Part {
            pending: PendingDocs {
                run: RunId::parse(format!("run-{second}")).unwrap(),
                attempt: 1,
                release: ReleaseId::parse(release).unwrap(),
                read_point: Timestamp::from_second(second).unwrap(),
            },
            catalog: json!({ "metadata": {}, "nodes": nodes, "sources": {} }),
            manifest: manifest.clone(),
            page: Some(b"page".to_vec()),
        }
    }

    fn manifest(ids: &[&str], compiled: &[&str]) -> Value {
        let nodes: Map<String, Value> = ids
            .iter()
            .map(|id| {
                let code = if compiled.contains(id) { json!("select 1") } else { Value::Null };
                ((*id).to_owned(), json!({ "checksum": "c", "raw_code": "r", "compiled_code": code }))
            })
            .collect();
        json!({ "nodes": nodes, "sources": {} })
    }

    #[test]
    fn a_partial_run_leaves_the_rest_of_the_docs_as_they_were() {
        let all = ["m.a", "m.b"];
        let first = part("r1", 1, &[("m.a", "a1"), ("m.b", "b1")], &manifest(&all, &all));
        let second = part("r1", 2, &[("m.b", "b2")], &manifest(&all, &["m.b"]));
        let site = merge(None, &[first]).unwrap();
        let site = merge(Some(site), &[second]).unwrap();
        assert_eq!(site.catalog["nodes"], json!({ "m.a": "a1", "m.b": "b2" }));
        assert_eq!(site.manifest["nodes"]["m.a"]["compiled_code"], "select 1");
    }

    #[test]
    fn docs_of_an_older_run_that_arrive_late_overwrite_nothing() {
        let all = ["m.a", "m.b"];
        let newer = part("r2", 5, &[("m.a", "new")], &manifest(&all, &[]));
        let older = part("r1", 9, &[("m.a", "old"), ("m.b", "b")], &manifest(&["m.a"], &[]));
        let site = merge(Some(merge(None, &[newer]).unwrap()), &[older]).unwrap();
        assert_eq!(site.catalog["nodes"], json!({ "m.a": "new", "m.b": "b" }));
        assert_eq!(site.newest.release.as_str(), "r2");
    }

    #[test]
    fn a_node_that_the_project_dropped_leaves_the_docs() {
        let first = part("r1", 1, &[("m.a", "a"), ("m.b", "b")], &manifest(&["m.a", "m.b"], &[]));
        let second = part("r2", 2, &[("m.b", "b2")], &manifest(&["m.b"], &[]));
        let site = merge(None, &[first, second]).unwrap();
        assert_eq!(site.catalog["nodes"], json!({ "m.b": "b2" }));
    }
}
