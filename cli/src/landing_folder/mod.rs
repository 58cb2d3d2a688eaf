//! A folder whose files are uploaded to the landing buckets of a local stack, while the stack's activity is printed.

mod watched_folder;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use landfall_aws::StoreError;
use landfall_planner::ReadinessPolicy;

use crate::{
    activity::{Activity, ActivityError},
    ledger::{self, StateError},
    local::{LocalError, LocalStack},
    stack::{Stack, StackError},
    terminal::Terminal,
    text::{count, printable},
};

pub use watched_folder::WatchedFolder;

/// The interval at which the folder, the ledger and the logs are read.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// Errors of following a local stack and its landing folder.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The emulator's process is gone.
    #[error("the emulator ended unexpectedly; its log is {}: start the local stack again", .0.display())]
    EmulatorEnded(PathBuf),
    /// The ledger or the docs could not be read.
    #[error(transparent)]
    Activity(#[from] ActivityError),
    /// The landing folder could not be written.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The stack lacks an output.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The board or the release could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file could not be uploaded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Uploads new and changed files of the folder and prints the stack's activity, until the caller drops the future.
///
/// With `from_start`, files that are in the folder already are uploaded too.
///
/// # Errors
///
/// The emulator ended, the stack's state cannot be read, or an upload fails.
pub async fn follow(
    terminal: &Terminal,
    stack: &mut LocalStack,
    docs: &str,
    landing: &Path,
    from_start: bool,
) -> Result<(), FollowError> {
    let datasets = make_folders(stack, landing).await?;
    terminal.heading(&format!("Put a file into {}/", landing.display()));
    for line in datasets {
        terminal.print(format!("  {line}"));
    }
    terminal.print(format!("  docs: {docs}"));
    terminal.print("  In another terminal: `landfall status`, `landfall why WHAT`. Ctrl-C ends the stack.");
    let mut watched = if from_start { WatchedFolder::everything(landing) } else { WatchedFolder::from_now_on(landing) };
    let mut activity = Activity::from_now_on(terminal, &stack.stack, Some(docs.to_owned())).await?;
    terminal.until_interrupted();
    loop {
        let changed = watched.changed();
        if !changed.is_empty() {
            activity.restart_clock();
        }
        for file in changed {
            upload(terminal, &stack.stack, &stack.state.landing_buckets, landing, &file).await?;
        }
        if !stack.is_alive() {
            return Err(FollowError::EmulatorEnded(stack.state.folder.join("emulator/emulator.log")));
        }
        activity.poll().await?;
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn upload(
    terminal: &Terminal,
    stack: &Stack,
    buckets: &[String],
    landing: &Path,
    file: &Path,
) -> Result<(), FollowError> {
    let Some((bucket, key)) = destination(buckets, file) else { return Ok(()) };
    match tokio::fs::read(landing.join(file)).await {
        Ok(bytes) => {
            stack.store(bucket).put(&key, &bytes, "application/octet-stream").await?;
        }
        // The file may have been deleted since the folder was read.
        Err(error) => terminal.warn(&format!("cannot upload {}: {error}", printable(&file.display().to_string()))),
    }
    Ok(())
}

/// The bucket and key of a file: its path is the key, unless its first folder has the name of a landing bucket.
#[must_use]
pub fn destination<'a>(buckets: &'a [String], file: &Path) -> Option<(&'a str, String)> {
    let key = file.to_string_lossy().into_owned();
    let named = key.split_once('/').and_then(|(first, rest)| {
        let bucket = buckets.iter().find(|bucket| *bucket == first)?;
        Some((bucket.as_str(), rest.to_owned()))
    });
    named.or_else(|| Some((buckets.first()?.as_str(), key)))
}

/// Makes a folder for each location of a dataset and returns a line for each, so that the user sees where files go.
async fn make_folders(stack: &LocalStack, landing: &Path) -> Result<Vec<String>, FollowError> {
    let state = stack.stack.state()?;
    let (_, release) = ledger::snapshot(&state).await?;
    let Some(release) = release else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    std::fs::create_dir_all(landing).map_err(|source| LocalError::files(landing, source))?;
    let first = stack.state.landing_buckets.first();
    for (name, dataset) in &release.compiled.datasets {
        for location in &dataset.locations {
            if !stack.state.landing_buckets.contains(&location.bucket) {
                continue;
            }
            let mut folder = landing.to_owned();
            if first != Some(&location.bucket) {
                folder.push(&location.bucket);
            }
            if location.folder().ends_with('/') {
                let folder = folder.join(location.folder());
                std::fs::create_dir_all(&folder).map_err(|source| LocalError::files(&folder, source))?;
            }
            lines.push(format!(
                "{:<24} a load of {name} runs {}",
                folder.join(&location.pattern).display(),
                count(dataset.nodes.len(), "node", "nodes")
            ));
        }
        if dataset.ready == ReadinessPolicy::Event {
            lines.push(format!("{:<24} announces a load of {name}", format!("landfall load {name}")));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_to_the_bucket_that_its_first_folder_names_else_to_the_first_bucket() {
        let buckets = ["shop-landing".to_owned(), "partner".to_owned()];
        let place = |file: &str| destination(&buckets, Path::new(file)).map(|(bucket, key)| format!("{bucket} {key}"));
        assert_eq!(place("orders/a.csv").as_deref(), Some("shop-landing orders/a.csv"));
        assert_eq!(place("partner/in/a.csv").as_deref(), Some("partner in/a.csv"));
        assert_eq!(destination(&[], Path::new("a.csv")), None);
    }
}
