//! One load, all the way through: the template deployed, files landed, and what came of it looked at from every side.

// Tells clippy that helpers are tests too.
#![cfg(test)]

mod bad_input;
mod before_first_release;
mod burst;
mod interruption;
mod loads;
mod losses;
mod lost_board;
mod operate;
mod operator_commands;
mod rights;
mod shared_mart;
mod stack;
mod world;
