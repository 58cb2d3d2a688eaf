//! The methods of selection, by dbt's names.

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
