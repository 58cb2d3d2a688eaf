//! dbt's node selection over an index.
//!
//! [`select()`] answers what `dbt ls --select ... --exclude ...` would list, from a [`landfall_manifest::Index`] alone: every method, operator and
//! indirect-selection mode of <https://docs.getdbt.com/reference/node-selection/syntax>, selectors.yml, and comparison with an earlier
//! state. The rules are those of dbt-core 1.11.16 unless a [`Dialect`] says otherwise; where dbt's behaviour and its documentation differ, its
//! behaviour counts, and the place says so. [`parse()`] checks an expression without an index.
//!
//! Deliberately absent: no file system (`path:` works from the paths in the manifest), no clock, no rendering of Jinja in selectors.yml.

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
pub use spec::{Criteria, Group, IndirectSelection, Reach, Spec};
pub use state_artifacts::State;
