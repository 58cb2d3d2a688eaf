//! The dbt artifacts of an attempt, uploaded under the attempt's prefix after each step.

use std::{collections::BTreeSet, path::Path, time::Duration};

use landfall_planner::Step;

use crate::{
    console::Console,
    store::Store,
    supervise::{self, StopSignal},
};

/// The interval between uploads of a growing dbt.log.
const LOG_INTERVAL: Duration = Duration::from_secs(30);
/// The time that an upload may take after a stop request. dbt has used up most of ECS's `stopTimeout` by then, and the
/// rest is needed for result.json.
const STOP_ALLOWANCE: Duration = Duration::from_secs(2);

/// The name of dbt's log among the artifacts. It contains dbt's JSON log at debug level and dbt's standard error, for
/// all steps in order.
pub const LOG: &str = "dbt.log";

/// Returns the files of a step's target folder to upload, as (file, artifact), the most important first.
///
/// `manifest.json` comes from the build, which has the compiled code of every node that ran. The docs step compiles
/// only what it documents, so its `manifest.json` is used only if there is no other, and its `run_results.json` never.
/// A second build or test step keeps its results under its own number.
pub fn step_artifacts(step: &Step, number: usize, uploaded: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let numbered = |file: &'static str| {
        let artifact = match file.split_once('.') {
            Some((stem, extension)) if uploaded.contains(file) => format!("{stem}-{number}.{extension}"),
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
            if !uploaded.contains("manifest.json") {
                files.push(numbered("manifest.json"));
            }
            files
        }
        Step::RunOperation { .. } => Vec::new(),
    }
}

/// Uploads files under an attempt's prefix, and remembers their names.
#[derive(Debug)]
pub struct ArtifactUploads<'a, S> {
    store: &'a S,
    prefix: String,
    names: BTreeSet<String>,
}

impl<'a, S: Store> ArtifactUploads<'a, S> {
    /// Starts without any uploaded file.
    pub fn new(store: &'a S, prefix: String) -> Self {
        Self { store, prefix, names: BTreeSet::new() }
    }

    /// Returns the names of the uploaded files.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Uploads a file. A failure is printed and otherwise ignored: the run's outcome does not depend on artifacts.
    pub async fn upload(&mut self, file: &Path, name: &str, stop: &mut StopSignal, console: &mut Console) {
        let key = format!("{}{name}", self.prefix);
        let uploaded = tokio::select! {
            uploaded = self.store.upload(&key, file) => uploaded.map_err(|error| error.to_string()),
            () = allowance_passed(stop) => {
                Err(format!("the task is stopping, and the upload took more than {} s", STOP_ALLOWANCE.as_secs()))
            }
        };
        match uploaded {
            Ok(()) => {
                self.names.insert(name.to_owned());
            }
            Err(reason) => console.print(&format!("could not upload {name}: {reason}; the run goes on without it")),
        }
    }

    /// Uploads dbt.log every 30 s if it has grown. Never returns, so the caller runs it beside dbt. Failures are
    /// ignored, because the log is uploaded again at the step's end.
    pub async fn upload_log_periodically(&self, file: &Path) -> std::convert::Infallible {
        let mut uploaded_bytes = 0;
        loop {
            tokio::time::sleep(LOG_INTERVAL).await;
            let bytes = tokio::fs::metadata(file).await.map_or(0, |metadata| metadata.len());
            if bytes > uploaded_bytes && self.store.upload(&format!("{}{LOG}", self.prefix), file).await.is_ok() {
                uploaded_bytes = bytes;
            }
        }
    }
}

async fn allowance_passed(stop: &mut StopSignal) {
    supervise::stop_requested(stop).await;
    tokio::time::sleep(STOP_ALLOWANCE).await;
}

#[cfg(test)]
mod tests {
    use landfall_planner::Selection;

    use super::*;

    #[test]
    fn the_docs_step_replaces_neither_the_results_nor_the_manifest_of_the_build() {
        let of_build = BTreeSet::from(["run_results.json".to_owned(), "manifest.json".to_owned()]);
        let none = BTreeSet::new();
        let names = |step: &Step, uploaded| {
            step_artifacts(step, 2, uploaded).into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&Step::Docs, &of_build), ["catalog.json", "index.html"]);
        assert_eq!(names(&Step::Docs, &none), ["catalog.json", "index.html", "manifest.json"]);
        assert_eq!(names(&Step::Test(Selection::default()), &of_build), ["run_results-2.json", "manifest.json"]);
    }
}
