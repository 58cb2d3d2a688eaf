//! A whole stack on this machine, with the example project released: the emulator, the deployed template, the real binaries, real dbt.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use landfall::{
    dbt::Dbt,
    home::Home,
    ledger::{self, Chain},
    local::{self, Environments, LocalError, LocalOptions, LocalStack},
    release::Released,
    terminal::Terminal,
};
use landfall_planner::{Board, LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId, RunResult};

/// How long anything may take on a machine that is busy with other tests.
const FAIRNESS_LIMIT: Duration = Duration::from_mins(4);
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct World {
    pub(crate) stack: LocalStack,
    pub(crate) project: tempfile::TempDir,
    pub(crate) warehouse: PathBuf,
    pub(crate) options: LocalOptions,
    pub(crate) environments: Environments,
    python: PathBuf,
    sam_python: PathBuf,
    /// After the stack: fields are dropped in their order.
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
    /// Deploys under a name of its own and releases a copy of the example, to which `edit` may do what it likes.
    pub(crate) async fn start(name: &str, edit: impl FnOnce(&Path)) -> Self {
        Self::start_with(name, "example", |project, _| edit(project)).await
    }

    /// The same with any project of this repository. `edit` may set variables of the project too.
    pub(crate) async fn start_with(
        name: &str,
        from: &str,
        edit: impl FnOnce(&Path, &mut BTreeMap<String, String>),
    ) -> Self {
        let world = Self::deployed(name, from).await;
        let mut variables = world.variables();
        edit(world.project.path(), &mut variables);
        world.release(variables).await;
        world
    }

    /// What the project is told of where it is.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.stack.project_variables();
        variables.insert("DUCKDB_PATH".to_owned(), self.warehouse.to_string_lossy().into_owned());
        variables
    }

    /// Releases the project as it is now.
    pub(crate) async fn release(&self, variables: BTreeMap<String, String>) {
        self.tries_to_release(variables).await.unwrap();
    }

    pub(crate) async fn tries_to_release(&self, variables: BTreeMap<String, String>) -> Result<Released, LocalError> {
        let program = self.python.with_file_name("dbt");
        let dbt = Dbt { program, profiles: None, target: Some("local".to_owned()), variables };
        self.stack.release(&Terminal::silent(), self.project.path(), &dbt).await
    }

    /// Deploys under a name of its own, with a copy of a project of this repository, and releases nothing.
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
        Self { stack, project, warehouse, options, environments, python, sam_python, _folder: folder }
    }

    /// Puts a file of the example into the landing bucket.
    pub(crate) async fn land(&self, file: &str, key: &str) {
        let bytes = std::fs::read(self.project.path().join(file)).unwrap();
        self.put(key, &bytes).await;
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) {
        self.stack.stack.landing().unwrap().put(key, bytes, "text/csv").await.unwrap();
    }

    pub(crate) async fn board(&self) -> Board {
        ledger::board(&self.stack.stack.state().unwrap()).await.unwrap()
    }

    /// Every line of the ledger, oldest first, read along its chain.
    pub(crate) async fn lines(&self) -> Vec<LedgerLine> {
        let store = self.stack.stack.state().unwrap();
        let board = ledger::board(&store).await.unwrap();
        let mut chain = Chain::new(&store, &board);
        let mut objects = Vec::new();
        while let Some(object) = chain.next().await.unwrap() {
            objects.push(object);
        }
        objects.into_iter().rev().flat_map(|object| object.lines).collect()
    }

    /// Waits until the look gives something.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if began.elapsed() > FAIRNESS_LIMIT {
                let lines = self.lines().await;
                let board = serde_json::to_string_pretty(&self.board().await).unwrap();
                panic!(
                    "not seen in {FAIRNESS_LIMIT:?}: {what}\n{lines:#?}\n{board}\nlogs: {}",
                    self.stack.state.folder.display()
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits until so many runs are over and nothing lives or is about to, and gives the ends.
    pub(crate) async fn settled(&self, runs: usize) -> Vec<LedgerLine> {
        self.until(&format!("{runs} runs settled"), async || {
            let board = self.board().await;
            let gathering = board.backlog.values().any(landfall_planner::BacklogEntry::is_gathering);
            let quiet =
                board.runs.is_empty() && board.docs.pending.is_empty() && board.announce.is_empty() && !gathering;
            let ends = ends(&self.lines().await);
            (quiet && ends.len() >= runs).then_some(ends)
        })
        .await
    }

    pub(crate) async fn plan(&self, run: &RunId) -> Plan {
        let store = self.stack.stack.state().unwrap();
        ledger::document(&store, &Plan::key(run)).await.unwrap().unwrap()
    }

    pub(crate) async fn result(&self, run: &RunId, attempt: u32) -> RunResult {
        let store = self.stack.stack.state().unwrap();
        ledger::document(&store, &RunResult::key(run, attempt)).await.unwrap().unwrap()
    }

    /// What a script prints: boto3 comes with the SAM CLI, and saves one more SDK crate.
    pub(crate) fn boto3(&self, code: &str, arguments: &[&str]) -> String {
        self.python_of_sam(&[&["-c", code], arguments].concat()).trim().to_owned()
    }

    /// Calls a function of the stack and waits for its answer.
    pub(crate) fn invoke(&self, function: &str, payload: &str) {
        let code = "import boto3, sys\n\
            client = boto3.client('lambda')\n\
            names = [f['FunctionName'] for f in client.list_functions()['Functions']]\n\
            name = next(n for n in names if sys.argv[1] in n)\n\
            answer = client.invoke(FunctionName=name, Payload=sys.argv[2])\n\
            sys.exit(answer['Payload'].read().decode() if answer.get('FunctionError') else 0)";
        self.boto3(code, &[function, payload]);
    }

    /// Lets time pass for the stack, as its schedule does each minute.
    pub(crate) fn sweep(&self) {
        self.invoke("OnSchedule", r#"{"sweep":true}"#);
    }

    /// The processes of this stack whose program has this name and whose environment holds these words.
    pub(crate) fn processes(&self, program: &str, words: &[&str]) -> Vec<u32> {
        // With the environment of each: the words of a task or a function that nothing else has.
        let output = Command::new("ps").args(["axeww", "-o", "pid=,command="]).output().unwrap();
        let endpoint = format!("AWS_ENDPOINT_URL={} ", self.stack.state.endpoint);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = text.lines().filter_map(|line| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            let named = command.split_whitespace().next()?.ends_with(program);
            let all = format!("{command} ");
            (named && all.contains(&endpoint) && words.iter().all(|word| all.contains(word)))
                .then(|| pid.parse().unwrap())
        });
        ours.collect()
    }

    /// What a script of boto3's says, given as a file and arguments; its standard output.
    pub(crate) fn script(&self, script: &Path, arguments: &[&str]) -> String {
        self.python_of_sam(&[&[&*script.to_string_lossy()], arguments].concat())
    }

    fn python_of_sam(&self, arguments: &[&str]) -> String {
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

    /// One number or text from the warehouse, by DuckDB itself.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.ask_of(&self.warehouse, sql)
    }

    /// One number or text from files, by DuckDB itself.
    pub(crate) fn ask_files(&self, sql: &str) -> String {
        self.ask_of(Path::new(":memory:"), sql)
    }

    fn ask_of(&self, database: &Path, sql: &str) -> String {
        let code = "import duckdb, sys\n\
            print(duckdb.connect(sys.argv[1], read_only=sys.argv[1] != ':memory:').execute(sys.argv[2]).fetchone()[0])";
        let output = Command::new(&self.python).args(["-c", code]).arg(database).arg(sql).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A signal to processes that this test's stack started.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    for pid in processes {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid}");
    }
}

/// The ends of runs in the ledger.
pub(crate) fn ends(lines: &[LedgerLine]) -> Vec<LedgerLine> {
    let over = |line: &&LedgerLine| line.event.starts_with("run/") && line.event.ends_with("/settled");
    lines.iter().filter(over).cloned().collect()
}

/// The run that a line is about.
pub(crate) fn run_of(line: &LedgerLine) -> (RunId, u32) {
    match &line.about {
        LedgerSubject::Run { run, attempt, .. } => (run.clone(), *attempt),
        other => panic!("about no run: {other:?}"),
    }
}

/// What became of an object, by its key: the outcomes of every line about it.
pub(crate) fn outcomes(lines: &[LedgerLine], wanted: &str) -> Vec<LedgerOutcome> {
    let about = |line: &&LedgerLine| matches!(&line.about, LedgerSubject::Object { key, .. } if key == wanted);
    lines.iter().filter(about).map(|line| line.outcome).collect()
}

/// The models of a plan, by name, sorted.
pub(crate) fn models(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().filter_map(|node| node.id.as_str().strip_prefix("model.jaffle.")).collect()
}

/// Beside this test, where cargo put them: `make test` builds them first.
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
