//! A selection as written: expressions and how they are combined.

use serde_json::Value;

use crate::error::SelectError;
use crate::method::Method;

/// The rule by which tests are selected because the nodes that they test are
/// (<https://docs.getdbt.com/reference/node-selection/test-selection-examples#indirect-selection>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndirectSelection {
    /// A test is selected if one of its parents is.
    #[default]
    Eager,
    /// A test is selected if all of its parents are.
    Cautious,
    /// A test is selected if all of its parents are selected or are ancestors of selected nodes.
    Buildable,
    /// No test is selected because of its parents.
    Empty,
}

impl IndirectSelection {
    /// The mode with that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "eager" => Self::Eager,
            "cautious" => Self::Cautious,
            "buildable" => Self::Buildable,
            "empty" => Self::Empty,
            _ => return None,
        })
    }

    /// The name of the mode.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }
}

/// The distance that a `+` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All ancestors or descendants.
    All,
    /// At most that many layers. With 0, no other node is reached.
    Layers(u64),
}

/// One expression: the nodes that match, and which ancestors and descendants are selected with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// The method of the expression.
    pub method: Method,
    /// The names after the method, separated by dots: the keys of `config.`.
    pub arguments: Vec<String>,
    /// The value to match: a string on the command line, any JSON value in selectors.yml.
    pub value: Value,
    /// `@` before the value: also all descendants, and all ancestors of the value and its descendants.
    pub childrens_parents: bool,
    /// `n+` before the value: also ancestors.
    pub parents: Option<Reach>,
    /// `+n` after the value: also descendants.
    pub children: Option<Reach>,
    /// The indirect selection of the expression, if it differs from that of the command.
    pub indirect: Option<IndirectSelection>,
}

/// A list of selections that are combined in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Combination {
    /// The selections that are combined.
    pub parts: Vec<Spec>,
    /// The mode by which tests that were not selected are checked again after the parts are combined. None means the
    /// mode of the command.
    pub indirect: Option<IndirectSelection>,
    /// The text that the warning names if nothing matches.
    pub warn: Option<String>,
}

/// A selection as written: one expression or a combination.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// A single expression.
    Criteria(Criteria),
    /// The nodes that any part selects: spaces, `union:`.
    Union(Combination),
    /// The nodes that all parts select: commas, `intersection:`.
    Intersection(Combination),
    /// The nodes that the first part selects and no other part does: `--exclude`, `exclude:`.
    Difference(Combination),
}

/// The largest number of expressions in one selection. A few selectors that inherit from each other can multiply to
/// more than memory holds.
pub(crate) const MAX_SIZE: usize = 100_000;

impl Spec {
    /// The depth of the deepest expression.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Criteria(_) => 1,
            Self::Union(combination) | Self::Intersection(combination) | Self::Difference(combination) => {
                1 + combination.parts.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// The number of expressions and combinations.
    pub fn size(&self) -> usize {
        match self {
            Self::Criteria(_) => 1,
            Self::Union(combination) | Self::Intersection(combination) | Self::Difference(combination) => {
                combination.parts.iter().map(Self::size).fold(1, usize::saturating_add)
            }
        }
    }

    /// All expressions, from left to right.
    pub fn criteria(&self) -> Vec<&Criteria> {
        match self {
            Self::Criteria(criteria) => vec![criteria],
            Self::Union(combination) | Self::Intersection(combination) | Self::Difference(combination) => {
                combination.parts.iter().flat_map(Self::criteria).collect()
            }
        }
    }
}

impl Criteria {
    /// Refuses operators that exclude each other. `expression` is the text for the error message.
    pub(crate) fn check(self, expression: &str) -> Result<Self, SelectError> {
        if self.children.is_some() && self.childrens_parents {
            return Err(SelectError::Runtime(format!(
                "invalid node spec {expression}: \"@\" before a value already selects all descendants; \
                 remove the \"+\" after it"
            )));
        }
        Ok(self)
    }
}
