//! The least of a history that still goes wrong: without every happening from outside and every kind of fault that it does not need.

use std::collections::BTreeSet;

use crate::{
    history::{Less, Report, run},
    mutants::Mutant,
    scenario::{Rates, Scenario},
};

/// What can be left out of the history of this seed, and what is left.
pub fn of(seed: u64, mutant: Option<&'static Mutant>) -> (Less, Report) {
    let wrong = run(seed, mutant, &Less::default(), false);
    let wanted: BTreeSet<&str> = wrong.violations.iter().map(|violation| violation.invariant).collect();
    let still = |less: &Less| run(seed, mutant, less, false).violations.iter().any(|v| wanted.contains(v.invariant));
    let mut less = Less::default();
    for (name, _) in Rates::default().named() {
        let mut tried = less.clone();
        tried.rates.insert(name);
        if still(&tried) {
            less = tried;
        }
    }
    let count = Scenario::any(&mut fastrand::Rng::with_seed(seed)).outside.len();
    for number in 0..count {
        let mut tried = less.clone();
        tried.outside.insert(number);
        if still(&tried) {
            less = tried;
        }
    }
    let report = run(seed, mutant, &less, true);
    (less, report)
}
