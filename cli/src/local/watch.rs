//! A folder that is watched for files that are new or changed, by looking now and then: every file system and every editor can be watched so.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use walkdir::WalkDir;

/// What tells one state of a file from another.
type Look = (u64, Option<SystemTime>);

/// A watched folder.
#[derive(Debug)]
pub struct Watched {
    folder: PathBuf,
    /// Files as they were when they were last handed out.
    known: BTreeMap<PathBuf, Look>,
    /// Files that looked new or changed the last time: handed out once two looks agree, so that no file is taken while it's written.
    growing: BTreeMap<PathBuf, Look>,
}

impl Watched {
    /// Watches a folder from now on: what lies there already is known.
    pub fn from_now_on(folder: &Path) -> Self {
        let known = look(folder);
        Self { folder: folder.to_owned(), known, growing: BTreeMap::new() }
    }

    /// Watches a folder with everything that lies there already.
    pub fn everything(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: BTreeMap::new(), growing: BTreeMap::new() }
    }

    /// Looks once. Gives the files that are new or changed and did not change since the look before, by their paths in the folder.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let now = look(&self.folder);
        self.known.retain(|path, _| now.contains_key(path));
        let fresh: BTreeMap<PathBuf, Look> =
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

/// Every file below the folder but hidden ones and the leavings of editors and browsers.
fn look(folder: &Path) -> BTreeMap<PathBuf, Look> {
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    // What cannot be read now may be readable at the next look.
    walk.filter_entry(|entry| entry.depth() == 0 || !is_leaving(&entry.file_name().to_string_lossy()))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            let relative = entry.path().strip_prefix(folder).ok()?.to_owned();
            Some((relative, (data.len(), data.modified().ok())))
        })
        .collect()
}

fn is_leaving(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || [".swp", ".tmp", ".part", ".crdownload"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_once_it_no_longer_grows_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("orders")).unwrap();
        std::fs::write(folder.path().join("orders/old.csv"), "1").unwrap();
        let mut watched = Watched::from_now_on(folder.path());
        assert!(watched.changed().is_empty(), "what lay there is known");

        let file = folder.path().join("orders/a b+c.csv");
        std::fs::write(&file, "1").unwrap();
        std::fs::write(folder.path().join("orders/.a.swp"), "1").unwrap();
        assert!(watched.changed().is_empty(), "it may still be written");
        std::fs::write(&file, "1,2").unwrap();
        assert!(watched.changed().is_empty(), "it grew");
        assert_eq!(watched.changed(), [PathBuf::from("orders/a b+c.csv")]);
        assert!(watched.changed().is_empty(), "taken once");

        std::fs::write(&file, "1,2,3").unwrap();
        assert!(watched.changed().is_empty());
        assert_eq!(watched.changed().len(), 1, "an overwrite is a load");

        std::fs::remove_file(&file).unwrap();
        watched.changed();
        std::fs::write(&file, "1,2,3").unwrap();
        watched.changed();
        assert_eq!(watched.changed().len(), 1, "deleted and put back is a load");
    }
}
