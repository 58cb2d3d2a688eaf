//! The `landfall` command as a library, so that tests can start local stacks the way the command does.
//!
//! - [`args`], [`commands`]: the command line, and one module for each verb.
//! - [`stack`], [`ledger`]: a deployed stack, and the board and ledger that it keeps in S3.
//! - [`local`], [`demo`], [`landing_folder`], [`emulated_account`]: a stack on this machine, and files that land in it.
//! - [`release`], [`dbt`], [`jinja`]: a dbt project, parsed, checked and released.
//! - [`activity`], [`why`], [`doctor`], [`describe`]: what a stack does, did, and what is wrong with it.
//! - [`process`], [`setup`], [`environment`], [`home`]: child processes, and what this machine provides.
//! - [`terminal`], [`text`], [`file_errors`], [`docs_server`], [`select`]: output, the published docs, and dbt's node selection.

pub mod activity;
pub mod args;
pub mod commands;
pub mod dbt;
pub mod demo;
pub mod describe;
pub mod docs_server;
pub mod doctor;
pub mod emulated_account;
pub mod environment;
pub mod file_errors;
pub mod home;
pub mod jinja;
pub mod landing_folder;
pub mod ledger;
pub mod local;
pub mod process;
pub mod release;
pub mod select;
pub mod setup;
pub mod stack;
pub mod terminal;
pub mod text;
pub mod why;
