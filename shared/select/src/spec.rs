//! A selection as written: criteria and how they are joined.

use std::fmt;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::error::SelectError;

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

/// A method of selection (<https://docs.getdbt.com/reference/node-selection/methods>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `fqn:`
    Fqn,
    /// `tag:`
    Tag,
    /// `group:`
    Group,
    /// `access:`
    Access,
    /// `source:`
    Source,
    /// `path:`
    Path,
    /// `file:`
    File,
    /// `package:`
    Package,
    /// `config.<key>:`
    Config,
    /// `test_name:`
    TestName,
    /// `test_type:`
    TestType,
    /// `resource_type:`
    ResourceType,
    /// `state:`
    State,
    /// `exposure:`
    Exposure,
    /// `metric:`
    Metric,
    /// `result:`
    Result,
    /// `source_status:`
    SourceStatus,
    /// `version:`
    Version,
    /// `semantic_model:`
    SemanticModel,
    /// `saved_query:`
    SavedQuery,
    /// `unit_test:`
    UnitTest,
    /// `selector:`, since dbt 1.12
    Selector,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 22] = [
        Self::Fqn,
        Self::Tag,
        Self::Group,
        Self::Access,
        Self::Source,
        Self::Path,
        Self::File,
        Self::Package,
        Self::Config,
        Self::TestName,
        Self::TestType,
        Self::ResourceType,
        Self::State,
        Self::Exposure,
        Self::Metric,
        Self::Result,
        Self::SourceStatus,
        Self::Version,
        Self::SemanticModel,
        Self::SavedQuery,
        Self::UnitTest,
        Self::Selector,
    ];

    /// dbt's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fqn => "fqn",
            Self::Tag => "tag",
            Self::Group => "group",
            Self::Access => "access",
            Self::Source => "source",
            Self::Path => "path",
            Self::File => "file",
            Self::Package => "package",
            Self::Config => "config",
            Self::TestName => "test_name",
            Self::TestType => "test_type",
            Self::ResourceType => "resource_type",
            Self::State => "state",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::Result => "result",
            Self::SourceStatus => "source_status",
            Self::Version => "version",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
            Self::UnitTest => "unit_test",
            Self::Selector => "selector",
        }
    }

    /// The method of that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// The method of a value that names none: a slash means `path`, an ending .sql, .py or .csv means `file`, all else `fqn`.
    pub fn default_for(value: &str) -> Self {
        let lower = value.to_lowercase();
        if value.contains('/') {
            Self::Path
        } else if [".sql", ".py", ".csv"].iter().any(|ending| lower.ends_with(ending)) {
            Self::File
        } else {
            Self::Fqn
        }
    }

    pub(crate) fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
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

    fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn write(&self, out: &mut impl fmt::Write, method: bool) -> fmt::Result {
        if self.childrens_parents {
            out.write_char('@')?;
        }
        match self.parents {
            Some(Reach::All) => out.write_char('+')?,
            Some(Reach::Layers(layers)) => write!(out, "{layers}+")?,
            None => {}
        }
        if method {
            out.write_str(self.method.as_str())?;
            for argument in &self.arguments {
                write!(out, ".{argument}")?;
            }
            out.write_char(':')?;
        }
        out.write_str(&self.text())?;
        match self.children {
            Some(Reach::All) => out.write_char('+')?,
            Some(Reach::Layers(layers)) => write!(out, "+{layers}")?,
            None => {}
        }
        Ok(())
    }
}

/// As an operator would write it on the command line: the method is left out where dbt would choose it anyway.
///
/// Parsing the text gives the same criteria again unless they came from selectors.yml and hold what the command line cannot express:
/// spaces, commas, a trailing `+`, or a value that is no string.
impl fmt::Display for Criteria {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut short = String::new();
        self.write(&mut short, false)?;
        let same = crate::parse::criteria(&short, Dialect::NEWEST)
            .is_ok_and(|parsed| Self { indirect: self.indirect, ..parsed } == *self);
        if same { formatter.write_str(&short) } else { self.write(formatter, true) }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, between) = match self {
            Self::Criteria(criteria) => return criteria.fmt(formatter),
            Self::Union(group) => (group, " "),
            Self::Intersection(group) => (group, ","),
            Self::Difference(group) => (group, " --exclude "),
        };
        for (number, part) in group.parts.iter().enumerate() {
            if number > 0 {
                formatter.write_str(between)?;
            }
            part.fmt(formatter)?;
        }
        Ok(())
    }
}
