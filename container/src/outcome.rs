//! The outcome of a step and of the whole attempt, and the messages that explain them.

use std::collections::BTreeSet;

use landfall_planner::{NodeId, NodeResult, Outcome, Step};

use crate::{
    printable_text::{count, cut, one_line},
    supervise::{ProcessEnd, StopReason},
};

/// The number of failed nodes that a message names.
const MAX_NAMED_NODES: usize = 3;
/// The length in characters to which each node's message is cut.
const MAX_NODE_MESSAGE_CHARS: usize = 300;

/// The outcome of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// dbt succeeded, and reported every expected node.
    Passed,
    /// dbt failed, or did not run a planned node.
    Failed,
    /// dbt was stopped before it had finished.
    Stopped(StopReason),
}

/// Returns the nodes for which dbt reports a result if it runs the whole step.
pub fn expected(step: &Step) -> Vec<NodeId> {
    match step {
        Step::Build(selection) | Step::Test(selection) => selection.nodes.clone(),
        // dbt leaves out sources without a freshness policy, so a missing source is not a failure.
        Step::Freshness { .. } | Step::RunOperation { .. } | Step::Docs => Vec::new(),
    }
}

/// Returns a step's outcome.
///
/// dbt's exit codes are 0 if it succeeded (also if the selection matched nothing), 1 if a node or a test failed, and 2
/// if dbt could not work or was interrupted. <https://docs.getdbt.com/reference/exit-codes>
///
/// A stop request does not count if dbt ended by itself and reported every expected node.
pub fn step_outcome(ended: ProcessEnd, missing: &[NodeId]) -> StepOutcome {
    match (ended.code, ended.stopped) {
        (Some(0 | 1), Some(stopped)) if !missing.is_empty() => StepOutcome::Stopped(stopped),
        (Some(0), _) if missing.is_empty() => StepOutcome::Passed,
        (Some(0 | 1), _) | (_, None) => StepOutcome::Failed,
        (_, Some(stopped)) => StepOutcome::Stopped(stopped),
    }
}

/// Returns the expected nodes for which dbt reported no result.
pub fn missing(expected: &[NodeId], nodes: &[NodeResult]) -> Vec<NodeId> {
    let reported: BTreeSet<&NodeId> = nodes.iter().map(|node| &node.id).collect();
    expected.iter().filter(|id| !reported.contains(id)).cloned().collect()
}

/// Returns why a step did not succeed, if its nodes' messages do not say it. `dbt_error` is dbt's own reason.
pub fn step_message(
    ended: ProcessEnd,
    outcome: StepOutcome,
    expected: &[NodeId],
    missing: &[NodeId],
    dbt_error: Option<&str>,
) -> Option<String> {
    match outcome {
        StepOutcome::Passed => None,
        StepOutcome::Stopped(StopReason::Signal) => Some("stopped by a signal before dbt had finished".to_owned()),
        StepOutcome::Stopped(StopReason::Deadline) => {
            Some("stopped by the run's time limit (`runs.timeout`) before dbt had finished".to_owned())
        }
        StepOutcome::Failed => match (ended.code, ended.signal, dbt_error) {
            (None, signal, dbt_error) => {
                let signal = signal.map_or_else(|| "a signal".to_owned(), |signal| format!("signal {signal}"));
                let hint = if ended.signal == Some(9) {
                    " (probably out of memory: give the task definition more)"
                } else {
                    ""
                };
                Some(format!(
                    "dbt was killed by {signal}{hint}{}",
                    dbt_error.map(|error| format!(": {error}")).unwrap_or_default()
                ))
            }
            (Some(0 | 1), _, _) if !missing.is_empty() && missing.len() == expected.len() && dbt_error.is_none() => {
                Some(format!(
                    "dbt ran none of the {} planned: the selectors match nothing in the image's project; check that the image \
                     is the one of the release",
                    count(expected.len(), "node")
                ))
            }
            (Some(0 | 1), _, None) if !missing.is_empty() => Some(format!(
                "dbt did not run {} of the {} planned: {}; check that the image is the one of the release",
                missing.len(),
                count(expected.len(), "node"),
                first_names(missing)
            )),
            (Some(_), _, Some(error)) => Some(error.to_owned()),
            (Some(code), _, None) if code != 1 => {
                Some(format!("dbt ended with exit code {code} and without an error message; see dbt.log"))
            }
            _ => None,
        },
    }
}

