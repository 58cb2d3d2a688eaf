//! What the adapters send over the wire, and what they make of the nasty answers that no emulator gives.

// Tells clippy that helpers are tests too.
#![cfg(test)]

mod bus_and_queue;
mod credentials;
mod engine;
mod store;
mod stub;
mod task_definitions;
mod tasks;
