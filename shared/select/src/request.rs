//! A request for a selection: the options of the command line.

use landfall_manifest::ResourceType;

use crate::dialect::Dialect;
use crate::error::SelectError;
use crate::spec::IndirectSelection;
use crate::state_artifacts::State;

/// The dbt command that would run the selection. It determines the resource types if the request names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Command {
    /// `dbt ls`: all but analyses and hooks, including nodes with blank code.
    #[default]
    Ls,
    /// `dbt run`: models only.
    Run,
    /// `dbt test`: data tests and unit tests.
    Test,
    /// `dbt seed`: seeds only.
    Seed,
    /// `dbt snapshot`: snapshots only.
    Snapshot,
    /// `dbt build`: models, snapshots, seeds, tests, saved queries, exposures and functions.
    Build,
}

impl Command {
    /// The command with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ls" | "list" => Self::Ls,
            "run" => Self::Run,
            "test" => Self::Test,
            "seed" => Self::Seed,
            "snapshot" => Self::Snapshot,
            "build" => Self::Build,
            _ => return None,
        })
    }

    /// The types that `--resource-type default` means.
    fn default_types(self) -> &'static [ResourceType] {
        use ResourceType as R;
        match self {
            Self::Ls => &[
                R::Model,
                R::Snapshot,
                R::Seed,
                R::Test,
                R::Source,
                R::Exposure,
                R::Metric,
                R::SavedQuery,
                R::SemanticModel,
                R::UnitTest,
                R::Function,
            ],
            Self::Run => &[R::Model],
            Self::Test => &[R::Test, R::UnitTest],
            Self::Seed => &[R::Seed],
            Self::Snapshot => &[R::Snapshot],
            Self::Build => {
                &[R::Model, R::Snapshot, R::Seed, R::Test, R::UnitTest, R::SavedQuery, R::Exposure, R::Function]
            }
        }
    }
}

/// A request for a selection. [`Request::default`] selects the nodes that `dbt ls` lists without arguments.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The values of `--select`. Each may have several expressions. Empty if the option is absent.
    pub select: Vec<String>,
    /// The values of `--exclude`.
    pub exclude: Vec<String>,
    /// The value of `--indirect-selection`.
    pub indirect: IndirectSelection,
    /// The values of `--resource-type`, including `all` and `default`. Empty for the types of the command. Landfall
    /// accepts them with any command; the command line of dbt has the option only for `ls`, `test` and `build`.
    pub resource_types: Vec<String>,
    /// The values of `--exclude-resource-type`.
    pub exclude_resource_types: Vec<String>,
    /// The command that would run the selection.
    pub command: Command,
    /// The value of `--selector`.
    pub selector: Option<String>,
    /// The text of selectors.yml. None for the selectors of the manifest.
    pub selectors_yml: Option<&'a str>,
    /// The artifacts of `--state` and of the target folder, for `state:`, `result:` and `source_status:`.
    pub state: Option<&'a State>,
    /// The rules to follow where versions of dbt differ.
    pub dialect: Dialect,
    /// The current time in seconds since 1970. A model whose deprecation date is earlier may lose its contract. None
    /// if no deprecation date counts as past.
    pub now: Option<i64>,
}

impl<'a> Request<'a> {
    /// A request with one value of `--select`, which may have several expressions.
    pub fn select(expression: impl Into<String>) -> Self {
        Self { select: vec![expression.into()], ..Self::default() }
    }

    /// Adds a value of `--exclude`.
    #[must_use]
    pub fn exclude(mut self, expression: impl Into<String>) -> Self {
        self.exclude.push(expression.into());
        self
    }

    /// Sets the command that would run the selection.
    #[must_use]
    pub fn command(mut self, command: Command) -> Self {
        self.command = command;
        self
    }

    /// Sets the value of `--indirect-selection`.
    #[must_use]
    pub fn indirect(mut self, indirect: IndirectSelection) -> Self {
        self.indirect = indirect;
        self
    }

    /// Adds a value of `--resource-type`.
    #[must_use]
    pub fn resource_type(mut self, name: impl Into<String>) -> Self {
        self.resource_types.push(name.into());
        self
    }

    /// Sets the state with which the selection compares.
    #[must_use]
    pub fn state(mut self, state: &'a State) -> Self {
        self.state = Some(state);
        self
    }

    /// The resource types that may be selected.
    pub(crate) fn types(&self) -> Result<Vec<ResourceType>, SelectError> {
        let defaults = self.command.default_types();
        let mut types = Vec::new();
        if self.resource_types.is_empty() {
            types.extend_from_slice(defaults);
        }
        for name in &self.resource_types {
            match name.as_str() {
                "default" => types.extend_from_slice(defaults),
                "all" => {
                    types.extend_from_slice(defaults);
                    if self.command == Command::Ls {
                        types.push(ResourceType::Analysis);
                    }
                }
                name => types.push(resource_type(name)?),
            }
        }
        for name in &self.exclude_resource_types {
            let excluded = resource_type(name)?;
            types.retain(|kind| *kind != excluded);
        }
        Ok(types)
    }
}

fn resource_type(name: &str) -> Result<ResourceType, SelectError> {
    ResourceType::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = ResourceType::ALL.into_iter().map(ResourceType::as_str).collect();
        SelectError::Usage(format!("'{name}' is not a resource type; types are {}", known.join(", ")))
    })
}
