//! `landfall local`: a stack for the user's own project, files from a folder, and the story of what follows.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use landfall_planner::Release;

use super::{CommandError, plan};
use crate::{
    args::LocalArgs,
    dbt::{self, Dbt, Warehouse},
    docs_server::DocsServer,
    home::Home,
    local::{self, LocalError, LocalOptions, LocalStack, Watched},
    release,
    stack::Stack,
    story::Story,
    terminal::{Terminal, count},
    text::{list, printable},
};

/// How often folder, ledger and logs are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

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
        binaries: binaries()?,
        name: name.clone(),
        port: args.port,
        landing_buckets: buckets,
        parameters: BTreeMap::new(),
        home: home.clone(),
    };
    terminal.say(format!("a fresh local stack {name}: what an earlier one of this name held is gone, its S3 included"));
    let mut stack = LocalStack::start(terminal, &options, &environments).await?;
    dbt.variables.extend(stack.project_variables());
    make_parent(&dbt)?;
    stack.release(terminal, &project, &dbt).await?;
    let docs = DocsServer::start(stack.stack.docs()?, args.docs_port).await?;
    stack.state.dbt = Some(dbt);
    stack.state.docs = Some(docs.address.clone());
    stack.publish(&home)?;
    follow(terminal, &mut stack, &docs.address, &args.landing, true).await
}

