//! The files of a release that dbt makes from the project: the manifest, and a catalog for the first release.

use std::path::{Path, PathBuf};

use landfall_planner::FirstRelease;

use super::{CheckedProject, ReleaseCommandError, ReleaseRequest};
use crate::{
    dbt::{Dbt, WarehouseLocation, warehouse},
    emulated_account,
    jinja::render,
    process,
    terminal::Terminal,
};

/// The files that `dbt parse` writes.
#[derive(Debug)]
pub struct ParsedProject {
    /// The content of manifest.json.
    pub manifest: Vec<u8>,
    /// The content of `partial_parse.msgpack`, with which dbt starts faster; older dbt versions write none.
    pub partial_parse: Option<Vec<u8>>,
}

/// Runs `dbt parse`, which connects to no warehouse.
///
/// # Errors
///
/// dbt fails, or writes no manifest.
pub async fn parse(
    dbt: &Dbt,
    project: &Path,
    work: &Path,
    emulated: bool,
) -> Result<ParsedProject, ReleaseCommandError> {
    run(dbt, &["parse"], "dbt parse", project, work, emulated).await?;
    let file = work.join("target/manifest.json");
    let manifest = std::fs::read(&file).map_err(|source| ReleaseCommandError::Unreadable { file, source })?;
    let partial_parse = std::fs::read(work.join("target/partial_parse.msgpack")).ok();
    Ok(ParsedProject { manifest, partial_parse })
}

/// Reads landfall.yml and renders its Jinja expressions; `None` if the project has no landfall.yml.
///
/// # Errors
///
/// The file cannot be read, or an expression cannot be rendered.
pub fn rendered_settings(dbt: &Dbt, project: &Path) -> Result<Option<String>, ReleaseCommandError> {
    let file = project.join("landfall.yml");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReleaseCommandError::Unreadable { file, source }),
    };
    let dbt = dbt.clone();
    render(&text, move |name| dbt.variable(name)).map(Some).map_err(ReleaseCommandError::Render)
}

/// Makes the catalog by which the first release adopts existing tables. `None` for later releases, if landfall.yml
/// does not ask for it, or if the DuckDB file does not exist yet.
pub(super) async fn catalog(
    terminal: &Terminal,
    request: &ReleaseRequest<'_>,
    checked: &CheckedProject,
    first: bool,
) -> Result<Option<Vec<u8>>, ReleaseCommandError> {
    if !first || checked.compiled.release_config.first != FirstRelease::Adopt {
        return Ok(None);
    }
    if let Ok(WarehouseLocation::DuckDbFile(file)) = warehouse(request.dbt, request.project)
        && !file.exists()
    {
        return Ok(None);
    }
    let phase = terminal.begin("dbt docs generate, to find the tables that exist already");
    let verb = ["docs", "generate", "--no-compile"];
    run(request.dbt, &verb, "dbt docs generate", request.project, request.work, request.emulated).await?;
    phase.done("");
    let file = request.work.join("target/catalog.json");
    std::fs::read(&file).map(Some).map_err(|source| ReleaseCommandError::Unreadable { file, source })
}

async fn run(
    dbt: &Dbt,
    verb: &[&str],
    what: &str,
    project: &Path,
    work: &Path,
    emulated: bool,
) -> Result<(), ReleaseCommandError> {
    let mut command = dbt.command(verb, project, work);
    if emulated {
        emulated_account::scrub(&mut command);
        // `scrub` also removed the AWS variables of the emulated account that `dbt.command` had set.
        command.envs(&dbt.variables);
    }
    let log: PathBuf = work.join(format!("{}.log", verb.first().unwrap_or(&"dbt")));
    Ok(process::run_logged(&mut command, what, &log, |_| {}).await?)
}
