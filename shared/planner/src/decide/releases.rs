//! Releases: a new version of the project is put in place, and the nodes that it changes become pending.

use super::{decision::DecisionBuilder, missing_parents::unavailable_sources};
use crate::{
    BacklogEntry, FirstRelease, LedgerOutcome, LedgerSubject, OrdinalSet, Quarantine, Release, ReleaseId, Trigger,
    release::NodeKind,
};

/// How many sources without a dataset a release's ledger line names.
const SOURCES_NAMED: usize = 5;

impl<'a> DecisionBuilder<'a> {
    pub(super) fn refuse(&mut self, release: &ReleaseId, reason: &str) {
        let about = LedgerSubject::Release { release: release.clone() };
        self.line(format!("release/{release}"), about, LedgerOutcome::Refused, reason);
    }

    /// Puts a compiled release in place. It must be compiled against the one in place, because the board's sets use the
    /// ordinals of a dictionary that both share. If another release was put in place since, nothing is decided, and the
    /// caller compiles again.
    pub(super) fn offer(&mut self, release: &'a Release, force: bool) {
        let id = release.id().clone();
        if self.board.release.as_ref() == Some(&id) || release.compiled.base != self.board.release {
            return;
        }
        if let Some(current) = self.board.release.as_ref().filter(|current| **current > id && !force) {
            let reason =
                format!("it is older than {current}, which is in place; `landfall release --force` replaces it");
            return self.refuse(&id, &reason);
        }
        let old = self.release;
        let rest = if old.is_none() { self.adopt(release) } else { OrdinalSet::new() };
        for (name, _) in release.compiled.datasets.iter().filter(|(_, dataset)| dataset.adopted) {
            self.board.datasets.entry(name.clone()).or_default().loaded = true;
        }
        self.board.release = Some(id.clone());
        self.release = Some(release);
        self.want_schedules(release);
        self.board
            .unfinished_batches
            .retain(|id, _| release.ordinal(id).and_then(|ordinal| release.vertex(ordinal)).is_some());
        self.open_release_entry(release, &rest, force);
        self.resolve_loads(old, release);
        for run in self.board.runs.values_mut().filter(|run| run.release != id) {
            if run.attempt.is_starting() {
                run.attempt.revoke(false);
            }
        }
        let backlog = self.board.backlog.get(&Trigger::Release).map_or(0, |entry| entry.nodes.len());
        let datasets = release.compiled.datasets.len();
        let detail = format!(
            "in place: {datasets} datasets, {} jobs; {backlog} nodes are pending for it{}",
            release.compiled.jobs.len(),
            self.unavailable_sources(release)
        );
        self.line(format!("release/{id}"), LedgerSubject::Release { release: id }, LedgerOutcome::Accepted, detail);
    }

    /// The sources whose tables no load makes exist, and the remedy, as text for the release's ledger line.
    fn unavailable_sources(&self, release: &Release) -> String {
        let texts = unavailable_sources(release, &self.board);
        let more = texts.len().saturating_sub(SOURCES_NAMED);
        let named =
            texts.into_iter().take(SOURCES_NAMED).fold(String::new(), |all, text| all + "; nodes wait for " + &text);
        if more > 0 { format!("{named}; and for {more} more sources") } else { named }
    }

    /// Counts what exists in the warehouse as built, and as loaded the datasets whose tables exist or were read. Returns
    /// what does not exist: nodes, and the tests of these. Only a first release adopts.
    fn adopt(&mut self, release: &Release) -> OrdinalSet {
        if release.compiled.release_config.first != FirstRelease::Adopt {
            return OrdinalSet::new();
        }
        let graph = release.graph();
        self.board.built = self.board.built.union(&release.compiled.existing);
        for (name, dataset) in &release.compiled.datasets {
            let Some(source) = dataset.source.as_ref().and_then(|id| release.ordinal(id)) else { continue };
            let read = graph.children(source).iter().any(|child| self.board.built.contains(*child));
            if read || self.board.built.contains(source) {
                self.board.datasets.entry(name.clone()).or_default().loaded = true;
            }
        }
        let rest = graph.buildable().difference(&self.board.built);
        let is_test = |child: &&u32| release.vertex(**child).is_some_and(|vertex| vertex.kind == NodeKind::Test);
        let mut tests: Vec<u32> =
            rest.iter().flat_map(|node| graph.children(node).iter().filter(is_test)).copied().collect();
        tests.sort_unstable();
        rest.union(&tests.into_iter().collect())
    }

    /// Opens the entry of the release: the nodes that differ from the release before, those that it left pending, and
    /// the rest that a first release did not adopt.
    fn open_release_entry(&mut self, release: &Release, rest: &OrdinalSet, force: bool) {
        let before = self.board.backlog.remove(&Trigger::Release);
        let left = before.map(|entry| self.context.rules.taken_over(&entry)).unwrap_or_default();
        let nodes = present(release, &release.compiled.changed.union(rest).union(&left));
        if nodes.is_empty() {
            return;
        }
        let most = release.compiled.release_config.max_nodes;
        let too_many = release.compiled.base.is_some() && nodes.len() > most && !force;
        let quarantine = too_many.then(|| Quarantine {
            run: None,
            reason: format!(
                "the release changes {} nodes, more than release.max_nodes ({most}); `landfall retry --approve` runs them",
                nodes.len()
            ),
            nodes: nodes.clone(),
            approval: true,
        });
        let last = format!("release {}", release.id());
        let entry = BacklogEntry { quarantine, ..BacklogEntry::new(self.board.seq + 1, self.now, nodes, last) };
        self.board.backlog.insert(Trigger::Release, entry);
    }

    /// Resolves the entries of loads in the new release. Their quarantine ends, because the new release may fix what
    /// failed.
    fn resolve_loads(&mut self, old: Option<&Release>, release: &Release) {
        let mut dropped = Vec::new();
        for (trigger, entry) in &mut self.board.backlog {
            let Trigger::Load(name) = trigger else { continue };
            let Some(dataset) = release.dataset(name) else {
                dropped.push(trigger.clone());
                continue;
            };
            let old_nodes = old.and_then(|old| old.dataset(name)).map(|d| d.nodes.clone()).unwrap_or_default();
            entry.nodes = if entry.is_planned() {
                let new = dataset.nodes.difference(&old_nodes);
                present(release, &entry.nodes).union(&new).into()
            } else {
                dataset.nodes.clone().into()
            };
            entry.quarantine = None;
            (entry.refresh, entry.refreshed) = (OrdinalSet::new(), false);
        }
        for trigger in dropped {
            let Some(entry) = self.board.backlog.remove(&trigger) else { continue };
            let about = LedgerSubject::Release { release: release.id().clone() };
            let detail =
                format!("{trigger}: the release no longer has this dataset; {} nodes were pending", entry.nodes.len());
            self.line(format!("{trigger}/{}", entry.generation), about, LedgerOutcome::Dropped, detail);
        }
    }
}

fn present(release: &Release, nodes: &OrdinalSet) -> OrdinalSet {
    let runs = |kind: NodeKind| !matches!(kind, NodeKind::Ephemeral | NodeKind::Source);
    nodes.iter().filter(|ordinal| release.vertex(*ordinal).is_some_and(|vertex| runs(vertex.kind))).collect()
}
