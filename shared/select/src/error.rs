//! What dbt refuses, by dbt's own kinds.

/// Why a selection cannot be made. Each variant is one of the exceptions by which dbt-core refuses; [`SelectError::class`] names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The expression, or what it asks of the project, is wrong.
    #[error("{0}")]
    Runtime(String),
    /// The method of an expression is not one of dbt's.
    #[error("'{method}' is not a valid method name in \"{expression}\"; methods are {}", crate::method::Method::list())]
    InvalidMethod {
        /// What stands before the colon.
        method: String,
        /// The expression.
        expression: String,
    },
    /// An artifact that the method compares with is missing.
    #[error("{0}")]
    Internal(String),
    /// selectors.yml cannot be read or a definition in it is wrong.
    #[error("selectors.yml: {0}")]
    Selectors(String),
    /// A value that Python itself refuses.
    #[error("{0}")]
    Value(String),
    /// A path pattern that names nothing.
    #[error("{0}")]
    Index(String),
    /// A path pattern that is not relative to the project.
    #[error("{0}")]
    NotImplemented(String),
    /// A value of a type that the method cannot compare.
    #[error("{0}")]
    Type(String),
    /// A value that the method cannot take apart, because it is no text.
    #[error("{0}")]
    Attribute(String),
    /// selectors.yml is no YAML.
    #[error("selectors.yml: {0}")]
    Validation(String),
    /// A versioned model with an enforced contract lost it.
    #[error("{0}")]
    ContractBreakingChange(String),
    /// A node uses a macro that does not exist.
    #[error("{0}")]
    Compilation(String),
    /// A macro that another needs is in neither manifest.
    #[error("{0}")]
    Key(String),
    /// A value that the command line itself refuses.
    #[error("{0}")]
    Usage(String),
    /// An artifact of the previous state cannot be read.
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

    /// Whether dbt raises it as a `DbtRuntimeError` or a kind of it: such errors in selectors.yml become [`SelectError::Selectors`].
    pub(crate) fn is_runtime(&self) -> bool {
        matches!(self, Self::Runtime(_) | Self::InvalidMethod { .. } | Self::Compilation(_))
    }
}
