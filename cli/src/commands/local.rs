//! `landfall local`: a local stack for the user's own project, fed with the files of a folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use landfall_planner::{ObjectAddress, Release};

use super::{CommandError, plan};
use crate::{
    args::LocalArgs,
    dbt::{self, Dbt, WarehouseLocation},
    docs_server::DocsServer,
    home::Home,
    landing_folder::{self, INTERVAL, WatchedFolder, destination},
    local::{self, LocalError, LocalOptions, LocalStack},
    release,
    terminal::Terminal,
    text::list,
};

pub(super) async fn run(terminal: &Terminal, args: &LocalArgs) -> Result<(), CommandError> {
    let home = Home::find()?;
    let project = dbt::project(&args.project)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => dbt::project_name(&project)?,
    };
    let name = local::stack_name(&name).trim_start_matches("landfall-").to_owned();
    let is_example = home.join("example").canonicalize().is_ok_and(|example| example == project) && args.dbt.is_none();
    let mut dbt = Dbt {
        program: PathBuf::new(),
        profiles: None,
        target: args.target.clone(),
        variables: variables(&home, &project, &name)?,
    };
    if args.plan_only {
        dbt.program = program(terminal, &home, args, is_example).await?;
        return plan_only(terminal, &project, &name, dbt.with_profiles_found(&project)?, &args.landing).await;
    }
    dbt = dbt.with_profiles_found(&project)?;
    allow_warehouse(terminal, &dbt, &project, args.yes).await?;
    dbt.program = program(terminal, &home, args, is_example).await?;
    let environments = local::prepare(terminal, &home, is_example).await?;

    let buckets = named_buckets(terminal, &project, &name, &dbt).await?;
    let options = LocalOptions {
        binaries: local::binaries_folder()?,
        name: name.clone(),
        port: args.port,
        landing_buckets: buckets,
        packages: local::Packages::Launchers,
        parameters: BTreeMap::new(),
        home: home.clone(),
    };
    terminal.print(format!(
        "starting the local stack {name} with empty S3 buckets; an earlier stack of this name is deleted"
    ));
    let mut stack = LocalStack::start(terminal, &options, &environments).await?;
    dbt.variables.extend(stack.project_variables());
    make_parent(&dbt)?;
    stack.release(terminal, &project, &dbt).await?;
    let docs = DocsServer::start(stack.stack.docs()?, args.docs_port).await?;
    stack.state.dbt = Some(dbt);
    stack.state.docs = Some(docs.address.clone());
    stack.publish(&home)?;
    Ok(landing_folder::follow(terminal, &mut stack, &docs.address, &args.landing, true).await?)
}

