//! Whole stacks on this machine: the template deployed to the emulator, files landed, and the results checked from
//! outside.
//!
//! No test depends on what a timer of the stack does meanwhile: [`world::World`] disables every schedule, and a test
//! calls the sweep itself.

// Tells clippy that helpers are tests too.
#![cfg(test)]

mod bad_input;
mod before_first_release;
mod board_recovery;
mod burst;
mod interruption;
mod killed_processes;
mod loader_events;
mod loads;
mod operator_cli;
mod permissions;
mod shared_mart;
mod stack_lifecycle;
mod staging_of_seeds;
mod world;
