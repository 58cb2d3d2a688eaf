//! A selection as written: criteria and how they are joined.

use serde_json::Value;

use crate::error::SelectError;
use crate::method::Method;

/// How tests that are not selected themselves follow the nodes that they test
/// (<https://docs.getdbt.com/reference/node-selection/test-selection-examples#indirect-selection>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndirectSelection {
    /// A test follows as soon as one of its parents is selected.
    #[default]
    Eager,
    /// A test follows when all of its parents are selected.
    Cautious,
    /// A test follows when all of its parents are selected or ancestors of what is selected.
    Buildable,
    /// No test follows.
    Empty,
}

impl IndirectSelection {
    /// The mode of that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "eager" => Self::Eager,
            "cautious" => Self::Cautious,
            "buildable" => Self::Buildable,
            "empty" => Self::Empty,
            _ => return None,
        })
    }

    /// dbt's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }
}

/// How far a `+` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the ends of the graph.
    All,
    /// That many layers; none for 0.
    Layers(u64),
}

/// One expression: what matches, and which of its relatives come along.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// The method.
    pub method: Method,
    /// What follows the method's name after dots: the path of `config.`.
    pub arguments: Vec<String>,
    /// What is looked for: a string on the command line, anything in selectors.yml.
    pub value: Value,
    /// `@`: also the descendants, and the ancestors of all of these.
    pub childrens_parents: bool,
    /// `n+` before the value: also the ancestors.
    pub parents: Option<Reach>,
    /// `+n` after the value: also the descendants.
    pub children: Option<Reach>,
    /// Indirect selection if the expression sets its own; else that of the command.
    pub indirect: Option<IndirectSelection>,
}

/// A list of selections that are joined in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What is joined.
    pub parts: Vec<Spec>,
    /// The mode by which tests left aside are looked at again once the parts are joined; none takes that of the command.
    pub indirect: Option<IndirectSelection>,
    /// The text to warn about if nothing matches.
    pub warn: Option<String>,
}

/// A selection as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// One expression.
    Criteria(Criteria),
    /// What any part selects: spaces, `union:`.
    Union(Group),
    /// What all parts select: commas, `intersection:`.
    Intersection(Group),
    /// What the first part selects and no other does: `--exclude`, `exclude:`.
    Difference(Group),
}

/// The most expressions that one selection may hold: selectors that inherit from each other can multiply.
pub(crate) const MAX_SIZE: usize = 100_000;

impl Spec {
    /// The deepest nesting.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Criteria(_) => 1,
            Self::Union(group) | Self::Intersection(group) | Self::Difference(group) => {
                1 + group.parts.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// How many expressions it holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Criteria(_) => 1,
            Self::Union(group) | Self::Intersection(group) | Self::Difference(group) => {
                group.parts.iter().map(Self::size).fold(1, usize::saturating_add)
            }
        }
    }

    /// Every expression in it, from the left.
    pub fn criteria(&self) -> Vec<&Criteria> {
        match self {
            Self::Criteria(criteria) => vec![criteria],
            Self::Union(group) | Self::Intersection(group) | Self::Difference(group) => {
                group.parts.iter().flat_map(Self::criteria).collect()
            }
        }
    }
}

impl Criteria {
    pub(crate) fn check(self, expression: &str) -> Result<Self, SelectError> {
        if self.children.is_some() && self.childrens_parents {
            return Err(SelectError::Runtime(format!(
                "invalid node spec {expression}: \"@\" before and \"+\" after a value are incompatible, since \"@\" takes all descendants already"
            )));
        }
        Ok(self)
    }
}
