//! Admission: which backlog entries become runs now. Ready backlog entries of equal steps merge into one run (L4); leases decide what may live at once (L3); the oldest
//! that waits too long reserves its place (L9).

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::run_kind::RunKind;
use super::{
    admission_queue::{Candidate, Queue, obstacle},
    decision::DecisionBuilder,
};
use crate::{Budget, DeadLetters, LedgerOutcome, LedgerSubject, LimitReached, Release, Trigger};

impl DecisionBuilder<'_> {
    /// Lets gathering backlog entries become ready, and ends empty ones and what is drained.
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
        if self.board.budget.runs < release.compiled.limits.runs_per_day {
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
            // Together more of them could run than alone, and that may be what something keeps: then as many as can.
            if self.admit_group(release, &all, &queue) || !idle.is_empty() && self.admit_group(release, &clear, &queue)
            {
                continue;
            }
            for candidate in &clear {
                // Alone it was tried a moment ago. What keeps it now may be a run that was planned a moment ago: the young still do not overtake it.
                if clear.len() == 1 || !self.admit_group(release, &[candidate], &queue) {
                    queue.reserve(candidate, self.now);
                }
            }
        }
    }

    /// Whether a run of these triggers was planned.
    fn admit_group(&mut self, release: &Release, group: &[&Candidate], queue: &Queue<'_>) -> bool {
        let most = release.compiled.runs.max_parallel;
        let spent = self.board.budget.runs >= release.compiled.limits.runs_per_day;
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
        // The queue does not know of the runs that were planned a moment ago; the board does.
        if obstacle(&self.board, release, &leases, self.context.rules)
            .or_else(|| queue.older(&candidate, &leases, youngest))
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

    /// Says so once a window: on the board, in the ledger, and (`effects`) on the event bus.
    fn reach_limit(&mut self) {
        if self.board.limit_reached.is_some() {
            return;
        }
        let Budget { since, runs } = self.board.budget;
        let until = since + SignedDuration::from_hours(24);
        self.board.limit_reached = Some(LimitReached { since: self.now, runs, until, told: false });
        let detail = format!(
            "{runs} runs were planned since {since}, as many as limits.runs_per_day allows: what is pending waits until {until}, or for a release that allows more"
        );
        self.line(format!("limit/{since}"), LedgerSubject::Limit { runs }, LedgerOutcome::Refused, detail);
    }

    /// What the dead-letter queues hold.
    pub(super) fn dead_letters(&mut self, loads: u64, functions: u64) {
        let since = self.board.dead_letters.map_or(self.now, |known| known.since);
        self.board.dead_letters = (loads > 0 || functions > 0).then_some(DeadLetters { loads, functions, since });
    }

    /// A job whose every node waits has nothing to do this time.
    fn drop_idle_job(&mut self, idle: &Candidate) {
        for trigger in &idle.triggers {
            let (Trigger::Job(job), Some(entry)) = (trigger, self.board.backlog.get(trigger)) else { continue };
            let about = LedgerSubject::Schedule { job: job.clone(), scheduled_time: entry.last.clone() };
            let event = format!("job/{job}/{}", entry.generation);
            self.board.backlog.remove(trigger);
            let why = idle.split.waiting.values().next();
            let detail = format!("nothing of it can run: it {}", why.map_or("selects nothing", String::as_str));
            self.line(event, about, LedgerOutcome::Dropped, detail);
        }
    }
}
