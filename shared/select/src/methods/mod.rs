//! The nodes that each method matches (<https://docs.getdbt.com/reference/node-selection/methods>).

mod config;
mod fqn;
mod path;
mod search;

use std::collections::HashSet;

use landfall_manifest::{Node, ResourceType};
use serde_json::Value;

use crate::error::SelectError;
use crate::glob::Glob;
use crate::graph::NodeSet;
use crate::method::Method;
use crate::spec::Criteria;
use crate::state_artifacts;
use crate::state_comparison;

pub(crate) use fqn::Names;
pub(crate) use search::{Search, text_of};

impl<'a> Search<'a> {
    /// The members that match the expression.
    ///
    /// # Errors
    ///
    /// If the value is invalid for the method, or the artifact that the method needs is missing.
    pub(crate) fn find(&self, criteria: &Criteria) -> Result<NodeSet, SelectError> {
        use ResourceType as R;
        let text = || text_of(criteria);
        match criteria.method {
            Method::Fqn => {
                if let Some(nodes) = self.names.get(text()?) {
                    let mut found = self.none();
                    found.extend(nodes.iter().map(|ix| ix.position()));
                    return Ok(found);
                }
                let pattern = fqn::Pattern::new(text()?, self.request.dialect);
                Ok(self.keep(|node| node.resource_type() != R::Source && pattern.matches(node)))
            }
            Method::Tag => match text() {
                Ok(text) => Ok(self.tagged(&Glob::new(text))),
                Err(error) => self.refuse_if_compared(error, |node| node.tags().next().is_some()),
            },
            Method::Group => {
                let grouped = |node: Node<'a>| {
                    let kind = node.resource_type();
                    node.group().filter(|group| !group.is_empty() && (kind.is_parsed_node() || kind == R::Metric))
                };
                match text().map(Glob::new) {
                    Ok(glob) => Ok(self.keep(|node| grouped(node).is_some_and(|group| glob.matches(group)))),
                    Err(error) => self.refuse_if_compared(error, |node| grouped(node).is_some()),
                }
            }
            Method::Access => Ok(match criteria.value.as_str() {
                Some(access) => self.keep(|node| node.resource_type() == R::Model && node.access() == Some(access)),
                None => self.none(),
            }),
            Method::Source => self.sources(text()?),
            Method::Exposure => self.named(criteria, R::Exposure, "exposure"),
            Method::Metric => self.named(criteria, R::Metric, "metric"),
            Method::SemanticModel => self.named(criteria, R::SemanticModel, "semantic model"),
            Method::SavedQuery => self.named(criteria, R::SavedQuery, "saved query"),
            Method::UnitTest => self.named(criteria, R::UnitTest, "unit test"),
            Method::Path => path::search(self, text()?),
            Method::File => Ok(self.files(&Glob::new(text()?))),
            Method::Package => {
                let project = self.index.metadata().project_name.as_deref();
                let wanted = match (text()?, project) {
                    ("this", Some(project)) => project,
                    (text, _) => text,
                };
                let glob = Glob::new(wanted);
                Ok(self.keep(|node| glob.matches(node.package_name())))
            }
            Method::Config => Ok(config::search(self, &criteria.arguments, &criteria.value)),
            Method::ResourceType => self.resource_type(&criteria.value),
            Method::TestName => {
                let name = |node: Node<'a>| match node.resource_type() {
                    R::Test => node.test_name(),
                    R::UnitTest => Some(node.name()),
                    _ => None,
                };
                match text().map(Glob::new) {
                    Ok(glob) => Ok(self.keep(|node| name(node).is_some_and(|name| glob.matches(name)))),
                    Err(error) => self.refuse_if_compared(error, |node| name(node).is_some()),
                }
            }
            Method::TestType => self.test_type(text()?),
            Method::Version => match text() {
                Ok(text) => self.version(text),
                Err(error) => self.refuse_if_compared(error, |node| node.resource_type() == R::Model),
            },
            Method::State => {
                let Some(previous) = self.request.state.and_then(|state| state.manifest.as_ref()) else {
                    return Err(SelectError::Runtime(
                        "the method \"state:\" needs an earlier manifest; pass the folder that has one as the state"
                            .to_owned(),
                    ));
                };
                state_comparison::search(self.index, previous, self.members, text()?, self.request)
            }
            Method::Result => self.result(&criteria.value),
            Method::SourceStatus => self.source_status(&criteria.value),
            // `Evaluation` evaluates named selectors itself.
            Method::Selector => Ok(self.none()),
        }
    }

    /// The members with a matching tag. Lists of tags repeat from node to node, so each distinct list is matched once.
    fn tagged(&self, glob: &Glob) -> NodeSet {
        let (mut checked, mut matching) = (NodeSet::new(), NodeSet::new());
        let mut found = self.none();
        for node in self.index.nodes() {
            let tags = self.index.tags_id(node.ix) as usize;
            if !checked.contains(tags) {
                checked.grow_and_insert(tags);
                if node.tags().any(|tag| glob.matches(tag)) {
                    matching.grow_and_insert(tags);
                }
            }
            if matching.contains(tags) {
                found.insert(node.ix.position());
            }
        }
        found.intersect_with(self.members);
        found
    }

    /// The sources that match `source`, `source.table` or `package.source.table`. Each part may have wildcards.
    fn sources(&self, value: &str) -> Result<NodeSet, SelectError> {
        let parts: Vec<&str> = value.split('.').collect();
        let (package, source, table) = match parts.as_slice() {
            [source] => ("*", *source, "*"),
            [source, table] => ("*", *source, *table),
            [package, source, table] => (*package, *source, *table),
            _ => {
                return Err(SelectError::Runtime(format!(
                    "invalid source selector value \"{value}\": write it as source, source.table or \
                     package.source.table; a dot within a name can only be matched by \"?\" or \"*\""
                )));
            }
        };
        let (package, source, table) = (Glob::new(package), Glob::new(source), Glob::new(table));
        Ok(self.keep(|node| {
            node.resource_type() == ResourceType::Source
                && package.matches(node.package_name())
                && source.matches(node.source_name().unwrap_or_default())
                && table.matches(node.name())
        }))
    }

    /// The nodes of one type that match `name` or `package.name`. Each part may have wildcards.
    fn named(&self, criteria: &Criteria, kind: ResourceType, noun: &str) -> Result<NodeSet, SelectError> {
        let value = text_of(criteria)?;
        let parts: Vec<&str> = value.split('.').collect();
        let (package, name) = match parts.as_slice() {
            [name] => ("*", *name),
            [package, name] => (*package, *name),
            _ => {
                return Err(SelectError::Runtime(format!(
                    "invalid {noun} selector value \"{value}\": write it as name or package.name"
                )));
            }
        };
        let (package, name) = (Glob::new(package), Glob::new(name));
        Ok(self.keep(|node| {
            node.resource_type() == kind && package.matches(node.package_name()) && name.matches(node.name())
        }))
    }

    fn files(&self, glob: &Glob) -> NodeSet {
        self.keep(|node| {
            let name = path::file_name(node.original_file_path());
            glob.matches(name) || glob.matches(path::stem(name))
        })
    }

    fn resource_type(&self, value: &Value) -> Result<NodeSet, SelectError> {
        let Some(kind) = value.as_str().and_then(ResourceType::from_name) else {
            let known: Vec<&str> = ResourceType::ALL.into_iter().map(ResourceType::as_str).collect();
            return Err(SelectError::Runtime(format!(
                "invalid resource_type selector \"{}\"; types are {}",
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                known.join(", ")
            )));
        };
        Ok(self.keep(|node| node.resource_type() == kind))
    }

    /// The tests of a type. dbt searches for the value *in* the words "data", "singular" and "unit", so parts of
    /// these words match as well.
    fn test_type(&self, value: &str) -> Result<NodeSet, SelectError> {
        let (generic, singular, unit) = if matches!(value, "generic" | "schema") {
            (true, false, false)
        } else if "data".contains(value) {
            (true, true, false)
        } else if "singular".contains(value) {
            (false, true, false)
        } else if "unit".contains(value) {
            (false, false, true)
        } else {
            return Err(SelectError::Runtime(format!(
                "invalid test type selector {value}: expected \"generic\", \"singular\", \"unit\" or \"data\""
            )));
        };
        Ok(self.keep(|node| match node.resource_type() {
            ResourceType::Test => {
                if node.is_generic_test() {
                    generic
                } else {
                    singular
                }
            }
            ResourceType::UnitTest => unit,
            _ => false,
        }))
    }

    fn version(&self, value: &str) -> Result<NodeSet, SelectError> {
        let wanted: fn(Node<'_>) -> bool = match value {
            "latest" => |node| {
                let (version, latest) = node.versions_json();
                version.is_some() && version == latest
            },
            "prerelease" => |node| later(node.versions_json()),
            "old" => |node| {
                let (version, latest) = node.versions_json();
                later((latest, version))
            },
            "none" => |node| node.version().is_none(),
            _ if !self.index.nodes().any(|node| self.is_member_model(node)) => return Ok(self.none()),
            _ => {
                return Err(SelectError::Runtime(format!(
                    "invalid version type selector {value}: expected one of \"latest\", \"prerelease\", \
                     \"old\" or \"none\""
                )));
            }
        };
        Ok(self.keep(|node| node.resource_type() == ResourceType::Model && wanted(node)))
    }

    fn is_member_model(&self, node: Node<'_>) -> bool {
        node.resource_type() == ResourceType::Model && self.members.contains(node.ix.position())
    }

    fn result(&self, value: &Value) -> Result<NodeSet, SelectError> {
        let Some(results) = self.request.state.and_then(|state| state.results.as_ref()) else {
            return Err(SelectError::Internal(
                "the state has no run_results.json, which the method \"result:\" needs".to_owned(),
            ));
        };
        let ids =
            results.iter().filter(|result| value == result.status.as_str()).map(|result| result.unique_id.as_str());
        Ok(self.of_ids(ids))
    }

    fn source_status(&self, value: &Value) -> Result<NodeSet, SelectError> {
        let state = self.request.state;
        let Some(previous) = state.and_then(|state| state.sources.as_ref()) else {
            return Err(SelectError::Internal(
                "the state has no sources.json, which the method \"source_status:\" needs".to_owned(),
            ));
        };
        let Some(current) = state.and_then(|state| state.sources_current.as_ref()) else {
            return Err(SelectError::Internal(
                "there is no current sources.json; run `dbt source freshness` first".to_owned(),
            ));
        };
        if value != "fresher" {
            return Ok(self.none());
        }
        Ok(self.of_ids(state_artifacts::fresher(previous, current).into_iter()))
    }

    fn of_ids<'t>(&self, ids: impl Iterator<Item = &'t str>) -> NodeSet {
        let mut found = self.none();
        let ids: HashSet<&str> = ids.collect();
        for node in ids.into_iter().filter_map(|id| self.index.get(id)) {
            found.insert(node.ix.position());
        }
        found.intersect_with(self.members);
        found
    }
}

/// Whether the first version is later than the second, compared as numbers if both are numbers, else as text. As in
/// dbt, an absent or empty version and 0 are not later or earlier than any other.
fn later((version, than): (Option<&str>, Option<&str>)) -> bool {
    let (Some(version), Some(than)) = (version, than) else { return false };
    let plain = |json: &str| serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
    let (version, than) = (plain(version), plain(than));
    if [version.as_str(), than.as_str()].iter().any(|text| text.is_empty()) || version == "0" || than == "0" {
        return false;
    }
    match (number(&version), number(&than)) {
        (Some(version), Some(than)) => version > than,
        _ => version > than,
    }
}

/// The result of `float(text)` in Python.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_start_matches(['+', '-']);
    let named = ["inf", "infinity", "nan"].contains(&digits.to_lowercase().as_str());
    let plain =
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !text.contains("__") && !text.ends_with('_');
    if named || plain { text.replace('_', "").parse().ok() } else { None }
}
