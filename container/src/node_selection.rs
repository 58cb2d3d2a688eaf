//! How dbt is given the nodes of a step.
//!
//! - dbt 1.x gets ids: a generated `run_results.json` in which each node has the status `error`, and
//!   `--select result:error --state FOLDER`. Its cost is proportional to the number of nodes. A name on the command line
//!   is compared with every node instead (1,000 names of a project of 4,000 cost 13 s, 4,000 names 52 s), and Linux
//!   refuses a command line of more than 2 MiB. Ids are exact for names that dbt's syntax cannot express.
//!   <https://docs.getdbt.com/reference/node-selection/methods#result>
//! - dbt v2 selects nothing by results. It gets names.

use std::{
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use landfall_planner::{NodeId, Plan, Selection, Step};
use serde::Serialize;

use crate::remaining_steps::DocsScope;

/// The oldest version of the file's format. dbt 1.5 writes it, and all of 1.x reads it.
/// <https://schemas.getdbt.com/dbt/run-results/v4.json>
const RESULTS_SCHEMA: &str = "https://schemas.getdbt.com/dbt/run-results/v4.json";

/// The nodes that dbt selects for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeSelection {
    /// No selection: a run operation, or the whole project.
    Everything,
    /// Names and other expressions of dbt's syntax.
    Expressions {
        /// The `--select` arguments, one per element.
        select: Vec<String>,
        /// The `--exclude` arguments, one per element.
        exclude: Vec<String>,
    },
    /// The nodes of the `run_results.json` in this folder.
    Results(PathBuf),
}

/// Returns how dbt selects the step's nodes. For ids it writes `run_results.json` into `folder`, beside the manifest of
/// `state`, the folder of `DBT_STATE`. dbt reads one state only, and a project may defer to that manifest.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn of_step(
    plan: &Plan,
    step: &Step,
    docs: &DocsScope,
    folder: &Path,
    state: Option<&Path>,
) -> io::Result<NodeSelection> {
    let (nodes, select, exclude): (&[NodeId], &[String], &[String]) = match step {
        Step::Build(Selection { nodes, select, exclude, .. })
        | Step::Test(Selection { nodes, select, exclude, .. }) => (nodes, select, exclude),
        Step::Freshness { sources, select } => (sources, select, &[]),
        Step::Docs => match docs {
            DocsScope::Built { nodes, select } => (nodes, select, &[]),
            DocsScope::Nothing | DocsScope::Everything => return Ok(NodeSelection::Everything),
        },
        Step::RunOperation { .. } => return Ok(NodeSelection::Everything),
    };
    if !plan.selects_by_id() {
        return Ok(NodeSelection::Expressions { select: select.to_vec(), exclude: exclude.to_vec() });
    }
    let folder = std::path::absolute(folder)?;
    write_results(&folder, nodes)?;
    if let Some(manifest) = state.map(|state| state.join("manifest.json")).filter(|manifest| manifest.is_file()) {
        std::os::unix::fs::symlink(std::path::absolute(manifest)?, folder.join("manifest.json"))?;
    }
    Ok(NodeSelection::Results(folder))
}

#[derive(Serialize)]
struct ResultsFile<'a> {
    metadata: Metadata,
    results: Vec<Row<'a>>,
    elapsed_time: f64,
    args: Empty,
}

#[derive(Serialize)]
struct Metadata {
    dbt_schema_version: &'static str,
}

#[derive(Serialize)]
struct Row<'a> {
    unique_id: &'a NodeId,
    status: &'static str,
    timing: [Empty; 0],
    thread_id: &'static str,
    execution_time: f64,
    adapter_response: Empty,
    message: Option<Empty>,
    failures: Option<Empty>,
}

#[derive(Serialize)]
struct Empty {}

/// Writes the folder of a state in which dbt 1.x finds these nodes as `result:error`.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn write_results(folder: &Path, nodes: &[NodeId]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let row = |unique_id| Row {
        unique_id,
        status: "error",
        timing: [],
        thread_id: "",
        execution_time: 0.0,
        adapter_response: Empty {},
        message: None,
        failures: None,
    };
    let results = ResultsFile {
        metadata: Metadata { dbt_schema_version: RESULTS_SCHEMA },
        results: nodes.iter().map(row).collect(),
        elapsed_time: 0.0,
        args: Empty {},
    };
    let mut file = BufWriter::new(std::fs::File::create(folder.join("run_results.json"))?);
    serde_json::to_writer(&mut file, &results)?;
    file.flush()
}
