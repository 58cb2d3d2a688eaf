//! Some histories in each run of the tests. Many more by
//! `cargo run --profile simulation -p simulation -- --histories 1000000`.

use std::sync::atomic::{AtomicUsize, Ordering};

use simulation::{
    history::{Omitted, run},
    mutants::{self, Mutant},
};

/// How many histories a test in the development profile has time for.
const HISTORIES: u64 = 400;
/// Every mutant violates an invariant within as many histories.
const WITHIN: u64 = 10_000;

#[test]
fn no_history_of_faults_breaks_an_invariant() {
    for seed in 1..=HISTORIES {
        let report = run(seed, None, &Omitted::default(), false);
        assert!(report.violations.is_empty(), "--replay {seed}: {:?}", report.violations);
    }
}

#[test]
fn a_history_is_the_same_each_time_that_it_is_run() {
    let once = run(7, None, &Omitted::default(), true);
    assert!(once.trace.len() > 10);
    assert_eq!(once.trace, run(7, None, &Omitted::default(), true).trace);
}

#[test]
fn every_mutant_is_caught() {
    let next = AtomicUsize::new(0);
    let is_caught = |mutant: &'static Mutant| {
        (1..=WITHIN).any(|seed| !run(seed, Some(mutant), &Omitted::default(), false).violations.is_empty())
    };
    let work = || {
        let mut unseen = Vec::new();
        while let Some(mutant) = mutants::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !is_caught(mutant) {
                unseen.push(mutant.name);
            }
        }
        unseen
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let unseen: Vec<&str> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(unseen.is_empty(), "not caught: {}", unseen.join(", "));
}
