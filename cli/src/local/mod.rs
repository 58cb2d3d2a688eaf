//! A stack on this machine: the emulator, template.yaml deployed to it, and images of the project. Dropping a
//! [`LocalStack`] ends all of it.

mod deploy;
mod emulator;
mod environments;
mod images;
mod landing_buckets;
mod release;

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use landfall_planner::TaskArn;

use crate::{
    dbt::Dbt,
    emulated_account,
    home::Home,
    process::ProcessError,
    release::{ReleaseCommandError, Released},
    setup::SetupError,
    stack::{self, LocalState, Stack, StackError},
    terminal::Terminal,
};

pub use emulator::{Emulator, EmulatorOptions};
pub use environments::{Environments, prepare};
pub use images::{Images, LocalImage};
pub use release::release_locally;

/// Errors of starting a local stack or releasing to it.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or folder cannot be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Files {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A JSON document of the local stack cannot be read or written.
    #[error("a file of the local stack is not valid ({0}): end the stack and start it again")]
    Json(#[source] serde_json::Error),
    /// The emulator did not start; the text is the emulator's own error.
    #[error("the emulator did not start: {0}")]
    Emulator(String),
    /// Another local stack has this name.
    #[error(
        "a local stack named {0} is running already: end it with Ctrl-C in its terminal, or choose another name with --name"
    )]
    Running(String),
    /// A program of the stack was not built.
    #[error("{} has no program {missing}: run `make build` first", folder.display())]
    NotBuilt {
        /// The folder that should hold the program.
        folder: PathBuf,
        /// The name of the program.
        missing: &'static str,
    },
    /// The machine lacks a requirement.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A child process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The project could not be released.
    #[error(transparent)]
    Release(#[from] ReleaseCommandError),
    /// The deployed stack does not answer as expected.
    #[error(transparent)]
    Stack(#[from] StackError),
}

impl LocalError {
    pub(crate) fn files(path: &Path, source: std::io::Error) -> Self {
        Self::Files { path: path.to_owned(), source }
    }
}

/// The programs of a stack's functions.
const FUNCTIONS: [&str; 5] = [
    "landfall-on-load",
    "landfall-on-schedule",
    "landfall-on-release",
    "landfall-on-task-stopped",
    "landfall-publish-docs",
];

/// The program of the task.
const TASK: &str = "landfall-task";

/// What the packages of a local stack's functions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// The programs, as on AWS. Zipping them takes a quarter of a minute of CPU with the quick profile.
    Programs,
    /// A launcher that starts the program in the folder of the stack.
    Launchers,
}

/// The options of a local stack.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// The checkout with Landfall's own files.
    pub home: Home,
    /// The folder with the programs of the functions and `landfall-task`.
    pub binaries: PathBuf,
    /// The name of the stack and of its folder `.landfall/local/<name>`.
    pub name: String,
    /// The emulator's port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Landing buckets to make in the emulated account; if empty, the template makes one.
    pub landing_buckets: Vec<String>,
    /// What the functions' packages hold.
    pub packages: Packages,
    /// Additional parameters of the template.
    pub parameters: BTreeMap<&'static str, String>,
}

/// A running stack. Dropping it ends the emulator, its functions and its tasks; its folder stays until the next start.
#[derive(Debug)]
pub struct LocalStack {
    /// The deployed stack, as every command sees it.
    pub stack: Stack,
    /// The state that [`Stack::running_here`] reads; [`LocalStack::publish`] writes it.
    pub state: LocalState,
    emulator: Emulator,
    images: Images,
    task: PathBuf,
    published: Option<PathBuf>,
    /// Held so that only one stack of a name runs; the operating system releases it with the process.
    _lock: File,
}

