//! The `landfall` command as a library, so that tests can start whole local stacks as it does.
//!
//! - [`local`]: a whole stack on this machine. [`release`]: a project put into place. [`stack`]: a deployed stack, here or in AWS.
//! - [`process`]: children that never outlive us. [`setup`]: what the machine must have. [`terminal`]: what people see.
//! - [`ledger`], [`story`]: what happened, and what happens, in words.
//! - [`doctor`]: a deployed stack and its project, examined. [`dbt`]: the user's dbt and its profile. [`docs_server`]: the published docs in a browser.

pub mod args;
pub mod commands;
pub mod dbt;
pub mod demo;
pub mod docs_server;
pub mod doctor;
pub mod environment;
pub mod home;
pub mod ledger;
pub mod local;
pub mod process;
pub mod release;
pub mod render;
pub mod select;
pub mod setup;
pub mod stack;
pub mod story;
pub mod terminal;
pub mod text;
pub mod why;