fn first_names(ids: &[NodeId]) -> String {
    let named = ids.iter().take(MAX_NAMED_NODES).map(NodeId::as_str).collect::<Vec<_>>().join(", ");
    if ids.len() > MAX_NAMED_NODES { format!("{named} and {} more", ids.len() - MAX_NAMED_NODES) } else { named }
}

/// Returns the attempt's outcome from its steps' outcomes in order, each with whether it is the docs step.
///
/// The docs step counts only if it is the only one: without its docs a run is still complete, and the step's own result
/// has the error. `stop` is a stop request that came between two steps.
pub fn attempt_outcome(steps: &[(bool, StepOutcome)], stop: Option<StopReason>) -> Outcome {
    let docs_only = steps.iter().all(|(is_docs, _)| *is_docs);
    let counted = steps.iter().filter(|(is_docs, _)| docs_only || !is_docs).map(|(_, outcome)| *outcome);
    let first = counted.into_iter().find(|outcome| *outcome != StepOutcome::Passed);
    match (first, stop) {
        (Some(StepOutcome::Failed), _) => Outcome::Failed,
        (Some(StepOutcome::Stopped(StopReason::Signal)), _) | (None, Some(StopReason::Signal)) => Outcome::Interrupted,
        (Some(StepOutcome::Stopped(StopReason::Deadline)), _) | (None, Some(StopReason::Deadline)) => Outcome::TimedOut,
        (Some(StepOutcome::Passed) | None, None) | (Some(StepOutcome::Passed), _) => Outcome::Succeeded,
    }
}

/// Returns why the attempt did not succeed, for the operator. `steps` has each step's name and message.
pub fn attempt_message(
    outcome: Outcome,
    planned: usize,
    nodes: &[NodeResult],
    steps: &[(String, Option<String>)],
) -> Option<String> {
    if outcome == Outcome::Succeeded {
        return None;
    }
    let failed: Vec<&NodeResult> = nodes.iter().filter(|node| node.status.is_failure()).collect();
    let step_messages =
        steps.iter().filter_map(|(step, message)| message.as_ref().map(|message| format!("{step}: {message}")));
    let mut parts: Vec<String> = step_messages.collect();
    if !failed.is_empty() {
        let named = failed.iter().take(MAX_NAMED_NODES).map(|node| match &node.message {
            Some(message) => format!("{}: {}", node.id, cut(&one_line(message), MAX_NODE_MESSAGE_CHARS)),
            None => node.id.to_string(),
        });
        let more = failed.len().saturating_sub(MAX_NAMED_NODES);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let named = named.collect::<Vec<_>>().join("; ");
        parts.push(format!("{} of {} failed: {named}{more}", failed.len(), count(planned, "node")));
    }
    Some(if parts.is_empty() { default_message(outcome).to_owned() } else { parts.join("\n") })
}

fn default_message(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "dbt failed without an error message; see dbt.log",
        Outcome::Interrupted => "stopped by a signal between two steps",
        Outcome::TimedOut => "stopped by the run's time limit between two steps",
        Outcome::Broken => "the task could not run dbt; see the task's log",
    }
}

#[cfg(test)]
mod tests {
    use landfall_planner::NodeStatus;

    use super::*;

    fn ended(code: i32, stopped: Option<StopReason>) -> ProcessEnd {
        ProcessEnd { code: Some(code), signal: None, stopped }
    }