impl LocalStack {
    /// Starts the emulator and deploys the template to it.
    ///
    /// The folder of an earlier stack of this name is emptied first: the emulator keeps its account in memory, so an
    /// earlier stack cannot be continued.
    ///
    /// # Errors
    ///
    /// A program is not built, a stack of this name runs, or the emulator or the deployment fails.
    pub async fn start(
        terminal: &Terminal,
        options: &LocalOptions,
        environments: &Environments,
    ) -> Result<Self, LocalError> {
        if let Some(missing) = FUNCTIONS.into_iter().chain([TASK]).find(|name| !options.binaries.join(name).is_file()) {
            return Err(LocalError::NotBuilt { folder: options.binaries.clone(), missing });
        }
        let folder = options.home.local(&options.name);
        let lock = lock(&folder, &options.name)?;
        reset(&folder)?;
        let images = Images::new(&folder)?;

        let phase = terminal.begin("start the emulator on 127.0.0.1");
        let emulator = Emulator::start(&EmulatorOptions {
            python: &environments.emulator.program("python"),
            launcher: &options.home.join("cli/emulator/launch.py"),
            data: &folder.join("emulator"),
            images: images.file(),
            port: options.port,
        })
        .await?;
        phase.done(&emulator.endpoint);

        let stack_name = stack_name(&options.name);
        let sdk = stack::emulated_sdk(&emulator.endpoint);
        if !options.landing_buckets.is_empty() {
            landing_buckets::make(&sdk, &options.landing_buckets).await?;
        }
        deploy_template(terminal, options, environments, &folder, &emulator.endpoint).await?;
        let outputs = stack::outputs(&sdk, &stack_name).await?;
        let landing_buckets = match options.landing_buckets.as_slice() {
            [] => outputs.get("LandingBucket").cloned().into_iter().collect(),
            named => named.to_vec(),
        };
        let state = LocalState {
            name: options.name.clone(),
            stack: stack_name,
            endpoint: emulator.endpoint.clone(),
            outputs,
            landing_buckets,
            folder,
            dbt: None,
            docs: None,
        };
        let stack = Stack::emulated(state.clone())?;
        let task = options.binaries.join(TASK);
        Ok(Self { stack, state, emulator, images, task, published: None, _lock: lock })
    }

    /// Deploys the template again, with the parameters of `options`. `self.state.outputs` keeps the outputs of the
    /// first deployment.
    ///
    /// # Errors
    ///
    /// `sam build` or `sam deploy` fails.
    pub async fn update(
        &self,
        terminal: &Terminal,
        options: &LocalOptions,
        environments: &Environments,
    ) -> Result<(), LocalError> {
        deploy_template(terminal, options, environments, &self.state.folder, &self.state.endpoint).await
    }

    /// Deletes the stack with `sam delete`.
    ///
    /// # Errors
    ///
    /// `sam delete` fails.
    pub async fn delete(&self, environments: &Environments) -> Result<(), LocalError> {
        deploy::delete(&environments.sam, &self.state.folder, &self.state.endpoint, &self.state.stack).await
    }