/// Prints what each file of the folder would run.
async fn plan_only(
    terminal: &Terminal,
    project: &Path,
    name: &str,
    mut dbt: Dbt,
    landing: &Path,
) -> Result<(), CommandError> {
    let bucket = landing_bucket(name);
    dbt.variables.entry("LANDING_BUCKET".to_owned()).or_insert_with(|| bucket.clone());
    let release = parsed(terminal, project, &dbt, &bucket).await?;
    let buckets = buckets_of(&release, &bucket);
    std::fs::create_dir_all(landing).map_err(|source| LocalError::files(landing, source))?;
    terminal.print(format!(
        "plan only: nothing runs. Put files into {}/ to see what each would run. Ctrl-C ends the command.",
        landing.display()
    ));
    let mut watched = WatchedFolder::everything(landing);
    terminal.until_interrupted();
    loop {
        for file in watched.changed() {
            if let Some((bucket, key)) = destination(&buckets, &file) {
                let event = plan::object_created(ObjectAddress { bucket, key: &key });
                plan::print(terminal, &plan::simulate(&release, &[event], false));
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Asks before dbt writes to a warehouse that is not on this machine. Refuses a warehouse that cannot work in a local
/// stack.
async fn allow_warehouse(terminal: &Terminal, dbt: &Dbt, project: &Path, yes: bool) -> Result<(), CommandError> {
    let target = dbt.target.as_deref().map(|target| format!("target {target}, ")).unwrap_or_default();
    let warehouse = match dbt::warehouse(dbt, project)? {
        WarehouseLocation::DuckDbFile(_) => return Ok(()),
        WarehouseLocation::RelativeDuckDb(path) => {
            return Err(CommandError::Warehouse(format!(
                "the profile's DuckDB file is a relative path ({path}). Each run works in its own copy of the project, so each run \
                 would write another file. Use an absolute path, or \"{{{{ env_var('DUCKDB_PATH') }}}}\", which `landfall local` sets"
            )));
        }
        WarehouseLocation::InMemory => {
            return Err(CommandError::Warehouse(
                "the profile's DuckDB is in memory, so its tables are lost after each run. Set a path, such as \
                 \"{{ env_var('DUCKDB_PATH') }}\", which `landfall local` sets"
                    .to_owned(),
            ));
        }
        WarehouseLocation::Remote(remote) if remote.starts_with("athena") || remote.starts_with("glue") => {
            return Err(CommandError::Warehouse(format!(
                "{target}{remote}: this warehouse is part of AWS, and a local stack has no emulation of it. Use --plan-only to see what would run"
            )));
        }
        WarehouseLocation::Remote(remote) => remote,
    };
    if yes {
        return Ok(());
    }
    let question =
        format!("dbt will build in a warehouse that is not on this machine ({target}{warehouse}). Continue?");
    if terminal.confirm(&question).await {
        return Ok(());
    }
    Err(CommandError::Warehouse(format!(
        "nothing ran, because the warehouse is not on this machine ({target}{warehouse}). Use --yes to let dbt build there, or --plan-only to see what would run"
    )))
}

async fn program(
    terminal: &Terminal,
    home: &Home,
    args: &LocalArgs,
    is_example: bool,
) -> Result<PathBuf, CommandError> {
    if is_example {
        let environments = local::prepare(terminal, home, true).await?;
        if let Some(venv) = environments.dbt {
            return Ok(venv.program("dbt"));
        }
    }
    Ok(dbt::find(args.dbt.as_deref())?)
}

/// The environment variables that the project names, and `DUCKDB_PATH`: a file in the stack's folder unless the user
/// set it.
fn variables(home: &Home, project: &Path, name: &str) -> Result<BTreeMap<String, String>, CommandError> {
    let profiles = crate::environment::variable("DBT_PROFILES_DIR").map(PathBuf::from);
    let mut variables = dbt::variables_used_by(project, profiles.as_deref());
    // The local stack sets these itself.
    for name in ["LANDING_BUCKET", "S3_ENDPOINT", "DBT_TARGET", "DBT_PROFILES_DIR"] {
        variables.remove(name);
    }
    let file = home.local(name).join("warehouse").join(format!("{}.duckdb", dbt::project_name(project)?));
    variables.entry("DUCKDB_PATH".to_owned()).or_insert_with(|| file.to_string_lossy().into_owned());
    Ok(variables)
}

/// `DuckDB` creates its file, but not the folder of it.
fn make_parent(dbt: &Dbt) -> Result<(), LocalError> {
    match dbt.variables.get("DUCKDB_PATH").map(Path::new).and_then(Path::parent) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|source| LocalError::files(folder, source)),
        None => Ok(()),
    }
}

/// The landing buckets, if the project names others than the first one. If empty, the template makes the only bucket.
async fn named_buckets(
    terminal: &Terminal,
    project: &Path,
    name: &str,
    dbt: &Dbt,
) -> Result<Vec<String>, CommandError> {
    let bucket = landing_bucket(name);
    let mut dbt = dbt.clone();
    dbt.variables.entry("LANDING_BUCKET".to_owned()).or_insert_with(|| bucket.clone());
    dbt.variables.entry("S3_ENDPOINT".to_owned()).or_insert_with(|| "http://127.0.0.1:1".to_owned());
    let release = parsed(terminal, project, &dbt, &bucket).await?;
    let buckets = buckets_of(&release, &bucket);
    if buckets.len() > 1 {
        terminal.print(format!("landing buckets in the emulated account: {}", list(&buckets, 10)));
        return Ok(buckets);
    }
    Ok(Vec::new())
}

fn buckets_of(release: &Release, first: &str) -> Vec<String> {
    let mut buckets = vec![first.to_owned()];
    for location in release.compiled.datasets.values().flat_map(|dataset| &dataset.locations) {
        if !buckets.contains(&location.bucket) {
            buckets.push(location.bucket.clone());
        }
    }
    buckets
}

async fn parsed(terminal: &Terminal, project: &Path, dbt: &Dbt, bucket: &str) -> Result<Release, CommandError> {
    let work = tempfile::tempdir().map_err(|source| LocalError::Files { path: std::env::temp_dir(), source })?;
    let phase = terminal.begin("dbt parse, to find the landing locations");
    let files = release::parse(dbt, project, work.path(), true).await?;
    phase.done("");
    let settings = release::rendered_settings(dbt, project)?;
    Ok(release::check(&files.manifest, settings.as_deref(), Some(bucket))?.into_release())
}

fn landing_bucket(name: &str) -> String {
    format!("{name}-landing")
}