    const KILLED: ProcessEnd = ProcessEnd { code: None, signal: Some(9), stopped: None };

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    #[test]
    fn a_selection_that_matches_nothing_is_a_failure_though_dbt_exits_with_0() {
        let ids = [id("model.s.a"), id("model.s.b")];
        assert_eq!(step_outcome(ended(0, None), &ids), StepOutcome::Failed);
        let message = step_message(ended(0, None), StepOutcome::Failed, &ids, &ids, None).unwrap();
        assert!(message.starts_with("dbt ran none of the 2 nodes planned"), "{message}");
        let message = step_message(ended(0, None), StepOutcome::Failed, &ids, &ids[1..], None).unwrap();
        assert!(message.starts_with("dbt did not run 1 of the 2 nodes planned: model.s.b"), "{message}");
    }

    #[test]
    fn a_stop_counts_unless_dbt_had_finished_every_node() {
        let none_missing: &[NodeId] = &[];
        let missing = [id("model.s.a")];
        for stopped in [StopReason::Signal, StopReason::Deadline] {
            assert_eq!(step_outcome(ended(2, Some(stopped)), &missing), StepOutcome::Stopped(stopped));
            assert_eq!(step_outcome(ended(1, Some(stopped)), &missing), StepOutcome::Stopped(stopped));
            assert_eq!(
                step_outcome(ProcessEnd { stopped: Some(stopped), ..KILLED }, none_missing),
                StepOutcome::Stopped(stopped)
            );
            assert_eq!(step_outcome(ended(0, Some(stopped)), none_missing), StepOutcome::Passed);
            assert_eq!(step_outcome(ended(1, Some(stopped)), none_missing), StepOutcome::Failed);
        }
    }

    #[test]
    fn the_message_of_a_failed_step_is_dbts_error_or_its_signal() {
        assert_eq!(
            step_message(ended(2, None), StepOutcome::Failed, &[], &[], Some("no such macro")).unwrap(),
            "no such macro"
        );
        assert!(
            step_message(KILLED, StepOutcome::Failed, &[], &[], None)
                .unwrap()
                .contains("signal 9 (probably out of memory")
        );
        assert_eq!(
            step_message(ended(1, None), StepOutcome::Failed, &[], &[], None),
            None,
            "the nodes' messages say why"
        );
    }

    #[test]
    fn the_first_failed_step_decides_and_the_docs_step_does_not() {
        use StepOutcome::{Failed, Passed};
        let stopped = StepOutcome::Stopped(StopReason::Signal);
        assert_eq!(attempt_outcome(&[(false, Passed), (true, Passed)], None), Outcome::Succeeded);
        assert_eq!(attempt_outcome(&[(false, Passed), (true, Failed)], None), Outcome::Succeeded);
        assert_eq!(attempt_outcome(&[(false, Passed), (true, stopped)], None), Outcome::Succeeded);
        assert_eq!(attempt_outcome(&[(true, Failed)], None), Outcome::Failed);
        assert_eq!(attempt_outcome(&[(false, Passed), (false, Failed), (true, Passed)], None), Outcome::Failed);
        assert_eq!(attempt_outcome(&[(false, stopped)], None), Outcome::Interrupted);
        assert_eq!(attempt_outcome(&[(false, Passed)], Some(StopReason::Deadline)), Outcome::TimedOut);
        assert_eq!(attempt_outcome(&[], None), Outcome::Succeeded);
    }

    #[test]
    fn the_message_names_the_first_three_failed_nodes() {
        let nodes: Vec<NodeResult> = (0..5)
            .map(|n| NodeResult {
                id: id(&format!("model.s.m{n}")),
                status: NodeStatus::Error,
                seconds: 0.0,
                message: Some("Binder Error\n  nope".to_owned()),
                failures: None,
            })
            .collect();
        let message = attempt_message(Outcome::Failed, 7, &nodes, &[]).unwrap();
        assert_eq!(
            message,
            "5 of 7 nodes failed: model.s.m0: Binder Error nope; model.s.m1: Binder Error nope; model.s.m2: Binder Error nope; and 2 more"
        );
    }
}