    /// The environment variables by which a project finds the emulated landing bucket and S3.
    pub fn project_variables(&self) -> BTreeMap<String, String> {
        let landing = self.state.landing_buckets.first().cloned().unwrap_or_default();
        [
            ("LANDING_BUCKET", landing),
            ("S3_ENDPOINT", self.state.endpoint.clone()),
            ("AWS_REGION", emulated_account::REGION.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Makes a local image of the project and releases it.
    ///
    /// # Errors
    ///
    /// As [`release_locally`].
    pub async fn release(&self, terminal: &Terminal, project: &Path, dbt: &Dbt) -> Result<Released, LocalError> {
        release_locally(terminal, &self.stack, &self.images, &self.task, &self.state, project, dbt).await
    }

    /// Writes the state file by which other commands find this stack, until the stack ends.
    ///
    /// # Errors
    ///
    /// The state file cannot be written.
    pub fn publish(&mut self, home: &Home) -> Result<(), LocalError> {
        let file = home.current();
        let text = serde_json::to_vec_pretty(&self.state).map_err(LocalError::Json)?;
        std::fs::write(&file, text).map_err(|source| LocalError::files(&file, source))?;
        self.stack.local = Some(self.state.clone());
        self.published = Some(file);
        Ok(())
    }

    /// The log file of a task; the emulator writes the task's output to it.
    pub fn task_log(&self, task_arn: &TaskArn) -> PathBuf {
        task_log(&self.state.folder, task_arn)
    }

    /// Whether the emulator's process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.emulator.is_alive()
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        if let Some(file) = &self.published {
            // Another stack may have written the file since.
            let state_in_file =
                std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<LocalState>(&text).ok());
            if state_in_file.is_some_and(|state| state.endpoint == self.state.endpoint) {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

/// The file to which the emulator writes a task's output.
pub fn task_log(folder: &Path, task_arn: &TaskArn) -> PathBuf {
    folder.join("emulator/tasks").join(format!("{}.log", task_arn.task_id()))
}

/// Runs `sam build` and `sam deploy` with the parameters of a local stack.
async fn deploy_template(
    terminal: &Terminal,
    options: &LocalOptions,
    environments: &Environments,
    folder: &Path,
    endpoint: &str,
) -> Result<(), LocalError> {
    let mut parameters = options.parameters.clone();
    // Long batches save cost in AWS; here the user waits for the run. One second is the shortest window.
    parameters.entry("BatchWindow").or_insert_with(|| "1".to_owned());
    // The programs were built for this machine.
    parameters.entry("Architecture").or_insert_with(|| architecture().to_owned());
    if !options.landing_buckets.is_empty() {
        parameters.insert("LandingBuckets", options.landing_buckets.join(","));
    }
    let stack = stack_name(&options.name);
    let options = deploy::DeployOptions {
        home: options.home.root(),
        sam: &environments.sam,
        binaries: &options.binaries,
        packages: options.packages,
        folder,
        endpoint,
        stack: &stack,
        parameters,
    };
    deploy::deploy(terminal, &options).await
}

/// The folder of this program, which holds the other programs too.
///
/// # Errors
///
/// The operating system does not name the program's own file.
pub fn binaries_folder() -> Result<PathBuf, LocalError> {
    let program = std::env::current_exe().map_err(|source| LocalError::files(Path::new("landfall"), source))?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Lambda's name for this machine's processor architecture.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// The stack name for a local name.
///
/// `CloudFormation` accepts letters, digits and hyphens, starting with a letter, at most 128. Bucket names are derived
/// from it, so it is also short and lower-case.
pub fn stack_name(name: &str) -> String {
    let clean: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let clean = clean.trim_matches('-');
    let clean = clean.get(..20).unwrap_or(clean);
    format!("landfall-{}", if clean.is_empty() { "local" } else { clean })
}

fn lock(folder: &Path, name: &str) -> Result<File, LocalError> {
    let path = folder.with_extension("lock");
    let files = |source| LocalError::files(&path, source);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(files)?;
    }
    let file = File::create(&path).map_err(files)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(LocalError::Running(name.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(files(source)),
    }
}

/// Empties the folder of the stack.
fn reset(folder: &Path) -> Result<(), LocalError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(LocalError::files(folder, error)),
        _ => {}
    }
    std::fs::create_dir_all(folder).map_err(|source| LocalError::files(folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_name_is_valid_for_cloudformation_and_s3() {
        assert_eq!(stack_name("demo"), "landfall-demo");
        assert_eq!(stack_name("Jaffle Shop_2"), "landfall-jaffle-shop-2");
        assert_eq!(stack_name("\u{e9}"), "landfall-local");
    }

    #[test]
    fn a_second_stack_of_the_same_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(&folder.path().join("demo"), "demo").unwrap();
        assert!(matches!(lock(&folder.path().join("demo"), "demo"), Err(LocalError::Running(_))));
        drop(first);
        lock(&folder.path().join("demo"), "demo").unwrap();
    }
}
