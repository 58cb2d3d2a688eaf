//! Explores the model and prints how many states it has; ends with an error if an invariant does not hold in one of them.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::process::ExitCode;
use std::time::Instant;

use landfall_model::Landfall;
use stateright::{Checker, Model};

fn main() -> ExitCode {
    let mut wrong = false;
    for (name, model) in Landfall::configurations() {
        let started = Instant::now();
        let checker = model.checker().threads(2).spawn_bfs().join();
        println!(
            "{name}: {} states, {} steps between them, depth {}, {:.1} s",
            checker.unique_state_count(),
            checker.state_count(),
            checker.max_depth(),
            started.elapsed().as_secs_f64()
        );
        for property in checker.model().properties() {
            if let Some(path) = checker.discovery(property.name).filter(|_| property.expectation.discovery_is_failure())
            {
                wrong = true;
                println!("{} does not hold:\n{path}", property.name);
            }
        }
    }
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