/// Files of the folder land, and what follows is told, until Ctrl-C. `from_start`: what lies in the folder already lands too.
pub(crate) async fn follow(
    terminal: &Terminal,
    stack: &mut LocalStack,
    docs: &str,
    landing: &Path,
    from_start: bool,
) -> Result<(), CommandError> {
    let datasets = make_folders(stack, landing).await?;
    terminal.heading(&format!("Drop a file into {}", landing.display()));
    for line in datasets {
        terminal.say(format!("  {line}"));
    }
    terminal.say(format!(
        "  docs: {docs}   `landfall status` and `landfall why ...` work in another terminal   Ctrl-C ends everything"
    ));
    let mut watched = if from_start { Watched::everything(landing) } else { Watched::from_now_on(landing) };
    let mut story = Story::from_now_on(terminal, &stack.stack, Some(docs.to_owned())).await?;
    terminal.until_interrupted();
    loop {
        let changed = watched.changed();
        if !changed.is_empty() {
            story.restart_clock();
        }
        for file in changed {
            upload(terminal, &stack.stack, &stack.state.landing_buckets, landing, &file).await?;
        }
        if !stack.is_alive() {
            return Err(CommandError::EmulatorEnded(
                stack.state.folder.join("emulator/emulator.log").display().to_string(),
            ));
        }
        story.look().await?;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Puts a file of the landing folder into the bucket: its path is its key, unless its first folder is a landing bucket's name.
async fn upload(
    terminal: &Terminal,
    stack: &Stack,
    buckets: &[String],
    landing: &Path,
    file: &Path,
) -> Result<(), CommandError> {
    let Some((bucket, key)) = place(buckets, file) else { return Ok(()) };
    match tokio::fs::read(landing.join(file)).await {
        Ok(bytes) => {
            stack.store(bucket).put(&key, &bytes, "application/octet-stream").await?;
        }
        // It may be gone again.
        Err(error) => terminal.warn(&format!("{} did not land: {error}", printable(&file.display().to_string()))),
    }
    Ok(())
}

fn place<'a>(buckets: &'a [String], file: &Path) -> Option<(&'a str, String)> {
    let key = file.to_string_lossy().into_owned();
    let named = key.split_once('/').and_then(|(first, rest)| {
        let bucket = buckets.iter().find(|bucket| *bucket == first)?;
        Some((bucket.as_str(), rest.to_owned()))
    });
    named.or_else(|| Some((buckets.first()?.as_str(), key)))
}

/// A folder for each dataset, so that an operator sees where files go; a line for each.
async fn make_folders(stack: &LocalStack, landing: &Path) -> Result<Vec<String>, CommandError> {
    let state = stack.stack.state()?;
    let (_, release) = crate::ledger::snapshot(&state).await?;
    let Some(release) = release else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    std::fs::create_dir_all(landing).map_err(|source| LocalError::files(landing, source))?;
    let first = stack.state.landing_buckets.first();
    for (name, dataset) in &release.compiled.datasets {
        for location in &dataset.locations {
            if !stack.state.landing_buckets.contains(&location.bucket) {
                continue;
            }
            let mut folder = landing.to_owned();
            if first != Some(&location.bucket) {
                folder.push(&location.bucket);
            }
            folder.push(&location.prefix);
            if location.prefix.ends_with('/') {
                std::fs::create_dir_all(&folder).map_err(|source| LocalError::files(&folder, source))?;
            }
            lines.push(format!(
                "{:<24} a load of {name}: {}",
                folder.display(),
                count(dataset.nodes.len(), "node", "nodes")
            ));
        }
        if dataset.ready == landfall_planner::ReadinessPolicy::Event {
            lines.push(format!("{:<24} says that {name} is loaded", format!("landfall load {name}")));
        }
    }
    Ok(lines)
}

/// Shows what each file of the folder would run.
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
    terminal.say(format!(
        "plan only: nothing runs. Each file in {} is shown with what it would run; Ctrl-C ends it",
        landing.display()
    ));
    let mut watched = Watched::everything(landing);
    terminal.until_interrupted();
    loop {
        for file in watched.changed() {
            if let Some((bucket, key)) = place(&buckets, &file) {
                plan::tell(terminal, &plan::suppose(&release, &[plan::landed(bucket, &key)], false));
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Asks before dbt touches a warehouse that is not on this machine, and refuses one that cannot work here.
async fn allow_warehouse(terminal: &Terminal, dbt: &Dbt, project: &Path, yes: bool) -> Result<(), CommandError> {
    let target = dbt.target.as_deref().map(|target| format!("target {target}, ")).unwrap_or_default();
    let words = match dbt::warehouse(dbt, project)? {
        Warehouse::DuckDbFile(_) => return Ok(()),
        Warehouse::RelativeDuckDb(path) => {
            return Err(CommandError::Warehouse(format!(
                "the profile's DuckDB file is a relative path ({path}): each run works in a copy of the project, where that is another file; \
                 make it absolute, or \"{{{{ env_var('DUCKDB_PATH') }}}}\", which landfall local sets"
            )));
        }
        Warehouse::InMemory => {
            return Err(CommandError::Warehouse(
                "the profile's DuckDB is in memory, so nothing would be left after a run: give it a path, such as \
                 \"{{ env_var('DUCKDB_PATH') }}\", which landfall local sets"
                    .to_owned(),
            ));
        }
        Warehouse::Remote(words) if words.starts_with("athena") || words.starts_with("glue") => {
            return Err(CommandError::Warehouse(format!(
                "{target}{words}: that is AWS itself, of which a local stack has only an emulation; --plan-only shows what would run"
            )));
        }
        Warehouse::Remote(words) => words,
    };
    if yes {
        return Ok(());
    }
    let question = format!("dbt would build in a warehouse that is not on this machine ({target}{words}). Let it?");
    if terminal.confirm(&question).await {
        return Ok(());
    }
    Err(CommandError::Warehouse(format!(
        "nothing ran: the warehouse is not on this machine ({target}{words}); --plan-only shows what would run, --yes lets dbt build there"
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

/// What the project asks for of the environment, and a `DuckDB` file in the stack's folder unless the user names one.
fn variables(home: &Home, project: &Path, name: &str) -> Result<BTreeMap<String, String>, CommandError> {
    let profiles = crate::environment::variable("DBT_PROFILES_DIR").map(PathBuf::from);
    let mut variables = dbt::used_by(project, profiles.as_deref());
    // The emulated account's, whatever is set outside.
    for name in ["LANDING_BUCKET", "S3_ENDPOINT", "DBT_TARGET", "DBT_PROFILES_DIR"] {
        variables.remove(name);
    }
    let file = home.local(name).join("warehouse").join(format!("{}.duckdb", dbt::project_name(project)?));
    variables.entry("DUCKDB_PATH".to_owned()).or_insert_with(|| file.to_string_lossy().into_owned());
    Ok(variables)
}

/// `DuckDB` makes the file, and not its folder.
fn make_parent(dbt: &Dbt) -> Result<(), LocalError> {
    match dbt.variables.get("DUCKDB_PATH").map(Path::new).and_then(Path::parent) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|source| LocalError::files(folder, source)),
        None => Ok(()),
    }
}

/// Buckets that the project names by their own names; none if it only has locations in the landing bucket, which the template then makes.
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
        terminal.say(format!("landing buckets made in the emulator: {}", list(&buckets, 10)));
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
    let phase = terminal.begin("dbt parse, to see where the project's data lands");
    let files = release::parse(dbt, project, work.path(), true).await?;
    phase.done("");
    let settings = release::rendered_settings(dbt, project)?;
    Ok(release::check(&files.manifest, settings.as_deref(), Some(bucket))?.into_release())
}

fn landing_bucket(name: &str) -> String {
    format!("{name}-landing")
}

/// The folder of this program, where its siblings lie.
pub(crate) fn binaries() -> Result<PathBuf, LocalError> {
    let program = std::env::current_exe().map_err(|source| LocalError::Files { path: "landfall".into(), source })?;
    let folder = program.parent().unwrap_or(Path::new("."));
    Ok(folder.to_owned())
}
