//! The dbt command of a step.

use std::path::Path;

use landfall_planner::{EventWindow, Step};
use tokio::process::Command;

use super::{Attempt, CannotRun, workspace::Workspace};
use crate::{
    dbt_arguments::{self, Folders},
    node_selection,
    remaining_steps::DocsScope,
};

impl<S> Attempt<'_, S> {
    /// Returns the command, and writes the files that it reads.
    pub(super) fn dbt_command(
        &self,
        (step, window): (&Step, Option<EventWindow>),
        docs: &DocsScope,
        number: usize,
        work: &Workspace,
        target: &Path,
    ) -> Result<Command, CannotRun> {
        let selected = work.path().join(format!("selected-{number}-{}", dbt_arguments::step_name(step)));
        let nodes = node_selection::of_step(self.plan, step, docs, &selected, self.config.state.as_deref());
        let nodes = nodes.map_err(|error| {
            CannotRun(format!(
                "cannot write the selected nodes to {}: {error}; check the volume that holds the working files",
                selected.display()
            ))
        })?;
        let logs = work.path().join("logs");
        let folders = Folders { project: &self.config.project_dir, target, logs: &logs };
        let arguments =
            dbt_arguments::arguments(step, window, &nodes, folders).map_err(|error| CannotRun(error.to_string()))?;
        let mut dbt = Command::new(&self.config.dbt);
        dbt.args(arguments).current_dir(&self.config.project_dir);
        // They would leave out planned nodes.
        dbt.env_remove("DBT_RESOURCE_TYPES").env_remove("DBT_EXCLUDE_RESOURCE_TYPES");
        Ok(dbt)
    }
}
