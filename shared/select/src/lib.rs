//! Selects nodes of an index as dbt does.
//!
//! [`select()`] returns the nodes that `dbt ls --select ... --exclude ...` would list, from a
//! [`landfall_manifest::Index`] alone. It supports every method, operator and mode of indirect selection at
//! <https://docs.getdbt.com/reference/node-selection/syntax>, selectors.yml, and comparison with an earlier state.
//! The rules are those of dbt-core 1.11.16 unless a [`Dialect`] says otherwise. Where the behaviour of dbt differs
//! from its documentation, Landfall follows the behaviour and a comment says so. [`parse()`] checks an expression
//! without an index.
//!
//! Deliberately absent: file system (`path:` works on the paths in the manifest), clock, and rendering of Jinja in
//! selectors.yml.

mod contract_changes;
mod dialect;
mod display;
mod error;
mod evaluate;
mod glob;
mod graph;
mod json_request;
mod method;
mod methods;
mod parse;
mod pyyaml;
mod request;
mod select;
mod selectors_yml;
mod spec;
mod state_artifacts;
mod state_comparison;

pub use dialect::Dialect;
pub use error::SelectError;
pub use glob::Glob;
pub use json_request::JsonRequest;
pub use method::Method;
pub use parse::parse;
pub use request::{Command, Request};
pub use select::{Selected, select};
pub use selectors_yml::Selectors;
pub use spec::{Combination, Criteria, IndirectSelection, Reach, Spec};
pub use state_artifacts::State;
