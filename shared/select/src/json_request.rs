//! One selection to make, as a line of JSON: the form that `landfall select --batch` reads and the conformance corpus is kept in.

use landfall_manifest::Index;
use serde::Deserialize;

use crate::dialect::Dialect;
use crate::error::SelectError;
use crate::request::{Command, Request};
use crate::select::{Selected, select};
use crate::spec::IndirectSelection;
use crate::state_artifacts::State;

/// A selection as JSON. Every field but `id` may be null or absent; unknown fields are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct JsonRequest {
    /// Names the case in the answer.
    pub id: String,
    /// The values of `--select`.
    pub select: Option<Vec<String>>,
    /// The values of `--exclude`.
    pub exclude: Option<Vec<String>>,
    /// `--indirect-selection`.
    pub indirect: Option<String>,
    /// The values of `--resource-type`.
    pub resource_types: Option<Vec<String>>,
    /// The values of `--exclude-resource-type`.
    pub exclude_resource_types: Option<Vec<String>>,
    /// `ls`, `run`, `test`, `seed`, `snapshot` or `build`.
    pub command: Option<String>,
    /// Whether the state is to be given to dbt.
    #[serde(default)]
    pub state: Option<bool>,
    /// The text of selectors.yml; else the manifest's selectors count.
    pub selectors_yml: Option<String>,
    /// The value of `--selector`.
    pub selector: Option<String>,
}

impl JsonRequest {
    /// Selects what dbt would select; `state` counts only if the case asks for it.
    pub fn select(&self, index: &Index, state: Option<&State>, dialect: Dialect) -> Result<Selected, SelectError> {
        let mode = self.indirect.as_deref().unwrap_or("eager");
        let Some(indirect) = IndirectSelection::from_name(mode) else {
            return Err(SelectError::Usage(format!("'{mode}' is not one of eager, cautious, buildable, empty")));
        };
        let name = self.command.as_deref().unwrap_or("ls");
        let Some(command) = Command::from_name(name) else {
            return Err(SelectError::Usage(format!("'{name}' is not one of ls, run, test, seed, snapshot, build")));
        };
        let given = |values: &Option<Vec<String>>| values.clone().unwrap_or_default();
        let request = Request {
            select: given(&self.select),
            exclude: given(&self.exclude),
            indirect,
            resource_types: given(&self.resource_types),
            exclude_resource_types: given(&self.exclude_resource_types),
            command,
            selector: self.selector.clone(),
            selectors_yml: self.selectors_yml.as_deref(),
            state: state.filter(|_| self.state == Some(true)),
            dialect,
            ..Request::default()
        };
        select(index, &request)
    }
}
