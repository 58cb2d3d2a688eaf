//! The model explored to its end, and the same with a safeguard left out.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests; the counts are what a reader wants to know"
)]

use landfall_model::state::Faults;
use landfall_model::{Landfall, Without};
use stateright::{Checker, HasDiscoveries, Model};

/// Explores all of it, prints how much that is, and gives what must sometimes happen and did not.
fn explore(name: &str) -> Vec<&'static str> {
    let (name, model) = Landfall::configurations().into_iter().find(|(known, _)| *known == name).unwrap();
    let checker = model.checker().threads(2).spawn_bfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("{name}: {states} states, {steps} steps between them, depth {}", checker.max_depth());
    assert!(checker.is_done(), "it was not explored to its end");
    let mut missed = Vec::new();
    for property in checker.model().properties() {
        if property.expectation.discovery_is_failure() {
            checker.assert_no_discovery(property.name);
        } else if checker.discovery(property.name).is_none() {
            missed.push(property.name);
        }
    }
    missed
}

#[test]
fn every_invariant_holds_whatever_step_a_function_dies_before() {
    explore("one load of each dataset, one crash");
}

#[test]
fn every_invariant_holds_whichever_reply_is_lost() {
    explore("one load of each dataset, one lost reply");
}

#[test]
fn every_invariant_holds_when_a_task_dies_and_all_that_may_happen_does() {
    assert_eq!(explore("one load of each dataset, one task that dies"), Vec::<&str>::new(), "these never happened");
}

#[test]
fn every_invariant_holds_when_ecs_does_not_tell_that_a_task_stopped() {
    explore("one load of each dataset, one stop that nobody tells");
}

#[test]
fn every_invariant_holds_when_each_message_comes_twice() {
    explore("one load of each dataset, each delivered twice");
}

#[test]
fn every_invariant_holds_when_a_dataset_is_loaded_again() {
    explore("two loads of one dataset and one of the other, at once");
}

#[test]
fn every_invariant_holds_when_every_fault_happens_once() {
    explore("one load, delivered twice, and every fault once");
}

/// Explores without a safeguard until something is found that should not be.
fn refuted(without: Without, faults: Faults) -> Vec<&'static str> {
    let model = Landfall { loads: [1, 1], spare: 0, faults, without: Some(without) };
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let properties = checker.model().properties();
    let failures = properties.iter().filter(|property| property.expectation.discovery_is_failure());
    failures.map(|property| property.name).filter(|name| checker.discovery(name).is_some()).collect()
}

/// Whether one of the invariants with these ids is among those refuted.
fn names(refuted: &[&str], ids: &[&str]) -> bool {
    refuted.iter().any(|name| ids.iter().any(|id| name.starts_with(id)))
}

#[test]
fn a_swap_that_does_not_compare_is_found_to_lose_a_load() {
    let refuted = refuted(Without::Compare, Faults::default());
    assert!(names(&refuted, &["L2", "L3", "L7"]), "{refuted:?}");
}

#[test]
fn a_task_that_runs_without_its_claim_is_found_beside_the_next_attempt() {
    let refuted = refuted(Without::Claim, Faults { lost_replies: 1, half_hours: 2, ..Faults::default() });
    assert!(names(&refuted, &["L3", "L7"]), "{refuted:?}");
}

#[test]
fn a_stop_that_nobody_tells_is_found_to_hold_its_run_for_ever_without_the_sweep() {
    let refuted = refuted(Without::Sweep, Faults { lost_stops: 1, ..Faults::default() });
    assert!(names(&refuted, &["L9"]), "{refuted:?}");
}
