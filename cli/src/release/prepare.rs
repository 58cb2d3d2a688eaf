//! What dbt makes of the project: its manifest, and for the very first release a catalog of what exists.

use std::path::{Path, PathBuf};

use landfall_planner::FirstRelease;

use super::{Checked, ReleaseError, ReleaseRequest};
use crate::{
    dbt::{Dbt, Warehouse, warehouse},
    local::aws,
    process,
    render::render,
    terminal::Terminal,
};

/// What `dbt parse` left.
#[derive(Debug)]
pub struct Parsed {
    /// manifest.json.
    pub manifest: Vec<u8>,
    /// `partial_parse.msgpack`: with it dbt starts faster.
    pub partial_parse: Option<Vec<u8>>,
}

/// Runs `dbt parse`, which connects to no warehouse.
pub async fn parse(dbt: &Dbt, project: &Path, work: &Path, emulated: bool) -> Result<Parsed, ReleaseError> {
    run(dbt, &["parse"], "dbt parse", project, work, emulated).await?;
    let file = work.join("target/manifest.json");
    let manifest = std::fs::read(&file).map_err(|source| ReleaseError::Unreadable { file, source })?;
    // Some dbt versions write none; it only saves time.
    let partial_parse = std::fs::read(work.join("target/partial_parse.msgpack")).ok();
    Ok(Parsed { manifest, partial_parse })
}

/// landfall.yml with its variables filled in; none if the project has none.
pub fn rendered_settings(dbt: &Dbt, project: &Path) -> Result<Option<String>, ReleaseError> {
    let file = project.join("landfall.yml");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReleaseError::Unreadable { file, source }),
    };
    let dbt = dbt.clone();
    render(&text, move |name| dbt.variable(name)).map(Some).map_err(ReleaseError::Render)
}

/// The catalog by which the first release adopts what exists; none where it is not asked for, or where nothing can exist.
pub(super) async fn catalog(
    terminal: &Terminal,
    request: &ReleaseRequest<'_>,
    checked: &Checked,
    first: bool,
) -> Result<Option<Vec<u8>>, ReleaseError> {
    if !first || checked.compiled.release_config.first != FirstRelease::Adopt {
        return Ok(None);
    }
    if let Ok(Warehouse::DuckDbFile(file)) = warehouse(request.dbt, request.project)
        && !file.exists()
    {
        return Ok(None);
    }
    let phase = terminal.begin("dbt docs generate, to see which tables exist already");
    let verb = ["docs", "generate", "--no-compile"];
    run(request.dbt, &verb, "dbt docs generate", request.project, request.work, request.emulated).await?;
    phase.done("");
    let file = request.work.join("target/catalog.json");
    std::fs::read(&file).map(Some).map_err(|source| ReleaseError::Unreadable { file, source })
}

async fn run(
    dbt: &Dbt,
    verb: &[&str],
    what: &str,
    project: &Path,
    work: &Path,
    emulated: bool,
) -> Result<(), ReleaseError> {
    let mut command = dbt.command(verb, project, work);
    if emulated {
        aws::scrub(&mut command);
        // Scrubbed too, for they were put in before.
        command.envs(&dbt.variables);
    }
    let log: PathBuf = work.join(format!("{}.log", verb.first().unwrap_or(&"dbt")));
    Ok(process::run_logged(&mut command, what, &log, |_| {}).await?)
}
