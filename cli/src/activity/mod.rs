//! The activity of a stack, printed as it happens: the ledger's lines, dbt's progress from the tasks' logs, and new
//! docs.

mod task_log;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use landfall_aws::Store;
use landfall_planner::{Board, LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId, TaskArn};

use crate::{
    describe,
    docs_server::{self, DocsPointer},
    ledger::{LedgerFollower, StateError, document},
    local,
    stack::{Stack, StackError},
    terminal::Terminal,
};

use task_log::TaskLog;

/// Errors of reading a stack's activity.
#[derive(Debug, thiserror::Error)]
pub enum ActivityError {
    /// The stack lacks an output.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The board or the ledger cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The pointer to the published docs cannot be read.
    #[error("{0}")]
    Docs(String),
}

/// Reads a stack's ledger, logs and docs, and prints what is new.
#[derive(Debug)]
pub struct Activity {
    terminal: Terminal,
    state: Store,
    docs: Store,
    landing_bucket: String,
    follower: LedgerFollower,
    /// The folder of a local stack, which holds the logs of the tasks.
    folder: Option<PathBuf>,
    docs_address: Option<String>,
    began: Instant,
    logs: BTreeMap<RunId, TaskLog>,
    pointer: Option<DocsPointer>,
    /// The plans of all runs that were planned since the start.
    pub plans: BTreeMap<RunId, Plan>,
}

/// The new lines and docs of one poll.
#[derive(Debug, Default)]
pub struct ActivityUpdate {
    /// The new lines of the ledger.
    pub lines: Vec<LedgerLine>,
    /// The new version of the docs.
    pub docs: Option<DocsPointer>,
}

impl Activity {
    /// Starts at the current end of the ledger.
    ///
    /// # Errors
    ///
    /// The board or the docs cannot be read.
    pub async fn from_now_on(
        terminal: &Terminal,
        stack: &Stack,
        docs_address: Option<String>,
    ) -> Result<Self, ActivityError> {
        let (state, docs) = (stack.state()?, stack.docs()?);
        Ok(Self {
            terminal: terminal.clone(),
            follower: LedgerFollower::from_now_on(state.clone()).await?,
            state,
            pointer: docs_server::pointer(&docs).await.map_err(ActivityError::Docs)?,
            docs,
            landing_bucket: stack.output("LandingBucket")?.to_owned(),
            folder: stack.local.as_ref().map(|local| local.folder.clone()),
            docs_address,
            began: Instant::now(),
            logs: BTreeMap::new(),
            plans: BTreeMap::new(),
        })
    }

    /// Sets the start of the printed times to now.
    pub fn restart_clock(&mut self) {
        self.began = Instant::now();
    }

    /// The board as of the last poll.
    pub fn board(&self) -> &Board {
        &self.follower.board
    }

    /// Reads once, prints what is new and returns it.
    ///
    /// # Errors
    ///
    /// The board, the ledger or the docs cannot be read.
    pub async fn poll(&mut self) -> Result<ActivityUpdate, ActivityError> {
        let lines = self.follower.poll().await?;
        for line in &lines {
            if let LedgerSubject::Run { run, .. } = &line.about {
                // The last lines of a task's log come before the line of its end.
                self.print_log(run);
                if line.outcome == LedgerOutcome::Planned
                    && let Some(plan) = document(&self.state, &Plan::key(run)).await?
                {
                    self.plans.insert(run.clone(), plan);
                }
            }
            self.print_line(line);
        }
        let tasks: Vec<(RunId, TaskArn)> = self
            .follower
            .board
            .runs
            .iter()
            .filter_map(|(id, run)| Some((id.clone(), run.attempt.task_arn()?.clone())))
            .collect();
        for (run, task_arn) in tasks {
            self.open_log(&run, &task_arn);
            self.print_log(&run);
        }
        let docs = self.poll_docs().await?;
        Ok(ActivityUpdate { lines, docs })
    }

    /// Prints the time since the start, a keyword and a text; further lines of the text are indented.
    pub fn print(&self, keyword: &str, text: &str) {
        let time = format!("{:.1} s", self.began.elapsed().as_secs_f64());
        let color = keyword_color(keyword);
        let keyword = console::style(format!("{keyword:<9}"));
        let keyword = color.map_or(keyword.clone(), |color| keyword.fg(color));
        let mut lines = text.lines();
        self.terminal.print(format!("{time:>8}  {keyword} {}", lines.next().unwrap_or_default()));
        for line in lines {
            self.terminal.print(format!("{:>8}  {:<9} {line}", "", ""));
        }
    }

    fn print_line(&mut self, line: &LedgerLine) {
        if let LedgerSubject::Run { run, task_arn, .. } = &line.about {
            if let Some(task_arn) = task_arn {
                self.open_log(run, task_arn);
            }
            if matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed) {
                self.logs.remove(run);
            }
        }
        let plan = match &line.about {
            LedgerSubject::Run { run, .. } => self.plans.get(run),
            _ => None,
        };
        let (keyword, text) = describe::ledger_line(line, plan, &self.landing_bucket);
        self.print(keyword, &text);
    }

    fn open_log(&mut self, run: &RunId, task_arn: &TaskArn) {
        let Some(folder) = &self.folder else { return };
        let file = local::task_log(folder, task_arn);
        if self.logs.get(run).is_none_or(|log| log.file() != file) {
            self.logs.insert(run.clone(), TaskLog::new(file));
        }
    }

    fn print_log(&mut self, run: &RunId) {
        let Some(log) = self.logs.get_mut(run) else { return };
        let lines = log.new_lines();
        let shown: Vec<String> = lines.iter().filter_map(|line| log.shown_part(line).map(str::to_owned)).collect();
        for line in shown {
            self.print("dbt", &console::style(line).dim().to_string());
        }
    }

    async fn poll_docs(&mut self) -> Result<Option<DocsPointer>, ActivityError> {
        let pointer = docs_server::pointer(&self.docs).await.map_err(ActivityError::Docs)?;
        let is_new = pointer.as_ref().map(|p| &p.version) != self.pointer.as_ref().map(|p| &p.version);
        if !is_new {
            return Ok(None);
        }
        self.pointer.clone_from(&pointer);
        if let Some(pointer) = &pointer {
            let place = self.docs_address.as_deref().unwrap_or("`landfall docs` shows them");
            self.print("docs", &format!("version {} published: {place}", pointer.version));
        }
        Ok(pointer)
    }
}

fn keyword_color(keyword: &str) -> Option<console::Color> {
    match keyword {
        "succeeded" | "docs" => Some(console::Color::Green),
        "failed" | "refused" | "malformed" => Some(console::Color::Red),
        "unmapped" | "retried" | "dropped" => Some(console::Color::Yellow),
        "landed" | "loaded" | "planned" | "started" => Some(console::Color::Cyan),
        _ => None,
    }
}
