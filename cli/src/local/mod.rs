//! A whole stack on this machine: the emulator, template.yaml deployed to it, and images of the project. Dropping a [`LocalStack`] ends all of it.

pub mod aws;
mod buckets;
mod deploy;
mod emulator;
mod images;
mod prepare;
mod watch;

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use crate::{
    dbt::Dbt,
    home::Home,
    process::ProcessError,
    release::{self, ReleaseError, ReleaseRequest, Released},
    setup::SetupError,
    stack::{self, LocalState, Stack, StackError},
    terminal::Terminal,
};

pub use emulator::{Emulator, EmulatorOptions};
pub use images::{Images, LocalImage};
pub use prepare::{Environments, prepare};
pub use watch::Watched;

/// A local stack that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or folder.
    #[error("cannot use {}: {source}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// JSON of our own that cannot be written or read.
    #[error("a file of the local stack is unreadable ({0}): end the stack and start it again")]
    Json(#[source] serde_json::Error),
    /// The emulator did not start; in its own words.
    #[error("the emulator did not start: {0}")]
    Emulator(String),
    /// Another one has this name.
    #[error(
        "a local stack named {0} is running already: end it (Ctrl-C where it runs), or give this one another --name"
    )]
    Running(String),
    /// The functions were not built.
    #[error("{} has no {missing}: build it first (`make build`)", folder.display())]
    NotBuilt {
        /// Where it should be.
        folder: PathBuf,
        /// The binary.
        missing: &'static str,
    },
    /// The machine lacks something.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A child failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The deployed stack isn't what it should be.
    #[error(transparent)]
    Stack(#[from] StackError),
}

impl LocalError {
    pub(crate) fn files(path: &Path, source: std::io::Error) -> Self {
        Self::Files { path: path.to_owned(), source }
    }
}

/// The programs that a stack is made of.
const PROGRAMS: [&str; 6] = [
    "landfall-on-load",
    "landfall-on-schedule",
    "landfall-on-release",
    "landfall-on-task-stopped",
    "landfall-publish-docs",
    "landfall-task",
];

/// What a local stack is made of.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Landfall's own files.
    pub home: Home,
    /// The folder with the functions' binaries and `landfall-task`.
    pub binaries: PathBuf,
    /// Names the folder `.landfall/local/<name>` and the stack.
    pub name: String,
    /// The emulator's port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Existing landing buckets in the emulated account, which are made; none: the template makes one.
    pub landing_buckets: Vec<String>,
    /// More parameters of the template.
    pub parameters: BTreeMap<&'static str, String>,
}

/// A running stack. Dropping it ends the emulator, its functions and its tasks; its folder stays until the next start.
#[derive(Debug)]
pub struct LocalStack {
    /// The deployed stack, as any command sees it.
    pub stack: Stack,
    /// What [`Stack::running_here`] reads; not written unless [`LocalStack::publish`] is called.
    pub state: LocalState,
    emulator: Emulator,
    images: Images,
    task: PathBuf,
    published: Option<PathBuf>,
    /// One stack of a name at a time; unlocked with the process.
    _lock: File,
}

