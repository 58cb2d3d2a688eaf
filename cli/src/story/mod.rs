//! What happens, told as it happens: the ledger's lines, dbt's own progress from the tasks' logs, and the docs.

mod tail;
mod words;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use landfall_aws::Store;
use landfall_planner::{LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId};

use crate::{
    docs_server::{self, Pointer},
    ledger::{Follower, StateError, document},
    local,
    terminal::Terminal,
};

use tail::Tail;
pub use words::{explain_plan, first_lines, nodes_in_words, settled_in_words};

/// Tells a stack's story from now on.
#[derive(Debug)]
pub struct Story {
    terminal: Terminal,
    state: Store,
    docs: Store,
    landing: String,
    follower: Follower,
    /// A local stack's folder, where the tasks' logs are.
    folder: Option<PathBuf>,
    docs_address: Option<String>,
    began: Instant,
    tails: BTreeMap<RunId, Tail>,
    pointer: Option<Pointer>,
    /// Every plan that was seen.
    pub plans: BTreeMap<RunId, Plan>,
}

/// What one look brought.
#[derive(Debug, Default)]
pub struct News {
    /// The ledger's new lines.
    pub lines: Vec<LedgerLine>,
    /// A new version of the docs.
    pub docs: Option<Pointer>,
}

impl Story {
    /// Of a stack, from now on.
    pub async fn from_now_on(
        terminal: &Terminal,
        stack: &crate::stack::Stack,
        docs_address: Option<String>,
    ) -> Result<Self, StoryError> {
        let (state, docs) = (stack.state()?, stack.docs()?);
        Ok(Self {
            terminal: terminal.clone(),
            follower: Follower::from_now_on(state.clone()).await?,
            state,
            pointer: docs_server::pointer(&docs).await.map_err(StoryError::Docs)?,
            docs,
            landing: stack.output("LandingBucket")?.to_owned(),
            folder: stack.local.as_ref().map(|local| local.folder.clone()),
            docs_address,
            began: Instant::now(),
            tails: BTreeMap::new(),
            plans: BTreeMap::new(),
        })
    }

    /// Times are told from here on.
    pub fn restart_clock(&mut self) {
        self.began = Instant::now();
    }

    /// The board as it was at the last look.
    pub fn board(&self) -> &landfall_planner::Board {
        &self.follower.board
    }

    /// Looks once and tells what is new.
    pub async fn look(&mut self) -> Result<News, StoryError> {
        let lines = self.follower.look().await?;
        for line in &lines {
            if let LedgerSubject::Run { run, .. } = &line.about {
                // A task's last words come before its end.
                self.tell_tail(run);
                if line.outcome == LedgerOutcome::Planned
                    && let Some(plan) = document(&self.state, &Plan::key(run)).await?
                {
                    self.plans.insert(run.clone(), plan);
                }
            }
            self.tell(line);
        }
        let tasks: Vec<(RunId, String)> = self
            .follower
            .board
            .runs
            .iter()
            .filter_map(|(id, run)| Some((id.clone(), run.attempt.task_arn.clone()?)))
            .collect();
        for (run, task_arn) in tasks {
            self.watch(&run, &task_arn);
            self.tell_tail(&run);
        }
        let docs = self.look_at_docs().await?;
        Ok(News { lines, docs })
    }

    /// Says a line with its time, what it is about in one word, and the rest.
    pub fn say(&self, word: &str, rest: &str) {
        let time = format!("{:.1} s", self.began.elapsed().as_secs_f64());
        let color = word_color(word);
        let word = console::style(format!("{word:<9}"));
        let word = color.map_or(word.clone(), |color| word.fg(color));
        let mut lines = rest.lines();
        self.terminal.say(format!("{time:>8}  {word} {}", lines.next().unwrap_or_default()));
        for line in lines {
            self.terminal.say(format!("{:>8}  {:<9} {line}", "", ""));
        }
    }

    fn tell(&mut self, line: &LedgerLine) {
        if let LedgerSubject::Run { run, task_arn, .. } = &line.about {
            if let Some(task_arn) = task_arn {
                self.watch(run, task_arn);
            }
            if matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed) {
                self.tails.remove(run);
            }
        }
        let plan = match &line.about {
            LedgerSubject::Run { run, .. } => self.plans.get(run),
            _ => None,
        };
        let (word, rest) = words::line(line, plan, &self.landing);
        self.say(word, &rest);
    }

    fn watch(&mut self, run: &RunId, task_arn: &str) {
        let Some(folder) = &self.folder else { return };
        let file = local::task_log(folder, task_arn);
        if self.tails.get(run).is_none_or(|tail| tail.file() != file) {
            self.tails.insert(run.clone(), Tail::new(file));
        }
    }

    fn tell_tail(&mut self, run: &RunId) {
        let Some(tail) = self.tails.get_mut(run) else { return };
        let lines = tail.new_lines();
        let told: Vec<String> = lines.iter().filter_map(|line| tail.worth_telling(line).map(str::to_owned)).collect();
        for line in told {
            self.say("dbt", &console::style(line).dim().to_string());
        }
    }

    async fn look_at_docs(&mut self) -> Result<Option<Pointer>, StoryError> {
        let pointer = docs_server::pointer(&self.docs).await.map_err(StoryError::Docs)?;
        let is_new = pointer.as_ref().map(|p| &p.version) != self.pointer.as_ref().map(|p| &p.version);
        if !is_new {
            return Ok(None);
        }
        self.pointer.clone_from(&pointer);
        if let Some(pointer) = &pointer {
            let place = self.docs_address.as_deref().unwrap_or("`landfall docs` shows them");
            self.say("docs", &format!("version {} published: {place}", pointer.version));
        }
        Ok(pointer)
    }
}

fn word_color(word: &str) -> Option<console::Color> {
    match word {
        "settled" | "docs" => Some(console::Color::Green),
        "failed" | "refused" | "malformed" => Some(console::Color::Red),
        "unmapped" | "retried" | "dropped" => Some(console::Color::Yellow),
        "landed" | "loaded" | "planned" | "started" => Some(console::Color::Cyan),
        _ => None,
    }
}

/// The story cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The stack.
    #[error(transparent)]
    Stack(#[from] crate::stack::StackError),
    /// Board and ledger.
    #[error(transparent)]
    State(#[from] StateError),
    /// The docs' pointer.
    #[error("{0}")]
    Docs(String),
}
