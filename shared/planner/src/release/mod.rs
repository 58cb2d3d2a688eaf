//! A release: landfall.yml and the manifest compiled into what the planner needs, and the facts of its graph.

mod compile;
mod compiled;
mod exact_selection;
mod graph;
mod source_locations;

pub use compile::{CompileError, CompileInput, compile};
pub use compiled::{COMPILED_VERSION, Compiled, Dataset, Job, LoadReleaseError, Release};
pub(crate) use exact_selection::{ExactSelectionError, exact_selection, node_expression};
pub(crate) use graph::NodeKind;
