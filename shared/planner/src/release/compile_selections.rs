//! Compiling selections to sets of nodes: those of datasets, jobs, retry rules and the release itself.

use landfall_manifest::{Index, ResourceType};
use landfall_select::{Command, Dialect, IndirectSelection, Request, State, select};

use super::{
    compile::Compiler,
    graph::{NodeKind, node_kind},
};
use crate::{
    FirstRelease, Job, JobConfig, JobName, OrdinalSet, RetryRule, SelectionConfig, StringList,
    check_schedule_expression, check_schedule_name, check_time_zone, config::NodeMeta,
};

/// What a load's run may execute: everything that `dbt build` executes, except unit tests.
pub(super) const EXECUTED_BY_LOADS: [NodeKind; 4] =
    [NodeKind::Model, NodeKind::Seed, NodeKind::Test, NodeKind::Function];

impl Compiler<'_> {
    pub(super) fn job(&mut self, name: &JobName, job: &JobConfig) -> Job {
        self.check_schedule(name, job);
        let mut select = Vec::new();
        let mut resolve = |part: &str, selection: Option<&SelectionConfig>, command, kinds: &[NodeKind]| {
            let Some(selection) = selection else { return OrdinalSet::new() };
            let exclude = selection.exclude.as_ref().map(|exclude| exclude.0.clone()).unwrap_or_default();
            let key = format!("jobs.{name}.{part}");
            select.push(format!("{part} {}", selection.select));
            let set = self.resolve(&key, &selection.select.0, &exclude, command, kinds);
            if set.is_empty() && self.problems.is_empty() {
                self.problems.push(format!(
                    "{key}: {} selects nothing that a {part} step runs: correct the selection",
                    selection.select
                ));
            }
            set
        };
        let freshness = resolve("freshness", job.freshness.as_ref(), Command::Ls, &[NodeKind::Source]);
        let test = resolve("test", job.test.as_ref(), Command::Test, &[NodeKind::Test]);
        let build = resolve("build", job.build.as_ref(), Command::Build, &EXECUTED_BY_LOADS);
        Job {
            schedule: job.schedule.trim().to_owned(),
            timezone: job.timezone.clone(),
            freshness,
            test,
            build,
            select: select.join("; "),
        }
    }

    /// Adds what EventBridge Scheduler would refuse of a job's schedule to the problems.
    fn check_schedule(&mut self, name: &JobName, job: &JobConfig) {
        let schedule = job.schedule.trim();
        if let Err(problem) = check_schedule_name(name.as_str()) {
            self.problems.push(format!("jobs.{name}: {problem}"));
        }
        if let Err(problem) = check_schedule_expression(schedule) {
            self.problems.push(format!("jobs.{name}.schedule: `{schedule}`: {problem}"));
        }
        if let Some((zone, problem)) =
            job.timezone.as_deref().and_then(|zone| Some((zone, check_time_zone(zone).err()?)))
        {
            self.problems.push(format!("jobs.{name}.timezone: `{zone}`: {problem}"));
        }
    }

    /// Returns the incremental models that the rule `full_refresh` selects and that are not protected.
    pub(super) fn may_refresh(&mut self) -> OrdinalSet {
        let mut all = OrdinalSet::new();
        for rule in &self.input.project.retry {
            let RetryRule::FullRefresh(SelectionConfig { select, exclude }) = rule else { continue };
            let exclude = exclude.as_ref().map(|exclude| exclude.0.clone()).unwrap_or_default();
            let selected = self.resolve("retry.full_refresh", &select.0, &exclude, Command::Build, &[NodeKind::Model]);
            let allowed = |ordinal: &u32| {
                let id = usize::try_from(*ordinal).ok().and_then(|at| self.nodes.get(at));
                id.and_then(|id| self.input.index.get(id.as_str())).is_some_and(|node| {
                    node.resource_type() == ResourceType::Model
                        && node.materialized() == Some("incremental")
                        && node.full_refresh() != Some(false)
                        && !NodeMeta::from_node(&node).unwrap_or_default().protected
                })
            };
            let allowed: OrdinalSet = selected.iter().filter(allowed).collect();
            if allowed.is_empty() {
                self.problems.push(format!(
                    "retry.full_refresh: {select} selects no incremental model that a full refresh may rebuild (full_refresh: false and meta.landfall.protected forbid it): correct the selection"
                ));
            }
            all = all.union(&allowed);
        }
        all
    }

    /// Returns the nodes that the release makes pending.
    pub(super) fn changed(&mut self) -> OrdinalSet {
        let config = &self.input.project.release;
        match self.input.base {
            None if config.first == FirstRelease::Adopt => OrdinalSet::new(),
            None => {
                let executed = |kind: Option<NodeKind>| kind.is_some_and(|kind| EXECUTED_BY_LOADS.contains(&kind));
                let all = self.input.index.nodes().filter(|node| executed(node_kind(node)));
                all.filter_map(|node| self.ordinal(node.unique_id())).collect()
            }
            Some(base) => {
                let before = match Index::from_bytes(&base.index.to_bytes()) {
                    Ok(before) => before,
                    Err(error) => {
                        self.problems.push(format!("the index of the release in place, {}: {error}", base.id()));
                        return OrdinalSet::new();
                    }
                };
                let state = State::default().with_manifest(before);
                let mut request = load_request(&config.select, &[]);
                request.state = Some(&state);
                self.evaluate("release.select", &request, &EXECUTED_BY_LOADS)
            }
        }
    }

    /// Resolves a selection of landfall.yml. `key` names it in problems.
    pub(super) fn resolve(
        &mut self,
        key: &str,
        select: &[String],
        exclude: &[String],
        command: Command,
        kinds: &[NodeKind],
    ) -> OrdinalSet {
        if select.is_empty() {
            self.problems.push(format!("{key}: the selection is empty, so it selects nothing: give `select`"));
            return OrdinalSet::new();
        }
        let mut request = load_request(&StringList(select.to_vec()), exclude);
        request.command = command;
        if command == Command::Test {
            request.indirect = IndirectSelection::Eager;
        }
        self.evaluate(key, &request, kinds)
    }

    fn evaluate(&mut self, key: &str, request: &Request<'_>, kinds: &[NodeKind]) -> OrdinalSet {
        let request = Request { dialect: dialect(self.input.index), ..request.clone() };
        match select(self.input.index, &request) {
            Ok(selected) => selected
                .nodes
                .iter()
                .filter_map(|ix| self.input.index.node(*ix))
                .filter(|node| node_kind(node).is_some_and(|kind| kinds.contains(&kind)))
                .filter_map(|node| self.ordinal(node.unique_id()))
                .collect(),
            Err(error) => {
                self.problems.push(format!("{key}: {error}"));
                OrdinalSet::new()
            }
        }
    }
}

/// Returns the selection rules of the dbt version that wrote the manifest.
pub(super) fn dialect(index: &Index) -> Dialect {
    index.metadata().dbt_version.as_deref().map(Dialect::of_version).unwrap_or_default()
}

/// Builds the request of a load's selection. It includes a test only if every relation that the test reads is built or
/// an ancestor (`buildable`): <https://docs.getdbt.com/reference/global-configs/indirect-selection>.
fn load_request<'a>(select: &StringList, exclude: &[String]) -> Request<'a> {
    Request {
        select: select.0.clone(),
        exclude: exclude.to_vec(),
        indirect: IndirectSelection::Buildable,
        command: Command::Build,
        ..Request::default()
    }
}