impl LocalStack {
    /// Starts the emulator and deploys. Everything that a stack of this name left behind is removed first: its account was in the emulator's
    /// memory, so nothing of it could be taken up again.
    pub async fn start(
        terminal: &Terminal,
        options: &LocalOptions,
        environments: &Environments,
    ) -> Result<Self, LocalError> {
        if let Some(missing) = PROGRAMS.into_iter().find(|name| !options.binaries.join(name).is_file()) {
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
            buckets::make(&sdk, &options.landing_buckets).await?;
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
        let task = options.binaries.join("landfall-task");
        Ok(Self { stack, state, emulator, images, task, published: None, _lock: lock })
    }

    /// Deploys again, with other parameters: an update of the stack. Its outputs stay as they were read first.
    pub async fn update(
        &self,
        terminal: &Terminal,
        options: &LocalOptions,
        environments: &Environments,
    ) -> Result<(), LocalError> {
        deploy_template(terminal, options, environments, &self.state.folder, &self.state.endpoint).await
    }

    /// Deletes the stack as anybody would, by `sam delete`.
    pub async fn delete(&self, environments: &Environments) -> Result<(), LocalError> {
        deploy::delete(&environments.sam, &self.state.folder, &self.state.endpoint, &self.state.stack).await
    }

    /// The variables by which a project finds what is emulated.
    pub fn project_variables(&self) -> BTreeMap<String, String> {
        let landing = self.state.landing_buckets.first().cloned().unwrap_or_default();
        [
            ("LANDING_BUCKET", landing),
            ("S3_ENDPOINT", self.state.endpoint.clone()),
            ("AWS_REGION", aws::REGION.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Makes the project an image and a release, and waits for `on-release`'s verdict.
    pub async fn release(&self, terminal: &Terminal, project: &Path, dbt: &Dbt) -> Result<Released, ReleaseError> {
        release_locally(terminal, &self.stack, &self.images, &self.task, &self.state, project, dbt).await
    }

    /// Lets the other commands find this stack, until it ends.
    pub fn publish(&mut self, home: &Home) -> Result<(), LocalError> {
        let file = home.current();
        let text = serde_json::to_vec_pretty(&self.state).map_err(LocalError::Json)?;
        std::fs::write(&file, text).map_err(|source| LocalError::files(&file, source))?;
        self.stack.local = Some(self.state.clone());
        self.published = Some(file);
        Ok(())
    }

    /// The file to which a task's output is written as it comes.
    pub fn task_log(&self, task_arn: &str) -> PathBuf {
        task_log(&self.state.folder, task_arn)
    }

    /// Whether the emulator still runs.
    pub fn is_alive(&mut self) -> bool {
        self.emulator.is_alive()
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        if let Some(file) = &self.published {
            // Another stack may have taken the place since.
            let ours = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<LocalState>(&text).ok());
            if ours.is_some_and(|there| there.endpoint == self.state.endpoint) {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

/// Makes the project an image of the local stack, and a release of that image.
pub async fn release_locally(
    terminal: &Terminal,
    stack: &Stack,
    images: &Images,
    task: &Path,
    state: &LocalState,
    project: &Path,
    dbt: &Dbt,
) -> Result<Released, ReleaseError> {
    let mut copy = PathBuf::new();
    let image = images.add(project, &state.name, |folder| {
        folder.clone_into(&mut copy);
        let mut env = dbt.image_variables();
        env.insert("LANDFALL_PROJECT_DIR".to_owned(), folder.to_string_lossy().into_owned());
        LocalImage { argv: vec![task.to_string_lossy().into_owned()], env }
    })?;
    let mut dbt = dbt.clone();
    let on_host = [
        ("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", aws::SECRET_KEY),
        ("AWS_DEFAULT_REGION", aws::REGION),
        ("AWS_ENDPOINT_URL", state.endpoint.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    dbt.variables.extend(on_host.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let request = ReleaseRequest {
        project: &copy,
        dbt: &dbt,
        image: Some(&image),
        force: false,
        work: &state.folder.join("release"),
        landing_bucket: state.landing_buckets.first().map(String::as_str),
        emulated: true,
    };
    release::release(terminal, stack, &request).await
}

/// Where the emulator keeps a task's output.
pub fn task_log(folder: &Path, task_arn: &str) -> PathBuf {
    let id = task_arn.rsplit('/').next().unwrap_or(task_arn);
    folder.join("emulator/tasks").join(format!("{id}.log"))
}

/// `sam build` and `sam deploy` with the parameters that are right here.
async fn deploy_template(
    terminal: &Terminal,
    options: &LocalOptions,
    environments: &Environments,
    folder: &Path,
    endpoint: &str,
) -> Result<(), LocalError> {
    let mut parameters = options.parameters.clone();
    // Batches are for cost and for ten thousand objects; here an operator waits.
    parameters.entry("BatchWindow").or_insert_with(|| "0".to_owned());
    // The binaries were built for this machine.
    parameters.entry("Architecture").or_insert_with(|| architecture().to_owned());
    if !options.landing_buckets.is_empty() {
        parameters.insert("LandingBuckets", options.landing_buckets.join(","));
    }
    let stack = stack_name(&options.name);
    let options = deploy::DeployOptions {
        home: options.home.root(),
        sam: &environments.sam,
        binaries: &options.binaries,
        folder,
        endpoint,
        stack: &stack,
        parameters,
    };
    deploy::deploy(terminal, &options).await
}

/// Lambda's word for this machine's processor.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// `CloudFormation` takes letters, digits and hyphens, starting with a letter, at most 128; bucket names are made of it, so short and lower-case.
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

/// Empties the stack's folder.
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
    fn a_stack_name_is_one_that_cloudformation_and_s3_take() {
        assert_eq!(stack_name("demo"), "landfall-demo");
        assert_eq!(stack_name("Jaffle Shop_2"), "landfall-jaffle-shop-2");
        assert_eq!(stack_name("\u{e9}"), "landfall-local");
    }

    #[test]
    fn a_second_stack_of_a_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(&folder.path().join("demo"), "demo").unwrap();
        assert!(matches!(lock(&folder.path().join("demo"), "demo"), Err(LocalError::Running(_))));
        drop(first);
        lock(&folder.path().join("demo"), "demo").unwrap();
    }
}
