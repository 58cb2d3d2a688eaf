//! The kinds of things that a manifest names.

/// dbt's resource types, by the names of `--resource-type` and `resource_type:`
/// (<https://docs.getdbt.com/reference/node-selection/methods#resource_type>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum ResourceType {
    /// A model.
    Model = 0,
    /// An analysis.
    Analysis = 1,
    /// A data test, generic or singular.
    Test = 2,
    /// A snapshot.
    Snapshot = 3,
    /// An `on-run-start` or `on-run-end` hook.
    Operation = 4,
    /// A seed.
    Seed = 5,
    /// A statement given on the command line.
    SqlOperation = 6,
    /// A source table.
    Source = 7,
    /// An exposure.
    Exposure = 8,
    /// A metric.
    Metric = 9,
    /// A saved query.
    SavedQuery = 10,
    /// A semantic model.
    SemanticModel = 11,
    /// A unit test.
    UnitTest = 12,
    /// A user-defined function.
    Function = 13,
    /// A macro: known by name, never a node.
    Macro = 14,
    /// A documentation block: known by name, never a node.
    Doc = 15,
    /// A group: known by name, never a node.
    Group = 16,
    /// A unit test's fixture: known by name, never a node.
    Fixture = 17,
    /// An RPC call of old dbt versions: known by name, never a node.
    Rpc = 18,
    /// A type that this version does not know; it is kept and only found by its name, tags or path.
    Unknown = 19,
}

impl ResourceType {
    /// Every type that dbt has a name for.
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

    /// dbt's name for it, as in `resource_type` of the manifest.
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

    /// The type of that name, exactly as dbt spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is built or run as a node of the manifest's `nodes`.
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

    /// Whether selection may add it because its parents were selected
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
