//! Evaluates a selection as written to a set of nodes.
//!
//! Each expression results in two sets: the nodes that it selects, and the deferred tests, of which not all parents
//! are selected. Where expressions are combined, both sets are, and cautious and buildable selection check the
//! deferred tests again.

use std::collections::HashMap;

use landfall_manifest::{NodeIx, ResourceType};

use crate::error::SelectError;
use crate::graph::{Direction, NodeSet, SelectableGraph};
use crate::method::Method;
use crate::methods::{Names, Search, text_of};
use crate::request::{Command, Request};
use crate::selectors_yml::Selectors;
use crate::spec::{Combination, Criteria, IndirectSelection, MAX_SIZE, Reach, Spec};

/// The deepest nesting of definitions. dbt fails at the recursion limit of Python.
const MAX_DEPTH: usize = 200;
/// The longest chain of selectors that refer to each other.
const MAX_CHAIN: usize = 50;

/// The nodes that an expression selects, and the tests that it defers.
pub(crate) struct Matched {
    pub(crate) direct: NodeSet,
    indirect: NodeSet,
}

pub(crate) struct Evaluation<'a> {
    graph: SelectableGraph<'a>,
    request: &'a Request<'a>,
    types: &'a [ResourceType],
    selectors: &'a Selectors,
    /// The nodes of each named selector. None while the selector is being evaluated.
    named: HashMap<String, Option<NodeSet>>,
    /// The nodes of the names in the selection, if it has many.
    names: Names<'a>,
    /// The nodes of each resource type. Selections with many names intersect each name with a type.
    of_type: HashMap<String, NodeSet>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        graph: SelectableGraph<'a>,
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

    /// Finds all names of a selection in one pass over the nodes. This makes [`Self::run`] faster and changes no
    /// result.
    pub(crate) fn find_names(&mut self, spec: &'a Spec) {
        let names = spec.criteria().into_iter().filter(|criteria| criteria.method == Method::Fqn);
        let graph = &self.graph;
        let members = graph.members.ones().filter_map(|position| graph.index.node(NodeIx(position as u32)));
        self.names = Names::find(names.filter_map(|criteria| criteria.value.as_str()), members);
    }

    /// Evaluates a whole selection and keeps the nodes that the command would list.
    ///
    /// # Errors
    ///
    /// If dbt would refuse the selection, or it is too deep or too large.
    pub(crate) fn run(&mut self, spec: &Spec) -> Result<NodeSet, SelectError> {
        if spec.depth() > MAX_DEPTH || spec.size() > MAX_SIZE {
            return Err(SelectError::Runtime(format!(
                "the selection nests deeper than {MAX_DEPTH} or has more than {MAX_SIZE} expressions; split it"
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

    /// The nodes of `selector:`, as the command would list them.
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
                            "selectors refer to each other in a chain of more than {MAX_CHAIN}"
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

    fn spec(&mut self, spec: &Spec) -> Result<Matched, SelectError> {
        let (combination, join): (&Combination, fn(&mut NodeSet, &NodeSet)) = match spec {
            Spec::Criteria(criteria) => return self.criteria(criteria),
            Spec::Union(combination) => (combination, NodeSet::union_with),
            Spec::Intersection(combination) => (combination, NodeSet::intersect_with),
            Spec::Difference(combination) => (combination, NodeSet::difference_with),
        };
        let mut joined: Option<Matched> = None;
        for part in &combination.parts {
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
        let mut joined = joined.unwrap_or_else(|| Matched { direct: self.graph.empty(), indirect: self.graph.empty() });
        let mode = match spec {
            Spec::Difference(_) => IndirectSelection::Eager,
            _ => combination.indirect.unwrap_or(self.request.indirect),
        };
        self.check_deferred_tests(&mut joined, mode);
        if let Some(text) = combination.warn.as_ref().filter(|_| joined.direct.is_clear()) {
            self.warnings.push(text.clone());
        }
        Ok(joined)
    }

    fn criteria(&mut self, criteria: &Criteria) -> Result<Matched, SelectError> {
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
        for (reach, direction) in [(criteria.parents, Direction::Parents), (criteria.children, Direction::Children)] {
            match reach {
                Some(Reach::All) => selected.union_with(&self.graph.reached(&matched, direction, None)),
                Some(Reach::Layers(layers)) => {
                    selected.union_with(&self.graph.reached(&matched, direction, Some(layers)));
                }
                None => {}
            }
        }
        if criteria.method == Method::Selector {
            // The selector includes its tests already. Adding more would select nodes that it excludes.
            return Ok(Matched { direct: selected, indirect: self.graph.empty() });
        }
        Ok(self.with_tests(&selected, criteria.indirect.unwrap_or(self.request.indirect)))
    }

    fn search(&self, criteria: &Criteria) -> Result<NodeSet, SelectError> {
        let Self { graph, request, names, .. } = self;
        Search { index: graph.index, members: &graph.members, request, names }.find(criteria)
    }

    /// Adds the tests that the mode selects because of their parents, and defers the others.
    fn with_tests(&self, selected: &NodeSet, mode: IndirectSelection) -> Matched {
        let graph = &self.graph;
        let mut found = Matched { direct: selected.clone(), indirect: graph.empty() };
        if mode == IndirectSelection::Empty {
            return found;
        }
        let ancestors =
            (mode == IndirectSelection::Buildable).then(|| graph.reached(selected, Direction::Parents, None));
        for position in selected.ones() {
            for test in graph.neighbours(position, Direction::Children).filter(|ix| graph.index.kind(*ix).is_test()) {
                let eager = mode == IndirectSelection::Eager;
                let buildable = || {
                    // Sources are not built, so they count as selected. As in dbt, this does not hold when sets are
                    // combined.
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

    /// Adds the deferred tests whose parents are selected after sets are combined. dbt does this for data tests only.
    fn check_deferred_tests(&self, found: &mut Matched, mode: IndirectSelection) {
        if !matches!(mode, IndirectSelection::Cautious | IndirectSelection::Buildable) {
            return;
        }
        let graph = &self.graph;
        let ancestors =
            (mode == IndirectSelection::Buildable).then(|| graph.reached(&found.direct, Direction::Parents, None));
        let added: Vec<usize> = found
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
        for position in added {
            found.direct.insert(position);
        }
    }
}
