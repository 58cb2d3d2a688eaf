//! From a selection as written to a set of nodes.
//!
//! Each expression gives two sets: what it selects, and the tests that it sets aside because not all of their parents are in it. Where
//! expressions are joined, both sets are, and cautious and buildable selection look at the tests set aside once more.

use std::collections::HashMap;

use landfall_manifest::{NodeIx, ResourceType};

use crate::error::SelectError;
use crate::graph::{Graph, NodeSet, Way};
use crate::method::Method;
use crate::methods::{Names, Search, text_of};
use crate::request::{Command, Request};
use crate::selectors_yml::Selectors;
use crate::spec::{Criteria, Group, IndirectSelection, MAX_SIZE, Reach, Spec};

/// Definitions nest this deep at most; dbt itself ends at Python's recursion limit.
const MAX_DEPTH: usize = 200;
/// Selectors refer to each other over that many steps at most.
const MAX_CHAIN: usize = 50;

/// What an expression selects, and the tests that it sets aside.
pub(crate) struct Found {
    pub(crate) direct: NodeSet,
    indirect: NodeSet,
}

pub(crate) struct Evaluation<'a> {
    graph: Graph<'a>,
    request: &'a Request<'a>,
    types: &'a [ResourceType],
    selectors: &'a Selectors,
    /// What `selector:` found, by name; none while it is being looked for.
    named: HashMap<String, Option<NodeSet>>,
    /// What many names of one selection found, in one pass.
    names: Names<'a>,
    /// What `resource_type:` found, which is asked for beside each of many names.
    of_type: HashMap<String, NodeSet>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        graph: Graph<'a>,
        request: &'a Request<'a>,
        types: &'a [ResourceType],
        selectors: &'a Selectors,
    ) -> Self {
        Self {
            graph,
            request,
            types,
            selectors,
            named: HashMap::new(),
            names: Names::default(),
            of_type: HashMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Looks for all names of a selection in one pass. Changes how long [`Self::run`] takes, and nothing else.
    pub(crate) fn look_ahead(&mut self, spec: &'a Spec) {
        let names = spec.criteria().into_iter().filter(|criteria| criteria.method == Method::Fqn);
        let graph = &self.graph;
        let members = graph.members.ones().filter_map(|position| graph.index.node(NodeIx(position as u32)));
        self.names = Names::find(names.filter_map(|criteria| criteria.value.as_str()), members);
    }

    /// Evaluates a whole selection and keeps what the command would list.
    pub(crate) fn run(&mut self, spec: &Spec) -> Result<NodeSet, SelectError> {
        if spec.depth() > MAX_DEPTH || spec.size() > MAX_SIZE {
            return Err(SelectError::Runtime(format!(
                "the selection nests deeper than {MAX_DEPTH} or holds more than {MAX_SIZE} expressions"
            )));
        }
        let mut found = self.spec(spec)?.direct;
        let index = self.graph.index;
        let unlisted: Vec<usize> = found
            .ones()
            .filter(|position| {
                index.node(NodeIx(*position as u32)).is_none_or(|node| {
                    !self.types.contains(&node.resource_type())
                        || (self.request.command != Command::Ls && node.has_blank_code())
                })
            })
            .collect();
        for position in unlisted {
            found.set(position, false);
        }
        Ok(found)
    }

    /// `selector:`: what selectors.yml calls so, as the command would list it.
    fn selector(&mut self, criteria: &Criteria) -> Result<NodeSet, SelectError> {
        let pattern = text_of(criteria)?;
        let mut all = self.graph.empty();
        let found = self.selectors.matching(pattern);
        if found.is_empty() {
            return Err(SelectError::Selectors(format!("selector \"{pattern}\" did not match any selector")));
        }
        for (name, spec) in found {
            match self.named.get(name) {
                Some(Some(nodes)) => all.union_with(nodes),
                Some(None) => return Err(SelectError::Runtime(format!("selector {name} refers to itself"))),
                None => {
                    if self.named.values().filter(|found| found.is_none()).count() >= MAX_CHAIN {
                        return Err(SelectError::Runtime(format!(
                            "selectors refer to each other over more than {MAX_CHAIN} steps"
                        )));
                    }
                    self.named.insert(name.to_owned(), None);
                    let nodes = self.run(spec.as_ref().map_err(Clone::clone)?)?;
                    all.union_with(&nodes);
                    self.named.insert(name.to_owned(), Some(nodes));
                }
            }
        }
        Ok(all)
    }

    fn spec(&mut self, spec: &Spec) -> Result<Found, SelectError> {
        let (group, join): (&Group, fn(&mut NodeSet, &NodeSet)) = match spec {
            Spec::Criteria(criteria) => return self.criteria(criteria),
            Spec::Union(group) => (group, NodeSet::union_with),
            Spec::Intersection(group) => (group, NodeSet::intersect_with),
            Spec::Difference(group) => (group, NodeSet::difference_with),
        };
        let mut joined: Option<Found> = None;
        for part in &group.parts {
            let mut found = self.spec(part)?;
            found.indirect.union_with(&found.direct);
            match &mut joined {
                None => joined = Some(found),
                Some(joined) => {
                    join(&mut joined.direct, &found.direct);
                    join(&mut joined.indirect, &found.indirect);
                }
            }
        }
        let mut joined = joined.unwrap_or_else(|| Found { direct: self.graph.empty(), indirect: self.graph.empty() });
        let mode = match spec {
            Spec::Difference(_) => IndirectSelection::Eager,
            _ => group.indirect.unwrap_or(self.request.indirect),
        };
        self.look_again(&mut joined, mode);
        if let Some(text) = group.warn.as_ref().filter(|_| joined.direct.is_clear()) {
            self.warnings.push(text.clone());
        }
        Ok(joined)
    }

    fn criteria(&mut self, criteria: &Criteria) -> Result<Found, SelectError> {
        let matched = match (criteria.method, criteria.value.as_str()) {
            (Method::Selector, _) => self.selector(criteria)?,
            (Method::ResourceType, Some(kind)) => {
                if let Some(known) = self.of_type.get(kind) {
                    known.clone()
                } else {
                    let found = self.search(criteria)?;
                    self.of_type.insert(kind.to_owned(), found.clone());
                    found
                }
            }
            _ => self.search(criteria)?,
        };
        let mut selected = matched.clone();
        if criteria.childrens_parents {
            selected.union_with(&self.graph.childrens_parents(&matched));
        }
        for (reach, way) in [(criteria.parents, Way::Parents), (criteria.children, Way::Children)] {
            match reach {
                Some(Reach::All) => selected.union_with(&self.graph.reached(&matched, way, None)),
                Some(Reach::Layers(layers)) => selected.union_with(&self.graph.reached(&matched, way, Some(layers))),
                None => {}
            }
        }
        if criteria.method == Method::Selector {
            // Its own tests are in it already; more would bring back what it excludes.
            return Ok(Found { direct: selected, indirect: self.graph.empty() });
        }
        Ok(self.with_tests(&selected, criteria.indirect.unwrap_or(self.request.indirect)))
    }

    fn search(&self, criteria: &Criteria) -> Result<NodeSet, SelectError> {
        let Self { graph, request, names, .. } = self;
        Search { index: graph.index, members: &graph.members, request, names }.find(criteria)
    }

    /// Adds the tests that follow, and sets aside those that may follow later.
    fn with_tests(&self, selected: &NodeSet, mode: IndirectSelection) -> Found {
        let graph = &self.graph;
        let mut found = Found { direct: selected.clone(), indirect: graph.empty() };
        if mode == IndirectSelection::Empty {
            return found;
        }
        let ancestors = (mode == IndirectSelection::Buildable).then(|| graph.reached(selected, Way::Parents, None));
        for position in selected.ones() {
            for test in graph.neighbours(position, Way::Children).filter(|ix| graph.index.kind(*ix).is_test()) {
                let eager = mode == IndirectSelection::Eager;
                let buildable = || {
                    // Sources need no building, so they count as there: here, but not when sets are joined.
                    ancestors.as_ref().is_some_and(|ancestors| {
                        graph.all_parents(test, |ix| {
                            selected.contains(ix.position())
                                || ancestors.contains(ix.position())
                                || graph.index.kind(ix) == ResourceType::Source
                        })
                    })
                };
                if eager || graph.all_parents(test, |ix| selected.contains(ix.position())) || buildable() {
                    found.direct.insert(test.position());
                } else {
                    found.indirect.insert(test.position());
                }
            }
        }
        found
    }

    /// Looks again at the tests set aside, now that sets are joined. dbt does so for data tests only.
    fn look_again(&self, found: &mut Found, mode: IndirectSelection) {
        if !matches!(mode, IndirectSelection::Cautious | IndirectSelection::Buildable) {
            return;
        }
        let graph = &self.graph;
        let ancestors =
            (mode == IndirectSelection::Buildable).then(|| graph.reached(&found.direct, Way::Parents, None));
        let follows: Vec<usize> = found
            .indirect
            .difference(&found.direct)
            .filter(|position| {
                let ix = NodeIx(*position as u32);
                graph.index.kind(ix).is_parsed_node()
                    && graph.all_parents(ix, |parent| {
                        let parent = parent.position();
                        found.direct.contains(parent) || ancestors.as_ref().is_some_and(|set| set.contains(parent))
                    })
            })
            .collect();
        for position in follows {
            found.direct.insert(position);
        }
    }
}
