//! Admission: which debts become runs now. Ready debts of equal steps merge into one run (L4); leases decide what may live at once (L3); the oldest
//! that waits too long reserves its place (L9).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Deciding, PATIENCE,
    leases::{Leases, Taken},
    waiting::split,
};
use crate::{Board, Budget, Cause, DatasetName, Debt, LedgerOutcome, Release, Set};

/// Debts that one run can pay, because it does the same for each of them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) causes: Vec<Cause>,
    pub(super) since: Timestamp,
}

impl Debt {
    /// What of it may be tried: not what failed, nor what is built from that.
    fn open_nodes(&self, release: &Release) -> Cow<'_, Set> {
        match &self.stuck {
            Some(stuck) => {
                let open = self.nodes.minus(&stuck.nodes);
                Cow::Owned(open.minus(&release.graph().descendants(&stuck.nodes, &self.nodes)))
            }
            None => Cow::Borrowed(&self.nodes),
        }
    }
}

/// When the debt may be planned; `None`: now, as far as time goes.
pub(crate) fn due(board: &Board, release: &Release, cause: &Cause, debt: &Debt, now: Timestamp) -> Option<Timestamp> {
    let ready = debt.ready_at.filter(|at| *at > now);
    let Cause::Load(name) = cause else { return ready };
    let rested = release
        .dataset(name)
        .and_then(|dataset| Some(board.datasets.get(name)?.last_run? + dataset.min_interval.0))
        .filter(|at| *at > now);
    ready.max(rested)
}

/// The generations that live runs have in their plans.
fn live(board: &Board) -> HashSet<(&Cause, u64)> {
    board.runs.values().flat_map(|run| &run.causes).map(|c| (&c.cause, c.generation)).collect()
}

impl Deciding<'_> {
    /// Lets gathering debts become ready, and ends empty ones.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        self.board.owed.retain(|_, debt| !debt.nodes.is_empty());
        for (cause, debt) in &mut self.board.owed {
            if debt.ready_at.is_some_and(|at| at <= now) {
                debt.ready_at = None;
                debt.at_most = None;
            }
            let Cause::Load(name) = cause else { continue };
            let loads_itself = self.release.and_then(|r| r.dataset(name)).is_some_and(|d| !d.before.is_empty());
            if debt.ready_at.is_none() && !loads_itself {
                self.board.datasets.entry(name.clone()).or_default().loaded = true;
            }
        }
        if now.duration_since(self.board.budget.since) >= SignedDuration::from_hours(24) {
            self.board.budget = Budget { since: now, runs: 0 };
        }
    }

    pub(super) fn admit(&mut self) {
        let Some(release) = self.release.filter(|release| self.board.release.as_ref() == Some(release.id())) else {
            return;
        };
        let live = live(&self.board);
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut ready: Vec<(Timestamp, Cause)> = self
            .board
            .owed
            .iter()
            .filter(|(cause, debt)| {
                due(&self.board, release, cause, debt, self.now).is_none()
                    && !debt.open_nodes(release).is_empty()
                    && !live.contains(&(*cause, debt.generation))
            })
            .map(|(cause, debt)| (debt.since, cause.clone()))
            .collect();
        if ready.is_empty() {
            return;
        }
        ready.sort();
        let mut taken = Taken::by(release, self.board.runs.values());
        for (since, cause) in ready {
            let Some(debt) = self.board.owed.get(&cause) else { continue };
            let nodes = debt.open_nodes(release);
            if taken.holds_up(&nodes, &cause) {
                if self.now.duration_since(since) > PATIENCE {
                    taken.reserve(&nodes, &cause);
                }
                continue;
            }
            let group = groups.entry(self.signature(release, &cause)).or_insert(Group { causes: Vec::new(), since });
            group.causes.push(cause);
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| group.since);
        for group in groups {
            self.admit_group(release, &group);
        }
    }

    fn admit_group(&mut self, release: &Release, group: &Group) {
        let mut candidates = Set::new();
        for debt in group.causes.iter().filter_map(|cause| self.board.owed.get(cause)) {
            candidates.add(&debt.open_nodes(release));
        }
        // A continued debt was loaded by the run before: only a new generation loads again.
        let loading: BTreeSet<&DatasetName> = group
            .causes
            .iter()
            .filter_map(|cause| match cause {
                Cause::Load(name) if self.loads_first(release, cause) => Some(name),
                _ => None,
            })
            .collect();
        let split = split(release, &self.board, &candidates, &loading);
        if split.run.is_empty() && loading.is_empty() {
            return self.drop_idle_jobs(group, split.waiting.values().next());
        }
        // A cause of which nothing can run now is not planned: it goes on waiting, and tells nobody otherwise.
        let runs = |cause: &Cause| {
            let loads_itself = matches!(cause, Cause::Load(name) if loading.contains(name));
            loads_itself || self.board.owed.get(cause).is_some_and(|debt| debt.open_nodes(release).meets(&split.run))
        };
        let causes: Vec<Cause> = group.causes.iter().filter(|cause| runs(cause)).cloned().collect();
        let group = &Group { causes, since: group.since };
        let leases = Leases::of(release, &split.run, &group.causes);
        let full = self.board.runs.len() >= release.compiled.runs.max_parallel;
        let spent = self.board.budget.runs >= release.compiled.limits.runs_per_day;
        if full || spent || self.held(&leases) {
            return;
        }
        self.plan(release, group, &split, leases);
    }

    /// A job whose every node waits has nothing to do this time.
    fn drop_idle_jobs(&mut self, group: &Group, why: Option<&String>) {
        for cause in &group.causes {
            let (Cause::Job(job), Some(debt)) = (cause, self.board.owed.get(cause)) else { continue };
            let about = crate::About::Schedule { job: job.clone(), scheduled_time: debt.last.clone() };
            let event = format!("job/{job}/{}", debt.generation);
            self.board.owed.remove(cause);
            let detail = format!("nothing of it can run: it {}", why.map_or("selects nothing", String::as_str));
            self.line(event, about, LedgerOutcome::Dropped, detail);
        }
    }

    fn held(&self, leases: &Leases) -> bool {
        self.board.runs.values().any(|run| Leases::held_by(run).conflict(leases))
    }

    /// Whether a run for the cause has something to do before it builds.
    pub(super) fn loads_first(&self, release: &Release, cause: &Cause) -> bool {
        let Cause::Load(name) = cause else { return false };
        let does = release.dataset(name).is_some_and(|dataset| !dataset.before.is_empty());
        does && self.board.owed.get(cause).is_some_and(|debt| !debt.planned)
    }

    /// Only what does the same merges: a load that must do something first, and a job, have runs of their own.
    fn signature(&self, release: &Release, cause: &Cause) -> String {
        match cause {
            Cause::Load(name) if self.loads_first(release, cause) => format!("before {name}"),
            Cause::Job(job) => format!("job {job}"),
            Cause::Load(_) | Cause::Release | Cause::Person => "build".to_owned(),
        }
    }
}
