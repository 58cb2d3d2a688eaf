//! The resource types of dbt.

/// A resource type of dbt, by the names of `--resource-type` and `resource_type:`
/// (<https://docs.getdbt.com/reference/node-selection/methods#resource_type>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum ResourceType {
    /// A model, including its versions.
    Model = 0,
    /// An analysis, which dbt compiles and never runs.
    Analysis = 1,
    /// A data test, generic or singular.
    Test = 2,
    /// A snapshot of a table over time.
    Snapshot = 3,
    /// An `on-run-start` or `on-run-end` hook.
    Operation = 4,
    /// A seed, loaded from a CSV file.
    Seed = 5,
    /// A statement from the command line (`dbt show --inline`).
    SqlOperation = 6,
    /// A source table.
    Source = 7,
    /// An exposure, such as a dashboard.
    Exposure = 8,
    /// A metric of the semantic layer.
    Metric = 9,
    /// A saved query of the semantic layer.
    SavedQuery = 10,
    /// A semantic model of the semantic layer.
    SemanticModel = 11,
    /// A unit test of a model.
    UnitTest = 12,
    /// A user-defined function.
    Function = 13,
    /// A macro, which is never a node.
    Macro = 14,
    /// A documentation block, which is never a node.
    Doc = 15,
    /// A group, which is never a node.
    Group = 16,
    /// A fixture of a unit test, which is never a node.
    Fixture = 17,
    /// An RPC call of old dbt versions, which is never a node.
    Rpc = 18,
    /// A type that this version does not know. Such nodes are found only by name, tags or path.
    Unknown = 19,
}

impl ResourceType {
    /// All types that dbt has a name for.
    pub const ALL: [Self; 19] = [
        Self::Model,
        Self::Analysis,
        Self::Test,
        Self::Snapshot,
        Self::Operation,
        Self::Seed,
        Self::SqlOperation,
        Self::Source,
        Self::Exposure,
        Self::Metric,
        Self::SavedQuery,
        Self::SemanticModel,
        Self::UnitTest,
        Self::Function,
        Self::Macro,
        Self::Doc,
        Self::Group,
        Self::Fixture,
        Self::Rpc,
    ];

    /// The name of the type, as in `resource_type` of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::Snapshot => "snapshot",
            Self::Operation => "operation",
            Self::Seed => "seed",
            Self::SqlOperation => "sql_operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::SavedQuery => "saved_query",
            Self::SemanticModel => "semantic_model",
            Self::UnitTest => "unit_test",
            Self::Function => "function",
            Self::Macro => "macro",
            Self::Doc => "doc",
            Self::Group => "group",
            Self::Fixture => "fixture",
            Self::Rpc => "rpc",
            Self::Unknown => "unknown",
        }
    }

    /// The type with that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether nodes of this type are under `nodes` in the manifest.
    pub fn is_parsed_node(self) -> bool {
        matches!(
            self,
            Self::Model
                | Self::Analysis
                | Self::Test
                | Self::Snapshot
                | Self::Operation
                | Self::Seed
                | Self::SqlOperation
                | Self::Unknown
        )
    }

    /// Whether selection may add nodes of this type because their parents are selected
    /// (<https://docs.getdbt.com/reference/node-selection/test-selection-examples#indirect-selection>).
    pub fn is_test(self) -> bool {
        matches!(self, Self::Test | Self::UnitTest)
    }

    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code).unwrap_or(Self::Unknown)
    }
}

impl std::fmt::Display for ResourceType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
