//! The artifacts of an attempt, uploaded under its prefix as they appear.

use std::{collections::BTreeSet, path::Path, time::Duration};

use landfall_planner::Step;

use crate::{
    progress::Console,
    store::Store,
    supervise::{self, Stop},
};

/// The interval at which a growing dbt.log is uploaded.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// The time for an upload after the task was told to stop: dbt uses most of ECS's time limit, and result.json must still be written.
const STOP_ALLOWANCE: Duration = Duration::from_secs(2);

/// The name of dbt's log among the artifacts: its JSON log at debug level, all steps in order, then whatever it wrote on standard error.
pub const LOG: &str = "dbt.log";

/// The files of a step's target folder that are kept: (file, artifact). In the order of their worth, should time run out.
///
/// `manifest.json` is the building step's, because only that one has the compiled code of all nodes that ran; the docs step's knows only what it
/// compiled itself. Nor is the docs step's `run_results.json` kept: it tells of compiling. A second step that builds or tests keeps its results
/// under its own number.
pub fn kept(step: &Step, number: usize, taken: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let numbered = |file: &'static str| {
        let artifact = match file.split_once('.') {
            Some((stem, extension)) if taken.contains(file) => format!("{stem}-{number}.{extension}"),
            _ => file.to_owned(),
        };
        (file, artifact)
    };
    match step {
        Step::Build(_) | Step::Test(_) => {
            vec![numbered("run_results.json"), ("manifest.json", "manifest.json".to_owned())]
        }
        Step::Freshness { .. } => vec![numbered("sources.json")],
        Step::Docs => {
            let mut files = vec![numbered("catalog.json"), numbered("index.html")];
            if !taken.contains("manifest.json") {
                files.push(numbered("manifest.json"));
            }
            files
        }
        Step::RunOperation { .. } => Vec::new(),
    }
}

/// The artifacts under the attempt's prefix.
#[derive(Debug)]
pub struct Artifacts<'a, S> {
    store: &'a S,
    prefix: String,
    names: BTreeSet<String>,
}

impl<'a, S: Store> Artifacts<'a, S> {
    /// Creates an empty set of artifacts.
    pub fn new(store: &'a S, prefix: String) -> Self {
        Self { store, prefix, names: BTreeSet::new() }
    }

    /// Returns the names of the uploaded artifacts.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Uploads a file. A failure is printed and leaves the name out: the artifacts are for operators, the planner needs only the result.
    pub async fn put(&mut self, file: &Path, name: &str, stop: &mut Stop, console: &mut Console) {
        let key = format!("{}{name}", self.prefix);
        let uploaded = tokio::select! {
            uploaded = self.store.upload(&key, file) => uploaded.map_err(|error| error.to_string()),
            () = allowance(stop) => Err("no time left before the end".to_owned()),
        };
        match uploaded {
            Ok(()) => {
                self.names.insert(name.to_owned());
            }
            Err(reason) => console.say(&format!("{name} could not be uploaded: {reason}")),
        }
    }

    /// Uploads the growing dbt.log at each interval and never returns: the caller races it against dbt. The step's end uploads it again.
    pub async fn keep_log(&self, file: &Path) -> std::convert::Infallible {
        let mut kept = 0;
        loop {
            tokio::time::sleep(LOG_EVERY).await;
            let length = tokio::fs::metadata(file).await.map_or(0, |metadata| metadata.len());
            if length > kept && self.store.upload(&format!("{}{LOG}", self.prefix), file).await.is_ok() {
                kept = length;
            }
        }
    }
}

async fn allowance(stop: &mut Stop) {
    supervise::stopped(stop).await;
    tokio::time::sleep(STOP_ALLOWANCE).await;
}

#[cfg(test)]
mod tests {
    use landfall_planner::Selection;

    use super::*;

    #[test]
    fn the_docs_step_leaves_the_builds_results_and_manifest_alone() {
        let taken = BTreeSet::from(["run_results.json".to_owned(), "manifest.json".to_owned()]);
        let nothing = BTreeSet::new();
        let names = |step: &Step, taken| kept(step, 2, taken).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names(&Step::Docs, &taken), ["catalog.json", "index.html"]);
        assert_eq!(names(&Step::Docs, &nothing), ["catalog.json", "index.html", "manifest.json"]);
        assert_eq!(names(&Step::Test(Selection::default()), &taken), ["run_results-2.json", "manifest.json"]);
    }
}
