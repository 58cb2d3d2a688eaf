//! The verdict of each step, and the outcome of the run.

use std::collections::BTreeSet;

use landfall_planner::{NodeId, NodeResult, Outcome, Step};

use crate::{
    supervise::{Ended, Stopped},
    text::{count, cut, one_line},
};

/// The number of failing nodes that the run's message names.
const NAMED: usize = 3;
/// The length of each of them, in characters.
const LONGEST: usize = 300;

/// The verdict of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The step did all that the plan says.
    Passed,
    /// The step failed.
    Failed,
    /// The step was stopped before its end.
    Stopped(Stopped),
}

/// Returns the nodes of a step that dbt reports if it reaches its end.
pub fn expected(step: &Step) -> Vec<NodeId> {
    match step {
        Step::Build(selection) | Step::Test(selection) => selection.nodes.clone(),
        // dbt skips a source without a freshness policy.
        Step::Freshness { .. } | Step::RunOperation { .. } | Step::Docs => Vec::new(),
    }
}

/// Returns a step's verdict. dbt exits with 0 after success (even if nothing matched), 1 if a node or test failed, and 2 if it could not run or was
/// interrupted.
/// <https://docs.getdbt.com/reference/exit-codes>
///
/// A stop is ignored if it came too late: dbt reported all of its nodes and ended by itself.
pub fn verdict(ended: Ended, missing: &[NodeId]) -> Verdict {
    match (ended.code, ended.stopped) {
        (Some(0 | 1), Some(stopped)) if !missing.is_empty() => Verdict::Stopped(stopped),
        (Some(0), _) if missing.is_empty() => Verdict::Passed,
        (Some(0 | 1), _) | (_, None) => Verdict::Failed,
        (_, Some(stopped)) => Verdict::Stopped(stopped),
    }
}

/// Returns the expected nodes that dbt did not report.
pub fn missing(expected: &[NodeId], nodes: &[NodeResult]) -> Vec<NodeId> {
    let spoken: BTreeSet<&NodeId> = nodes.iter().map(|node| &node.id).collect();
    expected.iter().filter(|id| !spoken.contains(id)).cloned().collect()
}

/// Returns the message of a step that failed without a failed node. `said` is the reason that dbt gave.
pub fn step_message(
    ended: Ended,
    verdict: Verdict,
    expected: &[NodeId],
    missing: &[NodeId],
    said: Option<&str>,
) -> Option<String> {
    match verdict {
        Verdict::Passed => None,
        Verdict::Stopped(Stopped::Signal) => Some("stopped by a signal before its end".to_owned()),
        Verdict::Stopped(Stopped::Deadline) => Some("stopped by the run's time limit before its end".to_owned()),
        Verdict::Failed => match (ended.code, ended.signal, said) {
            (None, signal, said) => {
                let signal = signal.map_or_else(|| "a signal".to_owned(), |signal| format!("signal {signal}"));
                let hint = if ended.signal == Some(9) { " (out of memory?)" } else { "" };
                Some(format!(
                    "dbt was killed by {signal}{hint}{}",
                    said.map(|said| format!(": {said}")).unwrap_or_default()
                ))
            }
            (Some(0 | 1), _, _) if !missing.is_empty() && missing.len() == expected.len() && said.is_none() => {
                Some(format!(
                    "dbt ran none of the {} planned: the selectors match nothing in the image's project; is it the release's?",
                    count(expected.len(), "node")
                ))
            }
            (Some(0 | 1), _, None) if !missing.is_empty() => Some(format!(
                "dbt did not run {} of the {} planned: {}; is the image's project the release's?",
                missing.len(),
                count(expected.len(), "node"),
                names(missing)
            )),
            (Some(_), _, Some(said)) => Some(said.to_owned()),
            (Some(code), _, None) if code != 1 => {
                Some(format!("dbt ended with exit code {code} and without a word; see dbt.log"))
            }
            _ => None,
        },
    }
}

fn names(ids: &[NodeId]) -> String {
    let named = ids.iter().take(NAMED).map(NodeId::as_str).collect::<Vec<_>>().join(", ");
    if ids.len() > NAMED { format!("{named} and {} more", ids.len() - NAMED) } else { named }
}

/// Returns the run's outcome from its steps' verdicts, in order. The docs step counts only if the run has no other: its failure does not change what
/// was built, and its own result has the reason. `stop` is a stop between two steps.
pub fn outcome(verdicts: &[(bool, Verdict)], stop: Option<Stopped>) -> Outcome {
    let docs_only = verdicts.iter().all(|(is_docs, _)| *is_docs);
    let counted = verdicts.iter().filter(|(is_docs, _)| docs_only || !is_docs).map(|(_, verdict)| *verdict);
    let first = counted.into_iter().find(|verdict| *verdict != Verdict::Passed);
    match (first, stop) {
        (Some(Verdict::Failed), _) => Outcome::Failed,
        (Some(Verdict::Stopped(Stopped::Signal)), _) | (None, Some(Stopped::Signal)) => Outcome::Interrupted,
        (Some(Verdict::Stopped(Stopped::Deadline)), _) | (None, Some(Stopped::Deadline)) => Outcome::TimedOut,
        (Some(Verdict::Passed) | None, None) | (Some(Verdict::Passed), _) => Outcome::Succeeded,
    }
}

