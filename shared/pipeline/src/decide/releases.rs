//! Releases: a new version of the project takes its place, and owes what differs.

use super::Deciding;
use crate::safeguards::{Safeguard, keeps};
use crate::{
    About, AttemptState, Cause, Debt, FirstRelease, LedgerOutcome, Release, ReleaseId, Set, Stuck, graph::Kind,
};

impl<'a> Deciding<'a> {
    pub(super) fn refuse(&mut self, release: &ReleaseId, reason: &str) {
        let about = About::Release { release: release.clone() };
        self.line(format!("release/{release}"), about, LedgerOutcome::Refused, reason);
    }

    /// Puts a compiled release into place. It must have been compiled against the one in place, because the board's sets are numbered by the
    /// dictionaries that run through both; if another came between, nothing is decided and the caller compiles again.
    pub(super) fn offer(&mut self, release: &'a Release, force: bool) {
        let id = release.id().clone();
        if self.board.release.as_ref() == Some(&id) || release.compiled.base != self.board.release {
            return;
        }
        if let Some(current) = self.board.release.as_ref().filter(|current| **current > id && !force) {
            let reason = format!(
                "it is older than {current}, which is in place; `landfall release --force` puts it there all the same"
            );
            return self.refuse(&id, &reason);
        }
        let old = self.release;
        if old.is_none() {
            self.adopt(release);
        }
        self.board.release = Some(id.clone());
        self.release = Some(release);
        self.owe_release(release, force);
        self.resolve_loads(old, release);
        for run in self.board.runs.values_mut().filter(|run| run.release != id) {
            if run.attempt.state == AttemptState::Starting {
                run.attempt.state = AttemptState::Voiding;
            }
        }
        let owed = self.board.owed.get(&Cause::Release).map_or(0, |debt| debt.nodes.len());
        let datasets = release.compiled.datasets.len();
        let detail = format!(
            "in place: {datasets} datasets, {} jobs; {owed} nodes are owed for it",
            release.compiled.jobs.len()
        );
        self.line(format!("release/{id}"), About::Release { release: id }, LedgerOutcome::Accepted, detail);
    }

    /// What is in the warehouse already counts as built, and the sources of it as loaded.
    fn adopt(&mut self, release: &Release) {
        if release.compiled.release_config.first != FirstRelease::Adopt {
            return;
        }
        self.board.built = self.board.built.union(&release.compiled.existing);
        for (name, dataset) in &release.compiled.datasets {
            let source = dataset.source.as_ref().and_then(|id| release.ordinal(id));
            let children = source.map(|source| release.graph().children(source));
            let read = children.unwrap_or_default().iter().any(|child| self.board.built.contains(*child));
            if read {
                self.board.datasets.entry(name.clone()).or_default().loaded = true;
            }
        }
    }

    /// The nodes that differ from the release before, plus what that one still owed: a failed release run is never forgotten.
    fn owe_release(&mut self, release: &Release, force: bool) {
        let before = self.board.owed.remove(&Cause::Release);
        let left = before.as_ref().filter(|_| keeps(Safeguard::ReleaseDebt));
        let left = left.map(|debt| Set::clone(&debt.nodes)).unwrap_or_default();
        let nodes = present(release, &release.compiled.owes.union(&left));
        if nodes.is_empty() {
            return;
        }
        let most = release.compiled.release_config.max_nodes;
        let too_many = release.compiled.base.is_some() && nodes.len() > most && !force;
        let stuck = too_many.then(|| Stuck {
            run: None,
            reason: format!(
                "the release changes {} nodes, more than release.max_nodes ({most}): `landfall retry --approve` runs them",
                nodes.len()
            ),
            nodes: nodes.clone(),
            approval: true,
        });
        let last = format!("release {}", release.id());
        let debt = Debt { stuck, ..Debt::new(self.board.seq + 1, self.now, nodes, last) };
        self.board.owed.insert(Cause::Release, debt);
    }

    /// Every load's debt, on the new release: what failed before may go well now.
    fn resolve_loads(&mut self, old: Option<&Release>, release: &Release) {
        let mut dropped = Vec::new();
        for (cause, debt) in &mut self.board.owed {
            let Cause::Load(name) = cause else { continue };
            let Some(dataset) = release.dataset(name) else {
                dropped.push(cause.clone());
                continue;
            };
            let old_nodes = old.and_then(|old| old.dataset(name)).map(|d| d.nodes.clone()).unwrap_or_default();
            debt.nodes = if debt.planned {
                let new = dataset.nodes.minus(&old_nodes);
                present(release, &debt.nodes).union(&new).into()
            } else {
                dataset.nodes.clone().into()
            };
            debt.stuck = None;
            (debt.refresh, debt.refreshed) = (Set::new(), false);
        }
        for cause in dropped {
            let Some(debt) = self.board.owed.remove(&cause) else { continue };
            let about = About::Release { release: release.id().clone() };
            let detail =
                format!("{cause}: the release has no such dataset any more; {} nodes were owed", debt.nodes.len());
            self.line(format!("{cause}/{}", debt.generation), about, LedgerOutcome::Dropped, detail);
        }
    }
}

fn present(release: &Release, nodes: &Set) -> Set {
    let runs = |kind: Kind| !matches!(kind, Kind::Ephemeral | Kind::Source);
    nodes.iter().filter(|ordinal| release.vertex(*ordinal).is_some_and(|vertex| runs(vertex.kind))).collect()
}
