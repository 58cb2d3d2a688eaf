//! Evaluates `state:`, which compares two manifests
//! (<https://docs.getdbt.com/reference/node-selection/state-selection>).

use std::collections::{HashMap, HashSet};

use landfall_manifest::{Index, Node, ResourceType};

use crate::contract_changes::{self, ContractChange};
use crate::error::SelectError;
use crate::graph::NodeSet;
use crate::request::Request;

/// A value of `state:`: how a node is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    New,
    Old,
    Modified,
    Unmodified,
    Body,
    Configs,
    PersistedDescriptions,
    Relation,
    Macros,
    Contract,
}

const CHECKS: [(&str, Check); 10] = [
    ("new", Check::New),
    ("old", Check::Old),
    ("modified", Check::Modified),
    ("unmodified", Check::Unmodified),
    ("modified.body", Check::Body),
    ("modified.configs", Check::Configs),
    ("modified.persisted_descriptions", Check::PersistedDescriptions),
    ("modified.relation", Check::Relation),
    ("modified.macros", Check::Macros),
    ("modified.contract", Check::Contract),
];

/// The nodes among `members` for which the comparison with `previous` holds.
pub(crate) fn search(
    index: &Index,
    previous: &Index,
    members: &NodeSet,
    value: &str,
    request: &Request<'_>,
) -> Result<NodeSet, SelectError> {
    let Some(check) = CHECKS.iter().find(|(name, _)| *name == value).map(|(_, check)| *check) else {
        let known = CHECKS.map(|(name, _)| name).join(", ");
        return Err(SelectError::Runtime(format!("invalid state selector \"{value}\"; expected one of {known}")));
    };
    let comparison = Comparison {
        index,
        request,
        macros: match check {
            Check::Modified | Check::Unmodified | Check::Macros => MacroChanges::find(index, previous),
            _ => MacroChanges::default(),
        },
    };
    let mut found = NodeSet::with_capacity(index.len());
    for node in index.nodes().filter(|node| members.contains(node.ix.position())) {
        if comparison.passes(check, previous.get(node.unique_id()), node)? {
            found.insert(node.ix.position());
        }
    }
    if matches!(check, Check::Modified | Check::Unmodified | Check::Contract) {
        comparison.refuse_removed_contracts(previous)?;
    }
    Ok(found)
}

struct Comparison<'a> {
    index: &'a Index,
    request: &'a Request<'a>,
    macros: MacroChanges<'a>,
}

/// Whether the class of dbt for the node is a parsed node: nodes under `nodes`, and functions.
fn is_parsed(node: Node<'_>) -> bool {
    node.resource_type().is_parsed_node() || node.resource_type() == ResourceType::Function
}

impl Comparison<'_> {
    fn passes(&self, check: Check, old: Option<Node<'_>>, new: Node<'_>) -> Result<bool, SelectError> {
        let differs = |applies: bool, same: &dyn Fn(Node<'_>) -> bool| applies && !old.is_some_and(same);
        Ok(match check {
            Check::New => old.is_none(),
            Check::Old => old.is_some(),
            Check::Modified => self.modified(old, new)?,
            Check::Unmodified => !self.modified(old, new)?,
            Check::Body => differs(is_parsed(new), &|old| same_body(old, new)),
            Check::Configs => differs(new.resource_type() != ResourceType::UnitTest, &|old| same_config(old, new)),
            Check::PersistedDescriptions => differs(is_parsed(new), &|old| same_descriptions(old, new)),
            Check::Relation => {
                let applies = is_parsed(new) || new.resource_type() == ResourceType::Source;
                differs(applies, &|old| self.same_relation(old, new))
            }
            Check::Macros => self.macros.reach(new)?,
            Check::Contract => match old {
                _ if !is_parsed(new) => false,
                None => true,
                Some(old) => !self.same_contract(old, new)?,
            },
        })
    }

    fn modified(&self, old: Option<Node<'_>>, new: Node<'_>) -> Result<bool, SelectError> {
        Ok(self.contents_differ(old, new)? || self.macros.reach(new)?)
    }

    fn contents_differ(&self, old: Option<Node<'_>>, new: Node<'_>) -> Result<bool, SelectError> {
        use ResourceType as R;
        let Some(old) = old else {
            // dbt considers a new source, exposure, metric, semantic model or saved query unmodified.
            return Ok(is_parsed(new) || new.resource_type() == R::UnitTest);
        };
        let same_contents = || old.state_digests().contents == new.state_digests().contents;
        Ok(match new.resource_type() {
            R::UnitTest => !same_contents(),
            R::Source => {
                !(self.same_relation(old, new) && same_fqn(old, new) && same_config(old, new) && same_contents())
            }
            R::Exposure => !(same_fqn(old, new) && same_config(old, new) && same_contents()),
            R::Metric | R::SemanticModel | R::SavedQuery => !(same_config(old, new) && same_contents()),
            R::Test if new.is_generic_test() => !(same_config(old, new) && same_fqn(old, new)),
            _ => {
                // This comes first because it may refuse the whole selection.
                let same_contract = self.same_contract(old, new)?;
                !(same_contract
                    && same_body(old, new)
                    && same_config(old, new)
                    && same_descriptions(old, new)
                    && same_fqn(old, new)
                    && self.same_relation(old, new)
                    && same_contents())
            }
        })
    }

    fn same_relation(&self, old: Node<'_>, new: Node<'_>) -> bool {
        let (old, new, kind) = (old.state_digests(), new.state_digests(), new.resource_type());
        if kind == ResourceType::Source && self.request.dialect.compare_unrendered_sources {
            old.unrendered_relation == new.unrendered_relation
        } else {
            old.relation == new.relation
        }
    }

    fn same_contract(&self, old: Node<'_>, new: Node<'_>) -> Result<bool, SelectError> {
        if new.resource_type() != ResourceType::Model {
            return Ok(true);
        }
        match contract_changes::compare(old, new, self.index.metadata().adapter_type.as_deref().unwrap_or_default()) {
            ContractChange::None => Ok(true),
            ContractChange::Compatible => Ok(false),
            ContractChange::Breaking(_) if new.version().is_none() => Ok(false),
            ContractChange::Breaking(changes) => Err(breaking(new.unique_id(), &changes)),
        }
    }

    /// Refuses the selection if a versioned model with an enforced contract was removed before its deprecation date.
    fn refuse_removed_contracts(&self, previous: &Index) -> Result<(), SelectError> {
        let disabled: HashMap<&str, _> =
            self.index.disabled().iter().map(|node| (node.unique_id.as_str(), node)).collect();
        let models = previous.nodes().filter(|node| node.resource_type().is_parsed_node());
        for old in models {
            let (contracted, versioned, date, change) = match disabled.get(old.unique_id()) {
                Some(node) if node.model => {
                    let change = if node.enabled { "deleted or renamed" } else { "disabled" };
                    (node.contract_enforced, node.versioned, node.deprecation_date.as_deref(), change)
                }
                Some(_) => continue,
                None if self.index.get(old.unique_id()).is_some_and(|node| node.resource_type().is_parsed_node()) => {
                    continue;
                }
                None => (
                    old.resource_type() == ResourceType::Model && old.contract_enforced(),
                    old.version().is_some(),
                    old.deprecation_date(),
                    if old.enabled() { "deleted or renamed" } else { "disabled" },
                ),
            };
            if contracted && versioned && !self.is_past(date) {
                return Err(breaking(old.unique_id(), &[format!("it was {change}")]));
            }
        }
        Ok(())
    }

    fn is_past(&self, date: Option<&str>) -> bool {
        let date = date.and_then(|date| {
            date.parse::<jiff::Timestamp>().ok().or_else(|| {
                let date = date.parse::<jiff::civil::DateTime>().ok()?;
                jiff::tz::TimeZone::UTC.to_timestamp(date).ok()
            })
        });
        date.zip(self.request.now).is_some_and(|(date, now)| date.as_second() < now)
    }
}

