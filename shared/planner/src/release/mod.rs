//! A release: landfall.yml and the manifest compiled into what the planner needs, and the graph of its nodes.

mod adjacency_lists;
mod compile;
mod compile_datasets;
mod compile_selections;
mod compiled;
mod exact_selection;
mod graph;
mod loaded_release;
mod source_locations;
mod source_names;
#[cfg(test)]
mod source_tests;
mod wanted_schedules;

pub use compile::{CompileError, CompileInput, compile};
pub use compiled::{COMPILED_VERSION, Compiled, Dataset, Job};
pub(crate) use exact_selection::{
    ExactSelectionError, exact_selection, names_nodes, node_expression, parents_for_batches,
};
pub(crate) use graph::NodeKind;
pub use loaded_release::{LoadReleaseError, Release};
pub use wanted_schedules::WantedSchedule;
