//! Admission: which backlog entries become runs now. Ready entries that need the same kind of run merge into one run
//! (L4). Leases decide which runs may be live at the same time (L3). An entry past the fairness limit reserves what
//! it needs (L9).

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::run_kind::RunKind;
use super::{
    admission_queue::{Candidate, Queue, obstacle},
    decision::DecisionBuilder,
};
use crate::{Budget, DeadLetters, LedgerOutcome, LedgerSubject, LimitReached, Release, Trigger};

impl DecisionBuilder<'_> {
    /// Ends what is over by time alone: gathering, drains, the window of `limits.runs_per_day`; and removes empty
    /// entries.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        self.end_waits();
        self.board.draining.retain(|draining| draining.until > now);
        self.board.backlog.retain(|_, entry| !entry.nodes.is_empty());
        for (trigger, entry) in &self.board.backlog {
            let Trigger::Load(name) = trigger else { continue };
            let loads_itself = self.release.and_then(|r| r.dataset(name)).is_some_and(|d| !d.before.is_empty());
            if !entry.is_gathering() && !loads_itself {
                self.board.datasets.entry(name.clone()).or_default().loaded = true;
            }
        }
        if now.duration_since(self.board.budget.since) >= SignedDuration::from_hours(24) {
            self.board.budget = Budget { since: now, runs: 0 };
            self.board.limit_reached = None;
        }
    }

    pub(super) fn admit(&mut self) {
        let Some(release) = self.release.filter(|release| self.board.release.as_ref() == Some(release.id())) else {
            return;
        };
        if !self.context.rules.runs_are_spent(&self.board, release) {
            self.board.limit_reached = None;
        }
        let mut queue = Queue::of(&self.board, release, self.now, self.context.rules);
        for idle in &queue.idle {
            self.drop_idle_job(idle);
        }
        let (clear, idle) = (std::mem::take(&mut queue.clear), std::mem::take(&mut queue.idle));
        let mut groups: BTreeMap<RunKind, Vec<&Candidate>> = BTreeMap::new();
        for candidate in &clear {
            let Some(trigger) = candidate.triggers.first() else { continue };
            groups.entry(self.context.rules.run_kind(&self.board, release, trigger)).or_default().push(candidate);
        }
        let mut groups: Vec<(RunKind, Vec<&Candidate>)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, group)| group.first().map(|oldest| oldest.since));
        for (kind, clear) in groups {
            let same_kind = |idle: &&Candidate| {
                let trigger = idle.triggers.first();
                trigger.is_some_and(|trigger| self.context.rules.run_kind(&self.board, release, trigger) == kind)
            };
            let idle: Vec<&Candidate> = idle.iter().filter(same_kind).collect();
            let all: Vec<&Candidate> = clear.iter().chain(&idle).copied().collect();
            // Idle candidates can run only together with what builds their parents. If that larger run meets an
            // obstacle, the clear ones run without them.
            if self.admit_group(release, &all, &queue) || !idle.is_empty() && self.admit_group(release, &clear, &queue)
            {
                continue;
            }
            for candidate in &clear {
                // A single candidate was tried above. A run that this decision has just planned may be what keeps it.
                // It still reserves what it needs, so that no younger candidate of this decision takes it.
                if clear.len() == 1 || !self.admit_group(release, &[candidate], &queue) {
                    queue.reserve(candidate, self.now);
                }
            }
        }
    }

    /// Plans one run for these candidates if nothing keeps it. Returns whether it did.
    fn admit_group(&mut self, release: &Release, group: &[&Candidate], queue: &Queue<'_>) -> bool {
        let most = release.compiled.runs.max_parallel;
        let spent = self.context.rules.runs_are_spent(&self.board, release);
        if self.board.runs.len() >= most || spent && self.board.limit_reached.is_some() {
            return false;
        }
        let triggers: Vec<Trigger> = group.iter().flat_map(|candidate| candidate.triggers.clone()).collect();
        let youngest = group.iter().map(|candidate| candidate.since).max().unwrap_or(self.now);
        let candidate = queue.candidate(&self.board, &triggers);
        let taken = self.board.runs.len() + usize::from(queue.slot_reserved(candidate.since));
        if candidate.triggers.is_empty() || taken >= most {
            return false;
        }
        let leases = candidate.leases(release);
        // The queue was built before this decision planned its first run. The board has those runs, too.
        if obstacle(&self.board, release, &leases, self.context.rules)
            .or_else(|| queue.reserved_by_older(&candidate, &leases, youngest))
            .is_some()
        {
            return false;
        }
        if spent {
            self.reach_limit();
            return false;
        }
        self.plan(release, &candidate, leases);
        true
    }

    /// Records once a window that `limits.runs_per_day` is reached: on the board, in the ledger, and by an effect on
    /// the event bus.
    fn reach_limit(&mut self) {
        if self.board.limit_reached.is_some() {
            return;
        }
        let Budget { since, runs } = self.board.budget;
        let until = since + SignedDuration::from_hours(24);
        self.board.limit_reached = Some(LimitReached { since: self.now, runs, until, announced: false });
        let detail = format!(
            "{runs} runs were planned since {since}, the most that limits.runs_per_day allows; pending nodes wait until {until} or for a release that raises the limit"
        );
        self.line(format!("limit/{since}"), LedgerSubject::Limit { runs }, LedgerOutcome::Refused, detail);
    }

    /// Records how many messages the dead-letter queues hold.
    pub(super) fn dead_letters(&mut self, loads: u64, functions: u64) {
        let since = self.board.dead_letters.map_or(self.now, |known| known.since);
        self.board.dead_letters = (loads > 0 || functions > 0).then_some(DeadLetters { loads, functions, since });
    }

    /// Removes the entry of a job of which no node can run. The next scheduled time opens it again.
    fn drop_idle_job(&mut self, idle: &Candidate) {
        for trigger in &idle.triggers {
            let (Trigger::Job(job), Some(entry)) = (trigger, self.board.backlog.get(trigger)) else { continue };
            let about = LedgerSubject::Schedule { job: job.clone(), scheduled_time: entry.last.clone() };
            let event = format!("job/{job}/{}", entry.generation);
            self.board.backlog.remove(trigger);
            let why = idle.split.waiting.values().next();
            let detail = format!("no node of the job can run: it {}", why.map_or("selects nothing", String::as_str));
            self.line(event, about, LedgerOutcome::Dropped, detail);
        }
    }
}
