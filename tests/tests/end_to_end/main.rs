//! One load, all the way through: the template deployed, files landed, and what came of it looked at from every side.

mod bad_input;
mod interruption;
mod loads;
mod words;
mod world;
