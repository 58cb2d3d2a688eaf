//! The smallest part of a history that still violates the same invariant: without each external happening and each
//! kind of fault that it does not need.

use std::collections::BTreeSet;

use crate::{
    history::{Omitted, Report, run},
    mutants::Mutant,
    scenario::{Rates, Scenario},
};

/// Returns what can be omitted from the history of this seed, and the report of the rest.
pub fn of(seed: u64, mutant: Option<&'static Mutant>) -> (Omitted, Report) {
    let wrong = run(seed, mutant, &Omitted::default(), false);
    let wanted: BTreeSet<&str> = wrong.violations.iter().map(|violation| violation.invariant).collect();
    let still =
        |omitted: &Omitted| run(seed, mutant, omitted, false).violations.iter().any(|v| wanted.contains(v.invariant));
    let mut omitted = Omitted::default();
    for (name, _) in Rates::default().named() {
        let mut tried = omitted.clone();
        tried.rates.insert(name);
        if still(&tried) {
            omitted = tried;
        }
    }
    let count = Scenario::any(&mut fastrand::Rng::with_seed(seed)).outside.len();
    for number in 0..count {
        let mut tried = omitted.clone();
        tried.outside.insert(number);
        if still(&tried) {
            omitted = tried;
        }
    }
    let report = run(seed, mutant, &omitted, true);
    (omitted, report)
}
