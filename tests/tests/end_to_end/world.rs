//! A whole stack on this machine, with the example project released: the emulator, the deployed template, the real
//! binaries, real dbt.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use aws_sdk_scheduler::types::ScheduleState;
use aws_sdk_sqs::types::QueueAttributeName;
use landfall::{
    dbt::Dbt,
    home::Home,
    ledger::{self, Chain},
    local::{self, Environments, LocalError, LocalOptions, LocalStack, Packages},
    release::Released,
    terminal::Terminal,
};
use landfall_planner::{Board, LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId, RunResult};

mod warehouse;

/// The longest wait for one thing, on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_mins(4);
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct World {
    pub(crate) stack: LocalStack,
    pub(crate) project: tempfile::TempDir,
    pub(crate) warehouse: PathBuf,
    pub(crate) options: LocalOptions,
    pub(crate) environments: Environments,
    /// How many runs ended before the test's first load: the first release builds what needs no load.
    ended_before: AtomicUsize,
    python: PathBuf,
    sam_python: PathBuf,
    /// Declared after the stack, because fields are dropped in their order.
    _folder: Folder,
}

/// The stack's folder, kept only if the test failed.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl World {
    /// Deploys a stack of this name and releases a copy of the example, which `edit` may change first.
    pub(crate) async fn start(name: &str, edit: impl FnOnce(&Path)) -> Self {
        Box::pin(Self::start_with(name, "example", |project, _| edit(project))).await
    }

    /// [`World::start`] with any project of this repository. `edit` may set variables of the project too.
    pub(crate) async fn start_with(
        name: &str,
        from: &str,
        edit: impl FnOnce(&Path, &mut BTreeMap<String, String>),
    ) -> Self {
        let world = Box::pin(Self::deployed(name, from)).await;
        let mut variables = world.variables();
        edit(world.project.path(), &mut variables);
        Box::pin(world.release_first(variables)).await;
        world
    }

    /// The environment variables by which the project finds the emulated services and its warehouse.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.stack.project_variables();
        variables.insert("DUCKDB_PATH".to_owned(), self.warehouse.to_string_lossy().into_owned());
        variables
    }

    /// Releases the project for the first time, and waits until what needs no load is built. The example's seed is in the
    /// warehouse before, and the release adopts it: this saves each test a run of dbt.
    pub(crate) async fn release_first(&self, variables: BTreeMap<String, String>) {
        self.adopt_seed();
        self.release(variables).await;
        let ended = self.settled(0).await.len();
        self.ended_before.store(ended, Ordering::Relaxed);
    }

    /// Releases the project as it is now.
    pub(crate) async fn release(&self, variables: BTreeMap<String, String>) {
        self.try_release(variables).await.unwrap();
        // on-release has made the schedules of the project's jobs.
        self.set_schedules("", &ScheduleState::Disabled).await;
    }

    pub(crate) async fn try_release(&self, variables: BTreeMap<String, String>) -> Result<Released, LocalError> {
        let program = self.python.with_file_name("dbt");
        let dbt = Dbt { program, profiles: None, target: Some("local".to_owned()), variables };
        self.stack.release(&Terminal::silent(), self.project.path(), &dbt).await
    }

    /// Deploys a stack of this name, with a copy of a project of this repository, and releases nothing.
    pub(crate) async fn deployed(name: &str, from: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let home = Home::at(root);
        let terminal = Terminal::silent();
        let environments = local::prepare(&terminal, &home, true).await.unwrap();
        let venv = environments.dbt.as_ref().unwrap();
        let options = LocalOptions {
            binaries: binaries(),
            name: format!("test-{name}"),
            port: 0,
            landing_buckets: Vec::new(),
            packages: Packages::Launchers,
            parameters: BTreeMap::new(),
            home: home.clone(),
        };
        let stack = LocalStack::start(&terminal, &options, &environments).await.unwrap();
        let warehouse = stack.state.folder.join("warehouse");
        std::fs::create_dir_all(&warehouse).unwrap();
        let warehouse = warehouse.join("jaffle.duckdb");
        let project = tempfile::tempdir().unwrap();
        copy(&home.join(from), project.path());
        let python = venv.program("python");
        let sam_python = environments.sam.program("python");
        let folder = Folder(stack.state.folder.clone());
        let ended_before = AtomicUsize::new(0);
        let world = Self {
            stack,
            project,
            warehouse,
            options,
            environments,
            ended_before,
            python,
            sam_python,
            _folder: folder,
        };
        world.set_schedules("", &ScheduleState::Disabled).await;
        world
    }

    /// Enables or disables every schedule of the groups whose name contains this part.
    pub(crate) async fn set_schedules(&self, group_part: &str, state: &ScheduleState) {
        let scheduler = aws_sdk_scheduler::Client::new(self.stack.stack.sdk());
        let listed = scheduler.list_schedules().send().await.unwrap();
        for summary in listed.schedules {
            let (name, group) = (summary.name().unwrap(), summary.group_name().unwrap());
            if !group.contains(group_part) {
                continue;
            }
            let found = scheduler.get_schedule().group_name(group).name(name).send().await.unwrap();
            scheduler
                .update_schedule()
                .group_name(group)
                .name(name)
                .set_schedule_expression(found.schedule_expression)
                .set_schedule_expression_timezone(found.schedule_expression_timezone)
                .set_flexible_time_window(found.flexible_time_window)
                .set_target(found.target)
                .state(state.clone())
                .send()
                .await
                .unwrap();
        }
    }

    /// Uploads a file of the example to the landing bucket.
    pub(crate) async fn upload(&self, file: &str, key: &str) {
        let bytes = std::fs::read(self.project.path().join(file)).unwrap();
        self.put(key, &bytes).await;
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) {
        self.stack.stack.landing().unwrap().put(key, bytes, "text/csv").await.unwrap();
    }

    /// Keeps the events of new objects in the queue until [`World::deliver_loads`].
    pub(crate) fn hold_loads(&self) {
        self.enable_loads(false);
    }

    /// Waits until the queue holds this many events, at most 10, and gives them to on-load as one batch.
    pub(crate) async fn deliver_loads(&self, events: usize) {
        let queue = self.stack.stack.output("LoadsQueueUrl").unwrap();
        self.wait_for(&format!("{events} events in the queue"), async || {
            let waiting = self.queue_count(queue, &QueueAttributeName::ApproximateNumberOfMessages).await;
            (waiting == events).then_some(())
        })
        .await;
        self.enable_loads(true);
    }

    fn enable_loads(&self, enabled: bool) {
        let code = "import boto3, sys\n\
            client = boto3.client('lambda')\n\
            mapping, = client.list_event_source_mappings()['EventSourceMappings']\n\
            client.update_event_source_mapping(UUID=mapping['UUID'], Enabled=sys.argv[1] == 'true')";
        self.boto3(code, &[&enabled.to_string()]);
    }

    /// One of the counts that SQS gives of a queue.
    pub(crate) async fn queue_count(&self, queue: &str, name: &QueueAttributeName) -> usize {
        let sqs = aws_sdk_sqs::Client::new(self.stack.stack.sdk());
        let answer = sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone()).send().await.unwrap();
        answer.attributes.unwrap_or_default().get(name).map_or(0, |count| count.parse().unwrap())
    }

    pub(crate) async fn board(&self) -> Board {
        ledger::board(&self.stack.stack.state().unwrap()).await.unwrap()
    }

    /// Every line of the ledger, oldest first, read along its chain.
    pub(crate) async fn ledger_lines(&self) -> Vec<LedgerLine> {
        let store = self.stack.stack.state().unwrap();
        let board = ledger::board(&store).await.unwrap();
        let mut chain = Chain::new(&store, &board);
        let mut objects = Vec::new();
        while let Some(object) = chain.next().await.unwrap() {
            objects.push(object);
        }
        objects.into_iter().rev().flat_map(|object| object.lines).collect()
    }

    /// Waits until `look` returns a value. The message of a failure names `what`.
    pub(crate) async fn wait_for<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if began.elapsed() > DEADLINE {
                let lines = self.ledger_lines().await;
                let board = serde_json::to_string_pretty(&self.board().await).unwrap();
                panic!(
                    "not seen in {DEADLINE:?}: {what}\n{lines:#?}\n{board}\nlogs: {}",
                    self.stack.state.folder.display()
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits until every one of these keys has a line in the ledger.
    pub(crate) async fn recorded(&self, keys: &[&str]) {
        self.wait_for(&format!("{keys:?} in the ledger"), async || {
            let lines = self.ledger_lines().await;
            keys.iter().all(|key| !outcomes(&lines, key).is_empty()).then_some(())
        })
        .await;
    }

    /// Waits until at least this many runs have ended and no more work is in progress or about to start. Returns the
    /// lines of their ends. The runs of the first release do not count.
    pub(crate) async fn settled(&self, runs: usize) -> Vec<LedgerLine> {
        self.wait_for(&format!("{runs} runs settled"), async || {
            let board = self.board().await;
            let gathering = board.backlog.values().any(landfall_planner::BacklogEntry::is_gathering);
            let quiet =
                board.runs.is_empty() && board.docs.pending.is_empty() && board.announce.is_empty() && !gathering;
            let ends = self.new_ends().await;
            (quiet && ends.len() >= runs).then_some(ends)
        })
        .await
    }

    /// The runs that settled since what needs no load was built, oldest first.
    pub(crate) async fn new_ends(&self) -> Vec<LedgerLine> {
        ends(&self.ledger_lines().await).split_off(self.ended_before.load(Ordering::Relaxed))
    }

    pub(crate) async fn plan(&self, run: &RunId) -> Plan {
        let store = self.stack.stack.state().unwrap();
        ledger::document(&store, &Plan::key(run)).await.unwrap().unwrap()
    }

    pub(crate) async fn result(&self, run: &RunId, attempt: u32) -> RunResult {
        let store = self.stack.stack.state().unwrap();
        ledger::document(&store, &RunResult::key(run, attempt)).await.unwrap().unwrap()
    }

    /// Runs Python code with boto3, which the SAM CLI brings, and returns its output. Saves one more SDK crate.
    pub(crate) fn boto3(&self, code: &str, arguments: &[&str]) -> String {
        self.sam_python(&[&["-c", code], arguments].concat()).trim().to_owned()
    }

    /// Calls a function of the stack and waits for its answer, which must be no error.
    pub(crate) fn invoke(&self, function: &str, payload: &str) {
        let code = "import boto3, sys\n\
            client = boto3.client('lambda')\n\
            names = [f['FunctionName'] for f in client.list_functions()['Functions']]\n\
            name = next(n for n in names if sys.argv[1] in n)\n\
            answer = client.invoke(FunctionName=name, Payload=sys.argv[2])\n\
            sys.exit(answer['Payload'].read().decode() if answer.get('FunctionError') else 0)";
        self.boto3(code, &[function, payload]);
    }

    /// Calls the sweep, which the stack's disabled schedule does not call.
    pub(crate) fn sweep(&self) {
        self.invoke("OnSchedule", r#"{"sweep":true}"#);
    }

    /// The processes of this stack whose program has this name and whose environment contains all of these texts.
    pub(crate) fn processes(&self, program: &str, variables: &[&str]) -> Vec<u32> {
        // `e` adds the environment of each process, which tells tasks and functions apart.
        let output = Command::new("ps").args(["axeww", "-o", "pid=,command="]).output().unwrap();
        let endpoint = format!("AWS_ENDPOINT_URL={} ", self.stack.state.endpoint);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = text.lines().filter_map(|line| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            let named = command.split_whitespace().next()?.ends_with(program);
            let all = format!("{command} ");
            (named && all.contains(&endpoint) && variables.iter().all(|variable| all.contains(variable)))
                .then(|| pid.parse().unwrap())
        });
        ours.collect()
    }

    /// Runs a Python file that uses boto3, and returns its output.
    pub(crate) fn script(&self, script: &Path, arguments: &[&str]) -> String {
        self.sam_python(&[&[&*script.to_string_lossy()], arguments].concat())
    }

    fn sam_python(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.sam_python)
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.stack.state.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", landfall::emulated_account::REGION)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}:\n{out}\n{err}");
        out.into_owned()
    }
}

