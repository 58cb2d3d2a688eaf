//! A folder that is polled for new and changed files. Polling works on every file system and with every editor.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use walkdir::WalkDir;

/// Size and modification time of a file: a file whose state differs has changed.
type FileState = (u64, Option<SystemTime>);

/// A folder and the files that were already returned.
#[derive(Debug)]
pub struct WatchedFolder {
    folder: PathBuf,
    /// Files that were returned, with the state that they had then.
    known: BTreeMap<PathBuf, FileState>,
    /// Files that were new or changed at the last poll. They are returned once two polls see the same state, so that
    /// a file is not uploaded while it is being written.
    growing: BTreeMap<PathBuf, FileState>,
}

impl WatchedFolder {
    /// Watches a folder; files that are in it already are not returned.
    pub fn from_now_on(folder: &Path) -> Self {
        let known = files(folder);
        Self { folder: folder.to_owned(), known, growing: BTreeMap::new() }
    }

    /// Watches a folder; files that are in it already are returned too.
    pub fn everything(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: BTreeMap::new(), growing: BTreeMap::new() }
    }

    /// Returns the files that are new or changed and have the same state as at the last call, as paths relative to
    /// the folder.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let now = files(&self.folder);
        self.known.retain(|path, _| now.contains_key(path));
        let fresh: BTreeMap<PathBuf, FileState> =
            now.into_iter().filter(|(path, seen)| self.known.get(path) != Some(seen)).collect();
        let stable: Vec<PathBuf> = fresh
            .iter()
            .filter(|(path, seen)| self.growing.get(*path) == Some(seen))
            .map(|(path, _)| path.clone())
            .collect();
        for path in &stable {
            if let Some(seen) = fresh.get(path) {
                self.known.insert(path.clone(), *seen);
            }
        }
        self.growing = fresh;
        for path in &stable {
            self.growing.remove(path);
        }
        stable
    }
}

/// Every file below the folder, except hidden files and the temporary files of editors and browsers.
fn files(folder: &Path) -> BTreeMap<PathBuf, FileState> {
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    // A file that cannot be read now may be readable at the next poll.
    walk.filter_entry(|entry| entry.depth() == 0 || !is_temporary(&entry.file_name().to_string_lossy()))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            let relative = entry.path().strip_prefix(folder).ok()?.to_owned();
            Some((relative, (data.len(), data.modified().ok())))
        })
        .collect()
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || [".swp", ".tmp", ".part", ".crdownload"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_returned_once_it_stops_changing_and_again_when_it_changes_later() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("orders")).unwrap();
        std::fs::write(folder.path().join("orders/old.csv"), "1").unwrap();
        let mut watched = WatchedFolder::from_now_on(folder.path());
        assert!(watched.changed().is_empty(), "a file that was there before is not returned");

        let file = folder.path().join("orders/a b+c.csv");
        std::fs::write(&file, "1").unwrap();
        std::fs::write(folder.path().join("orders/.a.swp"), "1").unwrap();
        assert!(watched.changed().is_empty(), "it may still be being written");
        std::fs::write(&file, "1,2").unwrap();
        assert!(watched.changed().is_empty(), "it changed");
        assert_eq!(watched.changed(), [PathBuf::from("orders/a b+c.csv")]);
        assert!(watched.changed().is_empty(), "a file is returned once");

        std::fs::write(&file, "1,2,3").unwrap();
        assert!(watched.changed().is_empty());
        assert_eq!(watched.changed().len(), 1, "an overwrite is a load");

        std::fs::remove_file(&file).unwrap();
        watched.changed();
        std::fs::write(&file, "1,2,3").unwrap();
        watched.changed();
        assert_eq!(watched.changed().len(), 1, "a file that was deleted and written again is a load");
    }
}
