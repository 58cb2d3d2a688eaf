//! The methods of selection, by the names of dbt.

/// A method of selection (<https://docs.getdbt.com/reference/node-selection/methods>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Names and fully qualified names: `fqn:`, the default.
    Fqn,
    /// Tags of a node: `tag:`.
    Tag,
    /// The group of a node: `group:`.
    Group,
    /// The access of a model: `access:`.
    Access,
    /// Sources and their tables: `source:`.
    Source,
    /// Files and folders of the project: `path:`.
    Path,
    /// Names of files: `file:`.
    File,
    /// The package of a node: `package:`.
    Package,
    /// Values of the config: `config.<key>:`.
    Config,
    /// The name of a test: `test_name:`.
    TestName,
    /// The type of a test: `test_type:`.
    TestType,
    /// The resource type: `resource_type:`.
    ResourceType,
    /// Changes since an earlier manifest: `state:`.
    State,
    /// The name of an exposure: `exposure:`.
    Exposure,
    /// The name of a metric: `metric:`.
    Metric,
    /// The status in an earlier run: `result:`.
    Result,
    /// Changes of source freshness: `source_status:`.
    SourceStatus,
    /// Versions of models: `version:`.
    Version,
    /// The name of a semantic model: `semantic_model:`.
    SemanticModel,
    /// The name of a saved query: `saved_query:`.
    SavedQuery,
    /// The name of a unit test: `unit_test:`.
    UnitTest,
    /// Another selector, since dbt 1.12: `selector:`.
    Selector,
}

impl Method {
    /// All methods that dbt knows.
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

    /// The name of the method.
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

    /// The method with that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// The method of an expression that names none: `path` for a value with a slash, `file` for one that ends in
    /// .sql, .py or .csv, else `fqn`.
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

    /// The names of all methods, joined by commas.
    pub(crate) fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}