/// Sends a signal to processes that this test's stack started.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    for pid in processes {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid}");
    }
}

/// The lines of the ledger that say how a run ended.
pub(crate) fn ends(lines: &[LedgerLine]) -> Vec<LedgerLine> {
    let over = |line: &&LedgerLine| line.event.starts_with("run/") && line.event.ends_with("/settled");
    lines.iter().filter(over).cloned().collect()
}

/// The run and the attempt that a line is about.
pub(crate) fn run_of(line: &LedgerLine) -> (RunId, u32) {
    match &line.about {
        LedgerSubject::Run { run, attempt, .. } => (run.clone(), *attempt),
        other => panic!("a line about no run: {other:?}"),
    }
}

/// The outcomes of every line about the object with this key.
pub(crate) fn outcomes(lines: &[LedgerLine], wanted: &str) -> Vec<LedgerOutcome> {
    let about = |line: &&LedgerLine| matches!(&line.about, LedgerSubject::Object { key, .. } if key == wanted);
    lines.iter().filter(about).map(|line| line.outcome).collect()
}

/// The names of a plan's models, sorted.
pub(crate) fn models(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().filter_map(|node| node.id.as_str().strip_prefix("model.jaffle.")).collect()
}

/// The folder of the binaries, which `make test` builds first: cargo puts them beside this test.
pub(crate) fn binaries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}
