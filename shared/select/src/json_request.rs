//! A request as a line of JSON: the form that `landfall select --batch` reads, and that of the conformance corpus.

use landfall_manifest::Index;
use serde::Deserialize;

use crate::dialect::Dialect;
use crate::error::SelectError;
use crate::request::{Command, Request};
use crate::select::{Selected, select};
use crate::spec::IndirectSelection;
use crate::state_artifacts::State;

/// A request as JSON. Every field but `id` may be null or absent. Unknown fields are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct JsonRequest {
    /// The name of the request, which its result repeats.
    pub id: String,
    /// The values of `--select`.
    pub select: Option<Vec<String>>,
    /// The values of `--exclude`.
    pub exclude: Option<Vec<String>>,
    /// The value of `--indirect-selection`.
    pub indirect: Option<String>,
    /// The values of `--resource-type`.
    pub resource_types: Option<Vec<String>>,
    /// The values of `--exclude-resource-type`.
    pub exclude_resource_types: Option<Vec<String>>,
    /// The command: `ls`, `run`, `test`, `seed`, `snapshot` or `build`.
    pub command: Option<String>,
    /// Whether the selection compares with the state.
    #[serde(default)]
    pub state: Option<bool>,
    /// The text of selectors.yml. If it is absent, the selectors of the manifest are used.
    pub selectors_yml: Option<String>,
    /// The value of `--selector`.
    pub selector: Option<String>,
}

impl JsonRequest {
    /// Selects the nodes that dbt would select. `state` is used only if the request asks for it.
    ///
    /// # Errors
    ///
    /// As [`select()`], and if the mode of indirect selection or the command is unknown.
    pub fn select(&self, index: &Index, state: Option<&State>, dialect: Dialect) -> Result<Selected, SelectError> {
        let mode = self.indirect.as_deref().unwrap_or("eager");
        let Some(indirect) = IndirectSelection::from_name(mode) else {
            return Err(SelectError::Usage(format!(
                "'{mode}' is not a mode of indirect selection; modes are eager, cautious, buildable and empty"
            )));
        };
        let name = self.command.as_deref().unwrap_or("ls");
        let Some(command) = Command::from_name(name) else {
            return Err(SelectError::Usage(format!(
                "'{name}' is not a command; commands are ls, run, test, seed, snapshot and build"
            )));
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