/// Returns why the run did not succeed.
pub fn message(
    outcome: Outcome,
    planned: usize,
    nodes: &[NodeResult],
    steps: &[(String, Option<String>)],
) -> Option<String> {
    if outcome == Outcome::Succeeded {
        return None;
    }
    let failed: Vec<&NodeResult> = nodes.iter().filter(|node| node.status.is_failure()).collect();
    let of_steps =
        steps.iter().filter_map(|(step, message)| message.as_ref().map(|message| format!("{step}: {message}")));
    let mut parts: Vec<String> = of_steps.collect();
    if !failed.is_empty() {
        let named = failed.iter().take(NAMED).map(|node| match &node.message {
            Some(message) => format!("{}: {}", node.id, cut(&one_line(message), LONGEST)),
            None => node.id.to_string(),
        });
        let more = failed.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let named = named.collect::<Vec<_>>().join("; ");
        parts.push(format!("{} of {} failed: {named}{more}", failed.len(), count(planned, "node")));
    }
    Some(if parts.is_empty() { default_message(outcome).to_owned() } else { parts.join("\n") })
}

fn default_message(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "dbt failed without a word; see dbt.log",
        Outcome::Interrupted => "stopped by a signal between two steps",
        Outcome::TimedOut => "stopped by the run's time limit between two steps",
        Outcome::Broken => "the task could not run dbt",
    }
}

#[cfg(test)]
mod tests {
    use landfall_planner::NodeStatus;

    use super::*;

    fn ended(code: i32, stopped: Option<Stopped>) -> Ended {
        Ended { code: Some(code), signal: None, stopped }
    }

    const KILLED: Ended = Ended { code: None, signal: Some(9), stopped: None };

    fn id(text: &str) -> NodeId {
        NodeId::parse(text).unwrap()
    }

    #[test]
    fn nothing_matched_is_a_failure_though_dbt_is_content() {
        let ids = [id("model.s.a"), id("model.s.b")];
        assert_eq!(verdict(ended(0, None), &ids), Verdict::Failed);
        let message = step_message(ended(0, None), Verdict::Failed, &ids, &ids, None).unwrap();
        assert!(message.starts_with("dbt ran none of the 2 nodes planned"), "{message}");
        let message = step_message(ended(0, None), Verdict::Failed, &ids, &ids[1..], None).unwrap();
        assert!(message.starts_with("dbt did not run 1 of the 2 nodes planned: model.s.b"), "{message}");
    }

    #[test]
    fn a_stop_counts_unless_it_came_too_late() {
        let all: &[NodeId] = &[];
        let some = [id("model.s.a")];
        for stopped in [Stopped::Signal, Stopped::Deadline] {
            assert_eq!(verdict(ended(2, Some(stopped)), &some), Verdict::Stopped(stopped));
            assert_eq!(verdict(ended(1, Some(stopped)), &some), Verdict::Stopped(stopped));
            assert_eq!(verdict(Ended { stopped: Some(stopped), ..KILLED }, all), Verdict::Stopped(stopped));
            assert_eq!(verdict(ended(0, Some(stopped)), all), Verdict::Passed);
            assert_eq!(verdict(ended(1, Some(stopped)), all), Verdict::Failed);
        }
    }

    #[test]
    fn dbts_own_end_is_told_in_its_own_words_or_by_its_signal() {
        assert_eq!(
            step_message(ended(2, None), Verdict::Failed, &[], &[], Some("no such macro")).unwrap(),
            "no such macro"
        );
        assert!(step_message(KILLED, Verdict::Failed, &[], &[], None).unwrap().contains("signal 9 (out of memory?)"));
        assert_eq!(step_message(ended(1, None), Verdict::Failed, &[], &[], None), None, "its nodes say why");
    }

    #[test]
    fn the_first_step_that_went_wrong_decides_and_docs_do_not() {
        use Verdict::{Failed, Passed};
        let stopped = Verdict::Stopped(Stopped::Signal);
        assert_eq!(outcome(&[(false, Passed), (true, Passed)], None), Outcome::Succeeded);
        assert_eq!(outcome(&[(false, Passed), (true, Failed)], None), Outcome::Succeeded);
        assert_eq!(outcome(&[(false, Passed), (true, stopped)], None), Outcome::Succeeded);
        assert_eq!(outcome(&[(true, Failed)], None), Outcome::Failed);
        assert_eq!(outcome(&[(false, Passed), (false, Failed), (true, Passed)], None), Outcome::Failed);
        assert_eq!(outcome(&[(false, stopped)], None), Outcome::Interrupted);
        assert_eq!(outcome(&[(false, Passed)], Some(Stopped::Deadline)), Outcome::TimedOut);
        assert_eq!(outcome(&[], None), Outcome::Succeeded);
    }

    #[test]
    fn the_message_names_the_failing_nodes_and_no_more_than_a_few() {
        let nodes: Vec<NodeResult> = (0..5)
            .map(|n| NodeResult {
                id: id(&format!("model.s.m{n}")),
                status: NodeStatus::Error,
                seconds: 0.0,
                message: Some("Binder Error\n  nope".to_owned()),
                failures: None,
            })
            .collect();
        let message = message(Outcome::Failed, 7, &nodes, &[]).unwrap();
        assert_eq!(
            message,
            "5 of 7 nodes failed: model.s.m0: Binder Error nope; model.s.m1: Binder Error nope; model.s.m2: Binder Error nope; and 2 more"
        );
    }
}
