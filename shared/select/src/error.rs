//! Why dbt refuses a selection, by the exceptions of dbt-core.

/// Why a selection is refused. Each variant corresponds to an exception of dbt-core; [`SelectError::class`] names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The expression is invalid, or it does not fit the project.
    #[error("{0}")]
    Runtime(String),
    /// The expression names a method that dbt does not have.
    #[error("'{method}' is not a valid method name in \"{expression}\"; methods are {}", crate::method::Method::list())]
    InvalidMethod {
        /// The text before the colon.
        method: String,
        /// The whole expression.
        expression: String,
    },
    /// An artifact with which the method compares is missing.
    #[error("{0}")]
    Internal(String),
    /// The content of selectors.yml is invalid.
    #[error("selectors.yml: {0}")]
    Selectors(String),
    /// A value is invalid in Python, such as an empty path pattern.
    #[error("{0}")]
    Value(String),
    /// A path pattern has no components.
    #[error("{0}")]
    Index(String),
    /// A path pattern is absolute.
    #[error("{0}")]
    NotImplemented(String),
    /// A value has a type that the method cannot compare.
    #[error("{0}")]
    Type(String),
    /// A value is no text, and the method needs to split it.
    #[error("{0}")]
    Attribute(String),
    /// The text of selectors.yml is no YAML.
    #[error("selectors.yml: {0}")]
    Validation(String),
    /// A versioned model has a breaking change of its enforced contract.
    #[error("{0}")]
    ContractBreakingChange(String),
    /// A node uses a macro that does not exist.
    #[error("{0}")]
    Compilation(String),
    /// A macro that a node needs is in neither manifest.
    #[error("{0}")]
    Key(String),
    /// A value is invalid for an option of the command line.
    #[error("{0}")]
    Usage(String),
    /// An artifact of the earlier state cannot be read.
    #[error("{0}")]
    Artifact(String),
}

impl SelectError {
    /// The name of the exception that dbt-core 1.11 raises.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Runtime(_) | Self::Artifact(_) => "DbtRuntimeError",
            Self::InvalidMethod { .. } => "InvalidSelectorError",
            Self::Internal(_) => "DbtInternalError",
            Self::Selectors(_) => "DbtSelectorsError",
            Self::Value(_) => "ValueError",
            Self::Index(_) => "IndexError",
            Self::NotImplemented(_) => "NotImplementedError",
            Self::Type(_) => "TypeError",
            Self::Attribute(_) => "AttributeError",
            Self::Validation(_) => "DbtValidationError",
            Self::ContractBreakingChange(_) => "ContractBreakingChangeError",
            Self::Compilation(_) => "CompilationError",
            Self::Key(_) => "KeyError",
            Self::Usage(_) => "DbtUsageException",
        }
    }

    /// Whether the exception is a `DbtRuntimeError` or a subclass. In selectors.yml, such errors become
    /// [`SelectError::Selectors`].
    pub(crate) fn is_runtime(&self) -> bool {
        matches!(self, Self::Runtime(_) | Self::InvalidMethod { .. } | Self::Compilation(_))
    }
}