fn breaking(unique_id: &str, changes: &[String]) -> SelectError {
    SelectError::ContractBreakingChange(format!(
        "the enforced contract of {unique_id} has breaking changes: {}; create a new version of the model instead",
        changes.join(", ")
    ))
}

fn same_body(old: Node<'_>, new: Node<'_>) -> bool {
    old.state_digests().body == new.state_digests().body
}

fn same_config(old: Node<'_>, new: Node<'_>) -> bool {
    old.state_digests().config == new.state_digests().config
}

fn same_fqn(old: Node<'_>, new: Node<'_>) -> bool {
    old.fqn().eq(new.fqn())
}

/// Whether the descriptions are equal. They are compared only if dbt writes them to the warehouse.
fn same_descriptions(old: Node<'_>, new: Node<'_>) -> bool {
    let (before, now) = (old.state_digests(), new.state_digests());
    (!new.persists_description() || before.description == now.description)
        && (!new.persists_columns() || before.column_descriptions == now.column_descriptions)
}

/// The macros whose code differs or that are in only one of the manifests.
#[derive(Default)]
struct MacroChanges<'a> {
    modified: HashSet<&'a str>,
    uses: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> MacroChanges<'a> {
    fn find(index: &'a Index, previous: &'a Index) -> Self {
        let mut old: HashMap<&str, u64> = previous.macros().map(|found| (found.unique_id, found.code)).collect();
        let mut changes = Self::default();
        for found in index.macros() {
            if old.remove(found.unique_id) != Some(found.code) {
                changes.modified.insert(found.unique_id);
            }
            changes.uses.insert(found.unique_id, found.macros);
        }
        changes.modified.extend(old.into_keys());
        changes
    }

    /// Whether the node uses a modified macro, directly or through others.
    fn reach(&self, node: Node<'_>) -> Result<bool, SelectError> {
        if self.modified.is_empty() {
            return Ok(false);
        }
        // Depth first, in the order of the list: as in dbt, a missing macro is an error only if no modified macro
        // precedes it.
        let mut visited = HashSet::new();
        let mut stack: Vec<&str> = node.macros().collect();
        stack.reverse();
        while let Some(id) = stack.pop() {
            if !visited.insert(id) {
                continue;
            }
            if id.is_empty() {
                return Err(SelectError::Compilation(format!(
                    "node {} depends on a macro or test that does not exist; check for typos and run `dbt deps`",
                    node.unique_id()
                )));
            }
            if self.modified.contains(id) {
                return Ok(true);
            }
            match self.uses.get(id) {
                Some(more) => stack.extend(more.iter().rev()),
                None => {
                    return Err(SelectError::Key(format!(
                        "node {} depends on macro {id}, which is in neither manifest; run `dbt parse` again",
                        node.unique_id()
                    )));
                }
            }
        }
        Ok(false)
    }
}
